"""One packet and its variations: what the kernel that receives them does with each.

Every trial takes a bench; in a lab on loopback all its outcomes are refused.
"""

from dataclasses import dataclass

from sockets_lab.errors import Refused, attempt
from sockets_lab.headers import TCP, UDP, Ethernet, Header, IPv4, Packet, build, compose, corrected
from sockets_lab.lessons.packets.examples import FROM
from sockets_lab.lessons.packets.model import FIRST, LISTENER, SECOND, Outcome, Testbed
from sockets_lab.lessons.packets.sending import framed
from sockets_lab.model import Endpoint

UNUSED = 4443  # a port of the first node that no socket has, nor had: one that had it lately would answer
NOBODY = 9  # a port at which nobody waits in a node
STRANGER = "02:00:00:00:00:99"  # a card that nobody has
EXPERIMENTAL_TYPE, EXPERIMENTAL_PROTOCOL = 0x88B5, 253  # kept for experiments: IEEE 802; RFC 3692


@dataclass(frozen=True)
class Trial:
    """One field with another value, and what came of that."""

    header: type[Header]
    field: str
    value: object
    outcome: Outcome


def plain(bench: Testbed, data: bytes = b"hello") -> Packet:
    """Put together the datagram that an ordinary socket in the first node would send to the first program."""
    there = bench.endpoint(FIRST)
    ip = IPv4(source=bench.here.address, destination=there.address, dont_fragment=1)
    header = UDP(source_port=FROM, destination_port=there.port)
    return framed(compose(ip, header, payload=data), bench.here, bench.there)


def start(bench: Testbed) -> Packet:
    """Put together a first segment, SYN, to the listener; no socket of the first node knows of it."""
    there = bench.endpoint(LISTENER)
    ip = IPv4(source=bench.here.address, destination=there.address, dont_fragment=1)
    header = TCP(source_port=UNUSED, destination_port=there.port, sequence=1, syn=1, window=64240)
    return framed(compose(ip, header), bench.here, bench.there)


def three_checksums(bench: Testbed) -> tuple[Outcome, Outcome, Outcome]:
    """Send a datagram with the right checksum, with a wrong one, and with none."""
    right = plain(bench)
    checksum = right.find(UDP).checksum  # type: ignore[union-attr]
    return tuple(bench.send(right.change(UDP, checksum=one)) for one in (checksum, checksum ^ 1 or 1, 0))  # type: ignore[return-value]


def closed_port(bench: Testbed) -> tuple[Outcome, Outcome]:
    """Send a datagram, and the first segment of a connection, to a port at which nobody waits."""
    return (bench.send(corrected(plain(bench).change(UDP, destination_port=NOBODY))),
            bench.send(corrected(start(bench).change(TCP, destination_port=NOBODY))))  # fmt: skip


def source_zero(bench: Testbed) -> tuple[Outcome, int | Refused]:
    """Send a datagram whose source port is zero, and let the receiver try to answer.

    Returns: what came of it, and what the receiver's sendto returned.
    """
    outcome = bench.send(corrected(plain(bench).change(UDP, source_port=0)))
    sock = bench.programs[FIRST]
    return outcome, attempt(sock.sendto, b"answer", Endpoint(bench.here.address, 0).sockaddr)


def handmade_start(bench: Testbed) -> Outcome:
    """Send a SYN by hand to the listener: its kernel answers, and the first node's own kernel has its say too."""
    return bench.send(start(bench))


def survey(bench: Testbed) -> tuple[Trial, ...]:
    """Change one field of a good datagram after the other, and send each: which fields does the receiver mind?"""
    good, other = plain(bench), bench.endpoint(SECOND).port
    changes: tuple[tuple[type[Header], str, object, bool], ...] = (
        (Ethernet, "destination", STRANGER, True), (Ethernet, "source", STRANGER, True),
        (Ethernet, "ethertype", EXPERIMENTAL_TYPE, False),
        (IPv4, "dscp", 46, True), (IPv4, "identification", 4711, True), (IPv4, "more_fragments", 1, True),
        (IPv4, "ttl", 1, True), (IPv4, "protocol", EXPERIMENTAL_PROTOCOL, True), (IPv4, "checksum", 0xBAD, False),
        (IPv4, "source", _neighbor(bench.here.address), True), (IPv4, "destination", bench.here.address, True),
        (UDP, "source_port", 5555, True), (UDP, "destination_port", other, True),
        (UDP, "destination_port", NOBODY, True), (UDP, "length", 100, False), (UDP, "checksum", 0xBAD, False),
        (UDP, "checksum", 0, False),
    )  # fmt: skip
    return tuple(
        Trial(kind, name, value, bench.send(_changed(good, kind, name, value, follow)))
        for kind, name, value, follow in changes
    )


def _changed(packet: Packet, kind: type[Header], name: str, value: object, follow: bool) -> Packet:
    changed = packet.change(kind, **{name: value})
    if name == "protocol":  # what follows is then no UDP header any more, just bytes
        changed = Packet(changed.layers[:2], build(Packet(changed.layers[2:], changed.payload)))
    return corrected(changed) if follow else changed


def _neighbor(address: str) -> str:
    """Return the address with the last number one higher or lower: nobody's in the lab."""
    *front, last = address.split(".")
    return ".".join([*front, str(int(last) ^ 1)])
