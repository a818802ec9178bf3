"""How a client's question at a port ends, as a value."""

from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.headers import TCP, UDP, ICMPv4, Packet
from sockets_lab.lab.firewall.rules import ANSWERS, UNREACHABLE
from sockets_lab.model import FourTuple

OUTCOMES = {
    "ECONNREFUSED": "refused", "ECONNRESET": "refused", "DEADLINE": "silence", "ETIMEDOUT": "silence",
    "EHOSTUNREACH": "unreachable", "ENETUNREACH": "unreachable", "EPERM": "forbidden", "EACCES": "forbidden",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """How a client's question ended.

    outcome: "connected" (UDP: "answered"), "refused", "unreachable", "silence" until the deadline, "forbidden": this
        node's kernel did not even send it; "impossible" for whatever else. refused: what the kernel told, or None.
    four_tuple: of the client; said: the server's first bytes; seconds: until the outcome was known.
    sent, came: the packets of this question on the client's cable, each way; None where there is no cable.
    by: what let it pass or not: "kernel", or "simulated", a firewall that only the course's clients ask.
    """

    outcome: str
    four_tuple: FourTuple
    refused: Refused | None
    said: bytes
    seconds: float
    sent: tuple[Packet, ...] | None = None
    came: tuple[Packet, ...] | None = None
    by: str = "kernel"

    @property
    def told(self) -> str:
        """Name the first packet that came back: "SYN, ACK", "RST, ACK", "ICMP host-unreachable", "datagram"; or ""."""
        return word(self.came[0]) if self.came else ""

    def __str__(self) -> str:
        return f"{self.four_tuple}: {self.outcome}" + (f" ({self.told})" if self.told else "")


def word(packet: Packet) -> str:
    """Name a packet by what it says."""
    if tcp := packet.find(TCP):
        return ", ".join(sorted(tcp.flags, key="ACK".__eq__))  # as it is usually said: SYN, ACK
    if icmp := packet.find(ICMPv4):
        codes = dict(ANSWERS.values()) if icmp.type == UNREACHABLE else {}
        return f"ICMP {codes.get(icmp.code) or f'type {icmp.type}, code {icmp.code}'}"
    return "datagram" if packet.find(UDP) else "other"
