"""What the text says about ports, each claim measured here and now."""

import socket

from sockets_lab.course.questions import Claim, evidence, require
from sockets_lab.lessons import ports
from sockets_lab.lessons.ports.questions.predictions import HERE, listen_on_a_named_port
from sockets_lab.model import MAX_PORT


def _sixteen_bits() -> tuple[str, str]:
    last, beyond = ports.try_number(MAX_PORT), ports.try_number(MAX_PORT + 1)
    held = last.field.hex(" ") if last.field else "nothing"
    fits = last.field is not None and beyond.field is None and beyond.python is not None
    return f"65535 fills the field ({held}); 65536 does not fit: {beyond.python}", "so" if fits else "not so"


def _zero_for_tcp() -> tuple[str, str]:
    found = ports.probe(0)
    port = evidence(found.bound, "bind to port 0").port
    text = f"bind to port 0 gave port {port}; connect to port 0: {found.outcome}"
    return text, "so on the wire; for bind it is a wish"


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
    require(measured.ports, "this kernel handed out no port")
    told = [f"{low}-{high}: {measured.inside(low, high)} of them" for low, high in ports.TEXT_EPHEMERAL.values()]
    return f"{len(measured.ports)} ports were handed out just now; from {', from '.join(told)}", "contradicts itself"


def client_port() -> tuple[str, str]:
    """Connect to forty listeners: for one and the same, some kernels go up from one port to the next."""
    given = [port for _ in range(40) for port in ports.hand_out("tcp", "connect", 5).ports]
    require(given, "no client could connect")
    inside = sum(port in ports.DYNAMIC for port in given)
    verdict = "so here" if inside == len(given) else "the system decides"
    found = f"{len(given)} clients got ports from {min(given)} to {max(given)}"
    return f"{found}, {inside} of them in that range", verdict


def _registered() -> tuple[str, str]:
    port = listen_on_a_named_port()
    if port is None:
        return "every registered port that was tried refused", "refused here"
    return f"a listener of the course held {port} ({ports.service(port)}) for a moment; nobody objected", "a convention"


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
        client_port,
        "ip(7); RFC 6056. Windows: 49152-65535",
    ),
    Claim(
        "Programs of one's own should not use registered ports.",
        _registered,
        "IANA registry's note: not without or before registration",
    ),
)
