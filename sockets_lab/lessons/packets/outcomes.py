"""What came of a packet: what crossed the cable, who received it, what the kernel answered and counted.

Source of the counters: RFC 4293, RFC 4022, RFC 4113; /proc/net/snmp and netstat.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sockets_lab.errors import Refused
from sockets_lab.headers import TCP, UDP, ICMPv4, Packet, build, dissect
from sockets_lab.headers.summary import FLAGS, UNREACHABLE
from sockets_lab.lab.capture import Captured
from sockets_lab.model import Endpoint

FILES = ("/proc/net/snmp", "/proc/net/netstat")
MEANINGS = {
    "Ip.InHdrErrors": "the IP header cannot be right",
    "Ip.InAddrErrors": "the IP packet is for another address",
    "Ip.InUnknownProtos": "nobody here speaks this protocol",
    "Ip.InDiscards": "the IP packet was thrown away",
    "Ip.ReasmReqds": "a part of a larger packet, and the others are waited for",
    "Ip.OutNoRoutes": "no way leads to where the answer should go",
    "IpExt.InCsumErrors": "the IP header's checksum is wrong",
    "IpExt.InTruncatedPkts": "the packet is shorter than it says",
    "Icmp.OutDestUnreachs": "an ICMP message was sent: unreachable",
    "Udp.NoPorts": "no socket has this port",
    "Udp.InErrors": "a datagram could not be taken",
    "Udp.InCsumErrors": "the UDP checksum is wrong",
    "Tcp.InErrs": "a segment could not be taken",
    "Tcp.InCsumErrors": "the TCP checksum is wrong",
    "Tcp.OutRsts": "a segment with RST was sent",
    "Tcp.AttemptFails": "a connection that had begun was given up",
    "TcpExt.ListenDrops": "a listener could not take the attempt",
}


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
            return " ".join(flag for flag in FLAGS if flag in layer.flags) or "segment without flags"
        if isinstance(layer, ICMPv4):
            known = UNREACHABLE.get(layer.code) if layer.type == 3 else None
            return f"ICMP {known or f'type {layer.type}'}"
        if isinstance(layer, UDP):
            return "datagram"
    return "packet"


def names(packets: Iterable[Packet]) -> str:
    """Say what some packets are, in their order."""
    return ", then ".join(map(named, packets))


def read_counters() -> dict[str, int]:
    """Read this network's counters, those of MEANINGS. Returns: nothing where the system has no such files."""
    found = {}
    for name in FILES:
        try:
            lines = Path(name).read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        for names, values in zip(lines[::2], lines[1::2], strict=True):
            group, *keys = names.split()
            counted = zip(keys, values.split()[1:], strict=True)
            found.update({f"{group[:-1]}.{key}": int(value) for key, value in counted})
    return {key: found[key] for key in MEANINGS if key in found}


def risen(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return which counters rose, and by how much."""
    return tuple((key, value - before.get(key, 0)) for key, value in after.items() if value > before.get(key, 0))
