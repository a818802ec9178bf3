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
    return f"65535 fills the field ({held}); 65536 does not fit: {beyond.python}", "true here" if fits else "false"


def _zero_for_tcp() -> tuple[str, str]:
    found = ports.probe(0)
    port = evidence(found.bound, "bind to port 0").port
    text = f"bind to port 0 gave port {port}: there 0 asks the kernel to choose; connect to port 0: {found.outcome}"
    return f"{text}. IANA reserves the number; packets that carry it: lesson 08", "only in part"


def _zero_for_udp() -> tuple[str, str]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nameless,
    ):
        receiver.bind((HERE, 0))
        receiver.settimeout(5)
        nameless.sendto(b"", receiver.getsockname())
        port = receiver.recvfrom(1)[1][1]
    return f"in the header (lesson 08); the kernel gave a socket that was never bound port {port}", "only in part"


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


def client_port() -> tuple[str, str]:
    """Connect to forty listeners: for one and the same, some kernels go up from one port to the next."""
    given = [port for _ in range(40) for port in ports.hand_out("tcp", "connect", 5).ports]
    require(given, "no client could connect")
    inside = sum(port in ports.DYNAMIC for port in given)
    verdict = "true here" if inside == len(given) else "false"
    found = f"{len(given)} clients got ports from {min(given)} to {max(given)}"
    return f"{found}, {inside} of them in that range: the system decides", verdict


def _registered() -> tuple[str, str]:
    port = listen_on_a_named_port()
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
        client_port,
        "proc_sys_net_ipv4(5); RFC 6056. Windows: 49152-65535",
    ),
    Claim(
        "Your own programs should not use registered ports.",
        _registered,
        "IANA registry's note: not without or before registration",
    ),
)
