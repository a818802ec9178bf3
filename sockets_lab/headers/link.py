"""The headers of one wire: Ethernet, and ARP, which asks whose an IPv4 address is."""

from dataclasses import dataclass
from typing import Self

from sockets_lab.headers.fields import IPV4, MAC
from sockets_lab.headers.header import Header, bits, laid_out
from sockets_lab.headers.ip import IPv4, IPv6

FRAME, FORMAT = "IEEE 802.3 clause 3.2", "RFC 826, Packet format"
NOBODY = "00:00:00:00:00:00"
LEAST_TYPE = 0x600  # below, the number is a length, not a type: IEEE 802.3 clause 3.2.6


@laid_out
@dataclass(frozen=True)
class ARP(Header):
    """A question for, or an answer with, the Ethernet address that belongs to an IPv4 address. Source: RFC 826."""

    hardware_type: int = bits(16, "The kind of link: 1 is Ethernet.", FORMAT, 1)
    protocol_type: int = bits(16, "Whose addresses are asked for: 0x0800 is IPv4.", FORMAT, 0x800)
    hardware_length: int = bits(8, "Bytes of an address of the link: 6.", FORMAT, 6)
    protocol_length: int = bits(8, "Bytes of an address of the protocol: 4.", FORMAT, 4)
    operation: int = bits(16, "1 asks, 2 answers.", FORMAT, 1)
    sender_mac: str = bits(48, "The Ethernet address of whoever sends this.", FORMAT, NOBODY, MAC)
    sender_address: str = bits(32, "The IPv4 address of whoever sends this.", FORMAT, "127.0.0.1", IPV4)
    target_mac: str = bits(48, "What is asked for; so a question has nothing here yet.", FORMAT, NOBODY, MAC)
    target_address: str = bits(32, "The IPv4 address that is asked about.", FORMAT, "127.0.0.1", IPV4)

    def wrong(self, before: Header | None) -> str:
        lengths = (self.hardware_length, self.protocol_length)
        return "" if lengths == (6, 4) else f"ARP is read here with addresses of 6 and 4 bytes, not {lengths}."

    def promised(self, before: Header | None) -> int:
        return 0  # all that follows is filling: an Ethernet frame has to have 60 bytes


ETHERTYPES: dict[int, type[Header]] = {0x0800: IPv4, 0x0806: ARP, 0x86DD: IPv6}


@laid_out
@dataclass(frozen=True)
class Ethernet(Header):
    """The header of a frame: from whom to whom on this wire, and what is in it. Source: IEEE 802.3 clause 3.2."""

    destination: str = bits(48, "The card that the frame is for; ff:ff:ff:ff:ff:ff is all.", FRAME, NOBODY, MAC)
    source: str = bits(48, "The card that sent the frame.", FRAME, NOBODY, MAC)
    ethertype: int = bits(16, "What follows: 0x0800 IPv4, 0x0806 ARP, 0x86dd IPv6.", "RFC 9542 section 3", 0x800)

    def following(self) -> type[Header] | str:
        if self.ethertype < LEAST_TYPE:
            return f"{self.ethertype} is a length, not a type: an older kind of frame, whose bytes stay payload."
        return ETHERTYPES.get(self.ethertype) or f"Type {self.ethertype:#06x} is not read here: its bytes stay payload."

    def fitted(self, content: int, following: type[Header] | None) -> Self:
        return self.changed(ethertype=self._number(ETHERTYPES, following, self.ethertype))
