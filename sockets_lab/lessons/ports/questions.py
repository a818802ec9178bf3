"""The questions of lesson 03: what it asks before an experiment, what the learner builds, what the text claims."""

import socket

from sockets_lab.course.questions import (
    Choice,
    Claim,
    Exercise,
    Found,
    Prediction,
    answer,
    evidence,
    personal_number,
    require,
)
from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel import descriptors, machine
from sockets_lab.lessons import ports
from sockets_lab.model import MAX_PORT

HERE = "127.0.0.1"
REGISTERED = (1433, 1883, 3306, 3389, 5060, 5432, 5900, 8080)  # for other services, in IANA's registry
COLUMN = personal_number("03/column", 1, 254)


def _too_large() -> str:
    trial = ports.try_number(MAX_PORT + 1)
    if trial.python:
        return "python-refuses"
    return "refused" if isinstance(trial.kernel, Refused) else "another"


def _connect_to_zero() -> str:
    found = ports.probe(0)
    if isinstance(found.reached, Refused) and found.reached.name == "EADDRNOTAVAIL":
        return "refused"  # BSD and Windows say so; `probe` has bound its socket, so it is not for want of a port
    return answer({"open": "answered", "silent": "silence", "refused": "refused"}, found.outcome)


def _remote_number() -> str:
    return "granted" if _listen_on_a_named_port() else "refused"


def _listen_on_a_named_port() -> int | None:
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
    for handout in measured.handouts:
        require(handout.ports, f"{handout.protocol} {handout.way} gave no port: {handout.refused}")
    inside = {each.name: measured.inside(each.low, each.high) for each in ports.RANGES}
    if inside["Dynamic"] == "all":
        return "dynamic"
    return "system" if inside["System"] != "none" else "user"


PREDICTIONS = (
    Prediction(
        "too-large",
        "Your program binds to port 65536, one more than the largest port number. What happens?",
        (Choice("another", "the kernel binds another port", "This Python cut the number down to 16 bits."),
         Choice("refused", "the kernel returns an error", "This Python passed the number on to the kernel."),
         Choice("python-refuses", "Python raises an error and never asks the kernel", "The structure that carries an "
                "address to the kernel has 16 bits for the port, and Python checks the number first. A C program that "
                "does not check asks for port 0 without noticing.")),
        _too_large,
    ),
    Prediction(
        "port-zero",
        'For `bind`, port 0 means "choose a free port for me". What does `connect` to TCP port 0 do?',
        (Choice("answered", "it connects", "Something on this machine, such as a proxy, answers for port 0."),
         Choice("refused", "it fails at once", "No socket can be bound to port 0, so no program can listen there: "
                "only `bind` gives port 0 a meaning. Linux sends the connection request and a reset comes back; BSD "
                "and Windows return an error without sending."),
         Choice("silence", "it waits for a response that never comes", "Something on this machine drops what is sent "
                "to port 0.")),
        _connect_to_zero,
    ),
    Prediction(
        "foreign-number",
        "A port from 1024 to 49151 is registered for another service than your program's. "
        "What stops your program from listening there?",
        (Choice("refused", "the kernel returns an error", "Every such port that was tried is in use, or a rule of "
                "this machine forbids it."),
         Choice("granted", "nothing stops it", "A registration at IANA, the Internet Assigned Numbers Authority, is "
                "an agreement between people; no kernel reads that list. So a port number does not prove which "
                "service uses it.")),
        _remote_number,
    ),
    Prediction(
        "where-from",
        "You let this kernel choose 200 ports in each of four ways: for TCP and for UDP, by `bind` and by `connect`. "
        "From which range do they come?",
        (Choice("dynamic", "only from 49152 up", "This system keeps to the dynamic range of RFC 6335, as Windows and "
                "macOS do by default."),
         Choice("user", "also from 1024 to 49151", "The kernel has its own **ephemeral range**, and here it begins "
                "among the registered ports. On Linux it is 32768 to 60999 unless `net.ipv4.ip_local_port_range` "
                "says otherwise."),
         Choice("system", "also from below 1024", "An administrator has set this system's range so.")),
        _where_from,
    ),
)  # fmt: skip


def _check_both_protocols() -> Found:
    mine = [entry for entry in descriptors.table() if entry.local]
    rows = descriptors.rows_behind(mine)
    listening = {row.local.port for row in rows.values() if row.state == "LISTEN"}
    datagrams = {entry.local.port for entry in mine if entry.type == "UDP" and entry.local}
    if (listening & datagrams) - {0}:
        return Found(True, "a TCP socket that listens and a UDP socket of this process use the same port.")
    return Found(False, "no port is used by both a listening TCP socket and a UDP socket of this process.")


def _check_column() -> Found:
    given = machine.ephemeral_range() or (ports.DYNAMIC.low, MAX_PORT)
    udp = [entry.local for entry in descriptors.table() if entry.type == "UDP" and entry.local]
    held = {local.port for local in udp if local.address == "127.0.0.1"} - {0}
    in_column = {port for port in held if port % ports.SIDE == COLUMN}
    if not in_column:
        return Found(False, f"no UDP socket of this process holds a port of 127.0.0.1 in column {COLUMN} of the map.")
    if not any(port in ports.USER and not given[0] <= port <= given[1] for port in in_column):
        return Found(False, "the column is right; the port is not a User port, or this kernel itself assigns it.")
    return Found(True, f"a UDP socket of this process holds a User port in column {COLUMN}, chosen by you.")


