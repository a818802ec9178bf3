"""Connections as a filter that stands between both ends sees them: by the packets that pass, in both directions.

The kernel's own tracking does more: it follows TCP's states and sequence numbers, forgets a connection after some time,
and puts fragments together first. Source: conntrack(8); nf_conntrack_core.c in the kernel's sources.
"""

from sockets_lab.headers import TCP, UDP, ICMPv4, IPv4, NotAPacket, Packet, dissect

ICMP_NUMBER, TCP_NUMBER, UDP_NUMBER = 1, 6, 17
ASKING = (8, 13, 15, 17)  # types of ICMP that ask for an answer, such as an echo. Source: RFC 792, RFC 950
ERRORS = (3, 4, 5, 11, 12)  # types that report on another packet, whose first bytes follow
Flow = tuple[int, str, int, str, int]  # protocol, source, its port, destination, its port


class Flows:
    """The connections that were let pass: each as its first packet went, and whether an answer was seen."""

    def __init__(self) -> None:
        self._answered: dict[Flow, bool] = {}

    def state_of(self, packet: Packet) -> str:
        """Tell the state of a packet's connection, "new", "established", "related", "invalid"; notice an answer."""
        icmp = packet.find(ICMPv4)
        if icmp and icmp.type in ERRORS:
            names = {*self._answered, *map(_back, self._answered)}
            return "related" if _quoted_flow(packet) in names else "invalid"
        flow = _flow(packet)
        if flow is None:
            return "invalid"
        back = _back(flow)
        tcp = packet.find(TCP)
        if tcp and tcp.syn and not tcp.ack:  # whatever was before under this name has ended
            self._answered.pop(flow, False)
            self._answered.pop(back, False)
        if back in self._answered:
            self._answered[back] = True
            return "established"
        if flow in self._answered:
            return "established" if self._answered[flow] else "new"
        return "new" if _may_begin(packet) else "invalid"

    def remember(self, packet: Packet) -> None:
        """Remember the connection that this packet begins."""
        if flow := _flow(packet):
            self._answered.setdefault(flow, False)


def ports_of(packet: Packet) -> tuple[int, int] | tuple[None, None]:
    """Return source and destination port, also where of a header not more than these is there, as ICMP quotes it."""
    if header := packet.find(TCP) or packet.find(UDP):
        return header.source_port, header.destination_port
    ip = packet.find(IPv4)
    if ip and ip.protocol in (TCP_NUMBER, UDP_NUMBER) and not ip.fragment_offset and len(packet.payload) >= 4:
        return int.from_bytes(packet.payload[:2], "big"), int.from_bytes(packet.payload[2:4], "big")
    return None, None


def _flow(packet: Packet) -> Flow | None:
    """Name the connection of a packet, as this packet goes. An echo has its identifier in the place of ports."""
    ip, icmp = packet.find(IPv4), packet.find(ICMPv4)
    if ip is None:
        return None
    if icmp:
        return (ICMP_NUMBER, ip.source, icmp.rest >> 16, ip.destination, icmp.rest >> 16)
    source_port, port = ports_of(packet)
    return (ip.protocol, ip.source, source_port or 0, ip.destination, port or 0)


def _back(flow: Flow) -> Flow:
    protocol, source, source_port, destination, port = flow
    return (protocol, destination, port, source, source_port)


def _quoted_flow(packet: Packet) -> Flow | None:
    """Name the connection of the packet that an ICMP error quotes. Source: RFC 792, RFC 1122 section 3.2.2."""
    try:
        return _flow(dissect(packet.payload, first=IPv4))
    except NotAPacket:
        return None


def _may_begin(packet: Packet) -> bool:
    """Tell whether a packet may be the first that is seen of a connection.

    Of TCP a segment with SYN alone; also one with ACK alone, as of a connection that is older than the filter. Of ICMP
    what asks for something. Source: nf_conntrack_proto_tcp.c and nf_conntrack_proto_icmp.c in the kernel's sources.
    """
    if tcp := packet.find(TCP):
        return (tcp.syn, tcp.ack, tcp.fin, tcp.rst) in ((1, 0, 0, 0), (0, 1, 0, 0))
    icmp = packet.find(ICMPv4)
    return icmp is None or icmp.type in ASKING
