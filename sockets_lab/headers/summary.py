"""What a packet says, in a few words, as they stand at an arrow of a ladder diagram.

Sequence numbers begin anywhere, by the kernel's dice. Told are those relative to the first number of their direction,
so that the bytes of a connection can be counted: 0 is the SYN, 1 the first byte.
"""

import socket
from dataclasses import dataclass

from sockets_lab.headers.header import NotAPacket
from sockets_lab.headers.ip import IPv4, IPv6
from sockets_lab.headers.link import ARP, Ethernet
from sockets_lab.headers.packet import Packet, dissect
from sockets_lab.headers.transport import TCP, UDP, ICMPv4, ICMPv6
from sockets_lab.model import counted

FLAGS = ("SYN", "FIN", "RST", "PSH", "URG", "ECE", "CWR", "ACK")  # in the order in which people say them
NUMBERS = 1 << 32  # sequence numbers wrap around here
UNREACHABLE = {  # code of an ICMP message of type 3: RFC 792, "Destination Unreachable Message"; 9-13: RFC 1812 5.2.7.1
    0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable",
    4: "packet too big", 9: "network forbidden", 10: "host forbidden", 13: "forbidden by a filter",
}  # fmt: skip
TYPES = {0: "echo reply", 8: "echo request", 11: "time exceeded"}
IGMP = 2  # protocol number
IGMP_TYPES = {0x11: "who is in a group?", 0x16: "join", 0x17: "leave"}  # RFC 2236 section 2.1
IGMP_REPORT, IGMP_RECORDS = 0x22, {3: "leave", 4: "join"}  # RFC 3376 sections 4.2 and 4.2.12

Direction = tuple[str, int, str, int]  # source and its port, destination and its port


@dataclass(frozen=True)
class Message:
    """What one packet says.

    source, destination: addresses; destination "" where the frame was for all on the wire. ports: of both, or None.
    words: stand above the arrow; details: below. bad: it says no.
    """

    source: str
    destination: str
    words: str
    details: str = ""
    ports: tuple[int, int] | None = None
    bad: bool = False


class Teller:
    """Tells packets one after another, as it has to know how each connection began."""

    def __init__(self) -> None:
        self._first: dict[Direction, int] = {}
        self._sent: set[tuple[Direction, int, int]] = set()

    def tell(self, octets: bytes) -> Message | None:
        """Tell one frame. Returns: None where it carries neither ARP nor IP."""
        try:
            packet = dissect(octets)
        except NotAPacket:
            return None
        frame, ip = packet.find(Ethernet), packet.find(IPv4) or packet.find(IPv6)
        to_all = frame is not None and int(frame.destination[:2], 16) & 1  # a group, or all: IEEE 802, "I/G bit"
        if arp := packet.find(ARP):
            return _question(arp, "" if to_all else arp.target_address)
        if ip is None:
            return None
        destination = "" if to_all else ip.destination
        if tcp := packet.find(TCP):
            return self._segment(tcp, ip, packet)
        if udp := packet.find(UDP):
            details = f"from port {udp.source_port} to {ip.destination}:{udp.destination_port}" if to_all else ""
            ports = None if to_all else (udp.source_port, udp.destination_port)
            count = udp.length - 8 if udp.length else len(packet.payload)  # 0: a jumbogram
            return Message(ip.source, destination, f"UDP {counted(count)}", details, ports)
        if icmp := packet.find(ICMPv4):
            words, details = _report(icmp, packet.payload)
            return Message(ip.source, destination, f"ICMP {words}", details, bad=icmp.type in (3, 11))
        return Message(ip.source, destination, _other(ip, packet))

    def _segment(self, tcp: TCP, ip: IPv4 | IPv6, packet: Packet) -> Message:
        forth = (ip.source, tcp.source_port, ip.destination, tcp.destination_port)
        back = (*forth[2:], *forth[:2])
        count = len(packet.payload) + packet.missing
        if tcp.syn and self._first.get(forth) != tcp.sequence:  # begins, perhaps after another that had the same ports
            self._first[forth] = tcp.sequence
            if not tcp.ack:
                self._first.pop(back, None)
        words = " ".join(flag for flag in FLAGS if flag in tcp.flags) + (f" {counted(count)}" if count else "")
        if count or tcp.syn or tcp.fin:
            words += " (again)" * ((forth, tcp.sequence, count) in self._sent)
            self._sent.add((forth, tcp.sequence, count))
        details = f"seq {self._relative(forth, tcp.sequence)}"
        if tcp.ack:
            details += f", ack {self._relative(back, tcp.acknowledgment)}"
        return Message(ip.source, ip.destination, words, details, (forth[1], forth[3]), bool(tcp.rst))

    def _relative(self, direction: Direction, number: int) -> int:
        """Return how far a number lies behind the first of its direction that was seen; negative: before it."""
        first = self._first.setdefault(direction, number)
        return (number - first + NUMBERS // 2) % NUMBERS - NUMBERS // 2


def _question(arp: ARP, destination: str) -> Message:
    """Tell who asks for whose Ethernet address, or who answers."""
    if arp.operation == 1:
        return Message(arp.sender_address, destination, f"ARP who has {arp.target_address}?")
    return Message(arp.sender_address, destination, f"ARP {arp.sender_address} is here", arp.sender_mac)


def _report(icmp: ICMPv4, cause: bytes) -> tuple[str, str]:
    """Tell an ICMP message, and which packet it is about: that one's beginning is in it."""
    if icmp.type != 3:
        return TYPES.get(icmp.type, f"type {icmp.type}"), ""
    words = UNREACHABLE.get(icmp.code, f"unreachable, code {icmp.code}")
    try:
        about = dissect(cause, IPv4)
    except NotAPacket:
        return words, ""
    inner, ip = about.find(UDP) or about.find(TCP), about.find(IPv4)
    if inner is None or ip is None:
        return words, ""
    return words, f"about {inner.name()} to {ip.destination}:{inner.destination_port}"


def _other(ip: IPv4 | IPv6, packet: Packet) -> str:
    """Tell what has no ports: group messages, parts of larger packets, ICMPv6, and protocols that the course skips."""
    if icmp := packet.find(ICMPv6):
        return f"ICMPv6 type {icmp.type}"
    if isinstance(ip, IPv4) and (ip.more_fragments or ip.fragment_offset):
        return f"part of a packet, {counted(len(packet.payload))} from byte {ip.fragment_offset * 8} on"
    if isinstance(ip, IPv4) and ip.protocol == IGMP and len(packet.payload) >= 8:
        return f"IGMP {_membership(packet.payload)}"
    number = ip.protocol if isinstance(ip, IPv4) else ip.next_header
    return f"IP protocol {number}, {counted(len(packet.payload))}"


def _membership(message: bytes) -> str:
    """Tell who joins or leaves which group. A report has records of a type, a length, a count and a group."""
    if message[0] == IGMP_REPORT and len(message) >= 16:
        return f"{IGMP_RECORDS.get(message[8], 'report')} {socket.inet_ntoa(message[12:16])}"
    known = IGMP_TYPES.get(message[0], f"type {message[0]:#x}")
    return known if message[0] == 0x11 else f"{known} {socket.inet_ntoa(message[4:8])}"
