"""Extension headers: what may stand between the IPv6 header and the segment or datagram. Source: RFC 8200 section 4.

Importing this module makes them known to `NextHeader`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from sockets_lab.errors import BadInput
from sockets_lab.headers.header import Header, bits, laid_out, rest
from sockets_lab.headers.ip import MOST, OPEN, PART, IPv6, NextHeader

NEXT = "What follows this header: 6 TCP, 17 UDP, 58 ICMPv6, or another extension."
PAD1, JUMBO = 0, 0xC2  # types of options: RFC 8200 section 4.2, RFC 2675 section 2
LENGTH = "How many units of 8 bytes this header has, not counting the first."


class Lengthened(NextHeader):
    """What the extension headers share whose size is told: it is a multiple of 8 bytes."""

    SIZE = ("length", 8, 8)
    length: int
    data: bytes

    @property
    def options(self) -> Iterator[tuple[int, bytes]]:
        """Yield the type and the data of each option. Source: RFC 8200 section 4.2."""
        left = self.data
        while len(left) > 1:
            size = 1 if left[0] == PAD1 else 2 + left[1]
            if left[0] != PAD1 and size <= len(left):
                yield left[0], left[2:size]
            left = left[size:]

    def unfit(self) -> str:
        if self.size % 8 == 0 and self.size <= 8 * 256:
            return ""
        return f"{self.name()} fills units of 8 bytes, up to 2048, and this has {self.size}: change its data."

    def fitted(self, content: int, following: type[Header] | None) -> Self:
        return super().fitted(content, following).changed(length=self.size // 8 - 1)


@laid_out
@dataclass(frozen=True)
class HopByHop(Lengthened):
    """Options for every router on the way: reports of multicast membership carry one. RFC 8200 section 4.3."""

    next_header: int = bits(8, NEXT, "RFC 8200 section 4.3", 59)
    length: int = bits(8, LENGTH, "RFC 8200 section 4.3")
    data: bytes = rest("The options, each a type, a length and its data.", "RFC 8200 section 4.2", b"\x01\x04\0\0\0\0")

    def promised(self, before: Header | None) -> int | str | None:
        """Read the length of a jumbogram. Source: RFC 2675 section 2; there is none where IPv6 has the length."""
        if not isinstance(before, IPv6) or before.payload_length:
            return None
        length = int.from_bytes(self._jumbo, "big")
        return length - self.size if length > MOST else OPEN.format("payload length of IPv6")

    def fitted(self, content: int, following: type[Header] | None) -> Self:
        fitted, whole = super().fitted(content, following), self.size + content
        if whole <= MOST:
            return fitted
        if not self._jumbo:
            raise BadInput(f"{whole} bytes behind IPv6 need a jumbo payload option (RFC 2675): pass less payload.")
        option = bytes((JUMBO, 4))
        return fitted.changed(data=self.data.replace(option + self._jumbo, option + whole.to_bytes(4, "big"), 1))

    @property
    def _jumbo(self) -> bytes:
        return next((data for kind, data in self.options if kind == JUMBO and len(data) == 4), b"")


@laid_out
@dataclass(frozen=True)
class DestinationOptions(Lengthened):
    """Options for the receiver only. Source: RFC 8200 section 4.6."""

    next_header: int = bits(8, NEXT, "RFC 8200 section 4.6", 59)
    length: int = bits(8, LENGTH, "RFC 8200 section 4.6")
    data: bytes = rest("The options, each a type, a length and its data.", "RFC 8200 section 4.2", b"\x01\x04\0\0\0\0")


@laid_out
@dataclass(frozen=True)
class Routing(Lengthened):
    """Machines to be visited on the way. Source: RFC 8200 section 4.4."""

    next_header: int = bits(8, NEXT, "RFC 8200 section 4.4", 59)
    length: int = bits(8, LENGTH, "RFC 8200 section 4.4")
    routing_type: int = bits(8, "Which kind of routing header this is.", "RFC 8200 section 4.4")
    segments_left: int = bits(8, "How many machines are still to be visited before the last.", "RFC 8200 section 4.4")
    data: bytes = rest("Depends on the type: mostly the addresses to visit.", "RFC 8200 section 4.4", bytes(4))


@laid_out
@dataclass(frozen=True)
class Fragment(NextHeader):
    """Marks a part of a packet that its sender cut. Source: RFC 8200 section 4.5."""

    next_header: int = bits(8, "The first header inside of the whole packet.", "RFC 8200 section 4.5", 59)
    reserved: int = bits(8, "Sent as zero.", "RFC 8200 section 4.5")
    fragment_offset: int = bits(
        13, "Where this part stood in what was cut, in units of 8 bytes.", "RFC 8200 section 4.5"
    )
    reserved_bits: int = bits(2, "Sent as zero.", "RFC 8200 section 4.5")
    more_fragments: int = bits(1, "This is not the last part.", "RFC 8200 section 4.5")
    identification: int = bits(32, "The same in all parts of one packet.", "RFC 8200 section 4.5")

    def following(self) -> type[Header] | str:
        """Read on only where this one part is the whole (RFC 8200 section 4.5)."""
        return PART if self.more_fragments or self.fragment_offset else super().following()


NextHeader.KINDS.update({0: HopByHop, 43: Routing, 44: Fragment, 60: DestinationOptions})
