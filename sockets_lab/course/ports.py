"""The questions of lesson 03."""

import socket

from sockets_lab import descriptors, machine, ports
from sockets_lab.course.questions import Claim, Exercise, Found, Prediction, personal_number
from sockets_lab.errors import Refused, attempt
from sockets_lab.model import MAX_PORT, Endpoint

COLUMN = personal_number("03/column", 1, 254)
HERE = "127.0.0.1"
REGISTERED = (1433, 1883, 3306, 3389, 5060, 5432, 5900, 8080)  # for other services, in IANA's registry


def _too_large() -> str:
    trial = ports.try_number(MAX_PORT + 1)
    if trial.python:
        return "Python refuses, and the kernel is never asked"
    return "the kernel refuses" if isinstance(trial.kernel, Refused) else "nobody: the kernel gives another port"


def _connect_to_zero() -> str:
    return {"open": "somebody answers", "silent": "nobody answers, and it waits"}.get(
        ports.probe(0).outcome, "it is refused at once"
    )


def _foreign_number() -> str:
    return "nothing: it may listen there" if _listens_on_a_named_port() else "the kernel, which refuses"


def _listens_on_a_named_port() -> int | None:
    """Listen for a moment on a registered port that belongs to another service; return it, or None where all refuse."""
    named = sorted(port for port in ports.named_ports("tcp") or () if port in ports.USER) or REGISTERED
    for port in named:
        with socket.socket() as sock:
            if not isinstance(attempt(sock.bind, (HERE, port)), Refused):
                sock.listen()
                return port
    return None


def _where_from() -> str:
    measured = ports.measure_ephemeral(200)
    inside = {each.name: measured.inside(each.low, each.high) for each in ports.RANGES}
    if inside["Dynamic"] == "all":
        return "only from 49152 up"
    return "from below 1024, too" if inside["System"] != "none" else "also from 1024 to 49151"


PREDICTIONS = (
    Prediction(
        "too-large",
        "Your program binds to port 65536, one more than the largest. Who says no?",
        (
            "nobody: the kernel gives another port", "the kernel refuses",
            "Python refuses, and the kernel is never asked",
        ),
        _too_large,
        {
            "Python refuses, and the kernel is never asked": "The structure that carries an address to the kernel has "
            "16 bits for the port. Python checks before it fills them in; a C program that does not check asks for "
            "port 0 without knowing it.",
            "the kernel refuses": "This Python passed the number on.",
            "nobody: the kernel gives another port": "This Python cut the number down to 16 bits.",
        },
    ),
    Prediction(
        "port-zero",
        "For `bind`, port 0 means: kernel, choose one. What does `connect` to port 0 do?",
        ("somebody answers", "it is refused at once", "nobody answers, and it waits"),
        _connect_to_zero,
        {
            "it is refused at once": "No socket can be bound to port 0, so nobody can listen there: zero is a wish "
            "that only `bind` understands.",
            "nobody answers, and it waits": "Something on this machine swallows what goes to port 0.",
            "somebody answers": "Something on this machine, such as a proxy, answers for port 0.",
        },
    ),
    Prediction(
        "foreign-number",
        "A port from 1024 to 49151 is registered for somebody's service. Your program is another one. "
        "What stops it from listening there?",
        ("the kernel, which refuses", "nothing: it may listen there"),
        _foreign_number,
        {
            "nothing: it may listen there": "A registration is an agreement between people. The kernel looks only at "
            "who holds the port now. So the number of a port is no proof of the service behind it.",
            "the kernel, which refuses": "Every such port that was tried is held by somebody, or a rule of this "
            "machine forbids it.",
        },
    ),
    Prediction(
        "where-from",
        "You let this kernel choose 800 ports. Where will they come from?",
        ("only from 49152 up", "also from 1024 to 49151", "from below 1024, too"),
        _where_from,
        {
            "also from 1024 to 49151": "The kernel has a range of its own, and it begins among the registered ports. "
            "Linux starts at 32768 unless somebody has set it otherwise.",
            "only from 49152 up": "This system keeps to the range that RFC 6335 sets aside, as Windows and macOS do.",
            "from below 1024, too": "Somebody has set this system's range so.",
        },
    ),
)  # fmt: skip


def _check_both_protocols() -> Found:
    mine = [entry for entry in descriptors.table() if entry.local]
    rows = descriptors.rows_behind(mine)
    listening = {row.local.port for row in rows.values() if row.state == "LISTEN"}
    datagrams = {entry.local.port for entry in mine if entry.type == "UDP" and entry.local}
    if (listening & datagrams) - {0}:
        return Found(True, "a TCP socket that listens and a UDP socket of this process hold the same number.")
    return Found(False, "no number is held by a listening TCP socket and a UDP socket of this process at once.")


def _check_column() -> Found:
    given = machine.ephemeral_range() or (ports.DYNAMIC.low, MAX_PORT)
    held = {entry.local.port for entry in descriptors.table() if entry.type == "UDP" and entry.local} - {0}
    in_column = {port for port in held if port % ports.SIDE == COLUMN}
    if not in_column:
        return Found(False, f"no UDP socket of this process holds a port in column {COLUMN} of the map.")
    if not any(port in ports.USER and not given[0] <= port <= given[1] for port in in_column):
        return Found(False, "the column is right; the port is no User port, or one that the kernel itself hands out.")
    return Found(True, f"a UDP socket of this process holds a User port in column {COLUMN}, chosen by you.")


