"""The headers that bring a packet from machine to machine: IPv4, and IPv6 with the headers that may follow it."""

from dataclasses import dataclass
from typing import ClassVar, Self

from sockets_lab.headers.fields import IPV4, IPV6
from sockets_lab.headers.header import Header, bits, laid_out, rest
from sockets_lab.headers.options import options_fault
from sockets_lab.headers.transport import TCP, UDP, ICMPv4, ICMPv6

V4, V6 = "RFC 791 section 3.1", "RFC 8200 section 3"
OPEN = (
    "The {} is 0, as in large segments that the network card is to cut (TSO), or that are too large for the "
    "field (BIG TCP): all bytes up to the end of the capture are read."
)
PART = "This is a part of a larger packet: the headers inside describe the whole, so its bytes stay payload."
JUMBO = "The payload length of IPv6 is 0: the length is in the hop-by-hop options (RFC 2675)."
HOP_BY_HOP, NOTHING = 0, 59  # next header: RFC 8200 sections 4.3 and 4.7
MOST = 0xFFFF  # bytes that a length of 16 bits can say
CARRIED: dict[int, type[Header]] = {1: ICMPv4, 6: TCP, 17: UDP}  # the protocol numbers of IANA's registry


@laid_out
@dataclass(frozen=True)
class IPv4(Header):
    """Source: RFC 791 section 3.1."""

    SIZE = ("header_length", 4, 0)
    version: int = bits(4, "The version of IP: 4.", V4, 4)
    header_length: int = bits(4, "How many 32-bit words this header has, 5 or more.", V4, 5)
    dscp: int = bits(6, "How routers on the way should treat the packet; 0 is the usual.", "RFC 2474 section 3")
    ecn: int = bits(2, "Whether a router may mark congestion here, and whether one did.", "RFC 3168 section 5")
    total_length: int = bits(16, "How many bytes this header and all behind it have.", V4, 20)
    identification: int = bits(16, "The same in all parts of one packet that was cut on its way.", V4)
    reserved: int = bits(1, "Must be zero.", V4)
    dont_fragment: int = bits(1, "Nobody on the way may cut this packet into parts.", V4)
    more_fragments: int = bits(1, "This is a part, and not the last one.", V4)
    fragment_offset: int = bits(13, "Where this part stood in the whole packet, in units of 8 bytes.", V4)
    ttl: int = bits(8, "Time to live: each router takes one off and drops the packet at zero.", V4, 64)
    protocol: int = bits(8, "What follows this header: 1 ICMP, 6 TCP, 17 UDP.", V4)
    checksum: int = bits(16, "Covers this header only, so each router has to work it out anew.", V4)
    source: str = bits(32, "The sender's address.", V4, "127.0.0.1", IPV4)
    destination: str = bits(32, "The receiver's address.", V4, "127.0.0.1", IPV4)
    options: bytes = rest("Extras that are rarely used, filled up to whole words.", V4)

    def unfit(self) -> str:
        return options_fault(self.options)

    def wrong(self, before: Header | None) -> str:
        if self.version != 4:
            return f"IPv4 begins with a 4, and this with a {self.version}."
        if 0 < self.total_length < 4 * self.header_length:
            return f"IPv4 says {self.total_length} bytes in all, and {4 * self.header_length} for its header alone."
        return ""

    def promised(self, before: Header | None) -> int | str:
        return self.total_length - 4 * self.header_length if self.total_length else OPEN.format("total length of IPv4")

    def following(self) -> type[Header] | str:
        if self.more_fragments or self.fragment_offset:
            return PART
        return CARRIED.get(self.protocol) or f"Protocol {self.protocol} is not read here: its bytes stay payload."

    def fitted(self, content: int, following: type[Header] | None) -> Self:
        protocol = self._number(CARRIED, following, self.protocol)
        total = self.size + content if self.total_length or self.size + content <= MOST else 0
        return self.changed(header_length=self.size // 4, total_length=total, protocol=protocol)


class NextHeader(Header):
    """What IPv6 and its extension headers share: a number that says which header comes next."""

    LARGE = True
    KINDS: ClassVar[dict[int, type[Header]]] = {6: TCP, 17: UDP, 58: ICMPv6}  # the extension headers join below
    next_header: int

    def following(self) -> type[Header] | str:
        if self.next_header == NOTHING:
            return "Next header 59: nothing follows (RFC 8200 section 4.7)."
        known = self.KINDS.get(self.next_header)
        return known or f"Next header {self.next_header} is not read here: its bytes stay payload."

    def fitted(self, content: int, following: type[Header] | None) -> Self:
        return self.changed(next_header=self._number(self.KINDS, following, self.next_header))


@laid_out
@dataclass(frozen=True)
class IPv6(NextHeader):
    """Source: RFC 8200 section 3."""

    version: int = bits(4, "The version of IP: 6.", V6, 6)
    traffic_class: int = bits(8, "DSCP (6 bits) and ECN (2 bits), as in IPv4.", "RFC 8200 section 7")
    flow_label: int = bits(20, "The same in packets that belong together.", "RFC 6437 section 2")
    payload_length: int = bits(16, "How many bytes follow this header; further headers count too.", V6)
    next_header: int = bits(8, "What follows this header: 6 TCP, 17 UDP, 58 ICMPv6, or an extension.", V6, 59)
    hop_limit: int = bits(8, "Each router takes one off and drops the packet at zero.", V6, 64)
    source: str = bits(128, "The sender's address.", V6, "::1", IPV6)
    destination: str = bits(128, "The receiver's address.", V6, "::1", IPV6)

    def wrong(self, before: Header | None) -> str:
        return "" if self.version == 6 else f"IPv6 begins with a 6, and this with a {self.version}."

    def promised(self, before: Header | None) -> int | str:
        if self.payload_length or self.next_header == NOTHING:
            return self.payload_length
        return JUMBO if self.next_header == HOP_BY_HOP else OPEN.format("payload length of IPv6")

    def fitted(self, content: int, following: type[Header] | None) -> Self:
        length = content if self.payload_length or content <= MOST else 0  # as of a jumbogram
        return super().fitted(content, following).changed(payload_length=length)