EXERCISES = (
    Exercise(
        "both-protocols",
        "Use one port number twice: with a TCP socket that *listens* and with a UDP socket. "
        "Let the kernel choose the number.",
        _check_both_protocols,
        (
            "Ask for port 0 with only one of the two sockets. Ask with the other for the port that the first one got.",
            "Call `tcp.getsockname()`: `udp.bind` takes what it returns. If the port is in use, run the cell again.",
            "Fill the blank, then bind: `udp = socket.socket(socket.AF_INET, ...)`.",
        ),
    ),
    Exercise(
        "column",
        f"Bind a UDP socket on 127.0.0.1 to a port in **column {COLUMN}** of the map (other learners get a different "
        f"one). The low byte of the port is {COLUMN}. Take a User port that this kernel never assigns by itself.",
        _check_column,
        (
            "Choose a row first: a port is row x 256 + column.",
            "Take one of the rows 4 to 191, the User ports, outside the colored line that shows the kernel's range.",
            f'Call `mine.bind(("127.0.0.1", ... * 256 + {COLUMN}))`. If it fails with EADDRINUSE, choose another row.',
        ),
    ),
)


def _sixteen_bits() -> tuple[str, str]:
    last, beyond = ports.try_number(MAX_PORT), ports.try_number(MAX_PORT + 1)
    held = last.field.hex(" ") if last.field else "nothing"
    fits = last.field is not None and beyond.field is None and beyond.python is not None
    return f"65535 fills the field ({held}); 65536 does not fit: {beyond.python}", "true here" if fits else "false"


def _zero_for_tcp() -> tuple[str, str]:
    found = ports.probe(0)
    port = evidence(found.bound, "bind to port 0").port
    text = f"bind to port 0 gave port {port}: there 0 asks the kernel to choose; connect to port 0: {found.outcome}"
    return f"{text}. IANA reserves the number; packets that carry it: lesson 10", "only in part"


def _zero_for_udp() -> tuple[str, str]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nameless,
    ):
        receiver.bind((HERE, 0))
        receiver.settimeout(5)
        nameless.sendto(b"", receiver.getsockname())
        port = receiver.recvfrom(1)[1][1]
    return f"in the header (lesson 10); the kernel gave a socket that was never bound port {port}", "only in part"


def _misplaced() -> tuple[str, str]:
    row = ports.misplaced()[0]
    return f"{row.port} is one of the {ports.range_of(row.port)}; name here: {ports.service(row.port)}", "false"


def _names_of(port: int) -> str:
    return f"names here: {port}/tcp {ports.service(port, 'tcp')}, {port}/udp {ports.service(port, 'udp')}"


def _dns() -> tuple[str, str]:
    return f"{_names_of(53)}. Servers must support TCP for every query", "only in part"


def _https() -> tuple[str, str]:
    return f"{_names_of(443)}. HTTP/3 uses 443/udp", "only in part"


def _two_definitions() -> tuple[str, str]:
    measured = ports.measure_ephemeral(100)
    require(measured.ports, "this kernel assigned no port")
    told = [f"{low}-{high}: {measured.inside(low, high)} of them" for low, high in ports.TEXT_EPHEMERAL.values()]
    return f"{len(measured.ports)} assigned just now; from {', from '.join(told)}: the sentences disagree", "false"


def _client_port() -> tuple[str, str]:
    """Connect to forty listeners: for one and the same, some kernels go up from one port to the next."""
    given = [port for _ in range(40) for port in ports.hand_out("tcp", "connect", 5).ports]
    require(given, "no client could connect")
    inside = sum(port in ports.DYNAMIC for port in given)
    verdict = "true here" if inside == len(given) else "false"
    found = f"{len(given)} clients got ports from {min(given)} to {max(given)}"
    return f"{found}, {inside} of them in that range: the system decides", verdict


def _registered() -> tuple[str, str]:
    port = _listen_on_a_named_port()
    if port is None:
        return "no registered port that was tried could be bound", "true here"
    return f"a listener here used {port} ({ports.service(port)}): a convention, not a kernel rule", "only in part"


CLAIMS = (
    Claim("A port number has 16 bits: 0 to 65535.", _sixteen_bits, "RFC 9293 section 3.1; RFC 768"),
    Claim("TCP port 0 is reserved and cannot be used.", _zero_for_tcp, "IANA registry; RFC 6335 section 6; ip(7)"),
    Claim("A UDP source port of zero means that there is none.", _zero_for_udp, "RFC 768"),
    Claim("3389, remote desktops, is one of the ports 0-1023.", _misplaced, "IANA registry; RFC 6335 section 6"),
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
        "proc_sys_net_ipv4(5); RFC 6056. Windows: 49152-65535",
    ),
    Claim(
        "Your own programs should not use registered ports.",
        _registered,
        "IANA registry's note: not without or before registration",
    ),
)