EXERCISES = (
    Exercise(
        "both-protocols",
        "Hold one port number twice: with a TCP socket that *listens* and with a UDP socket. "
        "Let the kernel choose the number.",
        _check_both_protocols,
        (
            "Only the first of the two may ask for port 0. The other asks for what the first one got.",
            "`tcp.getsockname()` is just what `udp.bind(...)` takes.",
            "The UDP socket is `socket.socket(socket.AF_INET, socket.SOCK_DGRAM)`. Should the number be taken, run the "
            "cell again: the kernel will choose another.",
        ),
    ),
    Exercise(
        "column",
        f"Bind a UDP socket on 127.0.0.1 to a port in **column {COLUMN}** of the map (yours; others have another): "
        f"the low byte of the port is {COLUMN}. It must be a User port, and none that this kernel hands out by itself.",
        _check_column,
        (
            f"A port is row x 256 + column. Yours is `row * 256 + {COLUMN}`, for a row that you choose.",
            "The User ports fill the rows 4 to 191. The map's colored line shows the rows that the kernel uses.",
            "Row 20, for one, lies outside this kernel's range almost everywhere. If the port is taken "
            "(EADDRINUSE), choose another row.",
        ),
    ),
)


def _sixteen_bits() -> tuple[str, str]:
    last, beyond = ports.try_number(MAX_PORT), ports.try_number(MAX_PORT + 1)
    held = last.field.hex(" ") if last.field else "nothing"
    return f"65535 fills the field ({held}); 65536 does not fit: {beyond.python}", "so"


def _zero_for_tcp() -> tuple[str, str]:
    found = ports.probe(0)
    bound = f"gave port {found.bound.port}" if isinstance(found.bound, Endpoint) else f"said {found.bound.name}"
    return f"bind to port 0 {bound}; connect to port 0: {found.outcome}", "so on the wire; for bind it is a wish"


def _zero_for_udp() -> tuple[str, str]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nameless,
    ):
        receiver.bind((HERE, 0))
        receiver.settimeout(5)
        nameless.sendto(b"", receiver.getsockname())
        port = receiver.recvfrom(1)[1][1]
    return f"a socket that was never bound sent from port {port}: the kernel gave it one", "so, in the header"


def _misplaced() -> tuple[str, str]:
    row = ports.misplaced()[0]
    return f"{row.port} is one of the {ports.range_of(row.port)}; name here: {ports.service(row.port)}", "wrong"


def _names_of(port: int) -> str:
    return f"names here: {port}/tcp {ports.service(port, 'tcp')}, {port}/udp {ports.service(port, 'udp')}"


def _dns() -> tuple[str, str]:
    return f"{_names_of(53)}. TCP must be supported for every query", "too narrow"


def _https() -> tuple[str, str]:
    return f"{_names_of(443)}. HTTP/3 uses 443/udp", "incomplete"


def _two_definitions() -> tuple[str, str]:
    measured = ports.measure_ephemeral(100)
    told = [f"{low}-{high}: {measured.inside(low, high)} of them" for low, high in ports.TEXT_EPHEMERAL.values()]
    return f"{len(measured.ports)} ports were handed out just now; from {', from '.join(told)}", "contradicts itself"


def _client_port() -> tuple[str, str]:
    """Connect to forty listeners: for one and the same, some kernels go up from one port to the next."""
    given = [port for _ in range(40) for port in ports.hand_out("tcp", "connect", 5).ports]
    inside = sum(port in ports.DYNAMIC for port in given)
    verdict = "so here" if given and inside == len(given) else "the system decides"
    found = f"{len(given)} clients got ports from {min(given, default=0)} to {max(given, default=0)}"
    return f"{found}, {inside} of them in that range", verdict


def _registered() -> tuple[str, str]:
    port = _listens_on_a_named_port()
    if port is None:
        return "every registered port that was tried refused", "refused here"
    return f"a listener of the course held {port} ({ports.service(port)}) for a moment; nobody objected", "a convention"


def _privilege() -> tuple[str, str]:
    lowest = machine.lowest_port()
    return f"the lowest port that this user may bind is {lowest}", "so here" if lowest >= 1024 else "not so here"


CLAIMS = (
    Claim("A port number has 16 bits: 0 to 65535.", _sixteen_bits, "RFC 9293 3.1; RFC 768"),
    Claim("TCP port 0 is reserved and cannot be used.", _zero_for_tcp, "RFC 6335 section 6; bind(2)"),
    Claim("A UDP source port of zero means that there is none.", _zero_for_udp, "RFC 768; packets: lesson 08"),
    Claim("3389, remote desktops, stands among the ports 0-1023.", _misplaced, "IANA registry; RFC 6335 section 6"),
    Claim("DNS uses TCP to copy zones, and UDP for the rest.", _dns, "RFC 7766 section 5"),
    Claim("443 is HTTP over TLS.", _https, "IANA registry; RFC 9114"),
    Claim(
        "Every port above the first 1024 is ephemeral. (And later: only the last range is.)",
        _two_definitions,
        "RFC 6335 section 6",
    ),
    Claim(
        "A browser that connects gets a port from 49152 to 65535.",
        _client_port,
        "ip(7); RFC 6056. Windows: 49152-65535",
    ),
    Claim(
        "Programs of one's own should not use registered ports.",
        _registered,
        "IANA registry's note: not without or before registration",
    ),
    Claim(
        "Many systems let only privileged programs bind the low ports.",
        _privilege,
        "ip(7); on macOS since 10.14 all users may",
    ),
)
