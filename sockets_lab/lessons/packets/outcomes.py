"""What came of a packet: what crossed the cable, who received it, what the kernel answered and counted."""

from collections.abc import Iterable
from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.headers import TCP, UDP, ICMPv4, Packet, build, dissect
from sockets_lab.lab.capture import Captured
from sockets_lab.model import Endpoint

UNREACHABLE = {0: "network", 1: "host", 2: "protocol", 3: "port"}  # RFC 792, destination unreachable


@dataclass(frozen=True)
class Received:
    """What a program in B received: which one, the bytes, and from whom the kernel says they are."""

    program: str
    data: bytes
    sender: Endpoint


@dataclass(frozen=True)
class Outcome:
    """What came of one packet.

    arrived: it was seen on B's cable. crossed: what was seen there, in order: the packet, and IPv4 between the nodes.
    risen: B's counters that rose, and by how much.
    """

    sent: Packet
    arrived: bool = False
    crossed: tuple[Captured, ...] = ()
    received: tuple[Received, ...] = ()
    risen: tuple[tuple[str, int], ...] = ()
    refused: Refused | None = None

    @property
    def answers(self) -> tuple[Packet, ...]:
        """What B's kernel sent, in order."""
        return tuple(dissect(one.octets) for one in self.crossed if one.outgoing)

    @property
    def replies(self) -> tuple[Packet, ...]:
        """What A's kernel said to that, in order."""
        octets = build(self.sent)
        return tuple(dissect(one.octets) for one in self.crossed if not one.outgoing and octets not in one.octets)

    @property
    def verdict(self) -> str:
        """"refused", "received", "answered", "thrown away" or "not arrived"."""
        if self.refused:
            return "refused"
        if self.received:
            return "received"
        return "answered" if self.answers else "thrown away" if self.arrived else "not arrived"


def named(packet: Packet) -> str:
    """Say in a few words what a packet is: "RST", "SYN ACK", "ICMP port unreachable", "datagram"."""
    for layer in packet.layers:
        if isinstance(layer, TCP):
            flags = sorted(layer.flags, key="ACK".__eq__)  # people say "SYN ACK"
            return " ".join(flags) or "segment without flags"
        if isinstance(layer, ICMPv4):
            known = layer.type == 3 and layer.code in UNREACHABLE
            return f"ICMP {UNREACHABLE[layer.code]} unreachable" if known else f"ICMP type {layer.type}"
        if isinstance(layer, UDP):
            return "datagram"
    return "packet"


def names(packets: Iterable[Packet]) -> str:
    """Say what some packets are, in their order."""
    return ", then ".join(map(named, packets))
