"""Options: what a TCP header may carry behind its fixed 20 bytes. Source: RFC 9293 section 3.2.

Kind 0 ends the list and kind 1 is a filler of one byte; every other is a kind, a length (of all of it), and its data.
Whatever the bytes are, they are kept: an option whose length cannot be is the last one, with all bytes that are left.
"""

import struct
from dataclasses import dataclass
from typing import Any

from sockets_lab.errors import BadInput

END, NOTHING, SEGMENT_SIZE, WINDOW_SCALE, SACK_PERMITTED, SACK, TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
MOST = 40  # bytes: a header counts its words with 4 bits, so it has 60 bytes at most, and 20 are taken
BASE, SCALE, SELECTIVE = "RFC 9293 section 3.2", "RFC 7323 section 2.2", "RFC 2018 section"
KNOWN = {  # kind: name, meaning, source
    END: ("end of options", "No option follows; the bytes up to the header's end are filling.", BASE),
    NOTHING: ("no operation", "Filling, so that the next option begins at a convenient byte.", BASE),
    SEGMENT_SIZE: ("maximum segment size", "The most data bytes that this end takes in one segment.", BASE),
    WINDOW_SCALE: ("window scale", "By how many bits this end's window is to be shifted left.", SCALE),
    SACK_PERMITTED: ("SACK permitted", "This end understands selective acknowledgments.", f"{SELECTIVE} 2"),
    SACK: ("SACK", "Blocks that came although something before them is missing: begin and end.", f"{SELECTIVE} 3"),
    TIMESTAMPS: ("timestamps", "This end's clock, and the other's clock as it last came.", "RFC 7323 section 3.2"),
}
BLOCKS = (10, 18, 26, 34)  # bytes of an option with one to four SACK blocks
LENGTHS = {SEGMENT_SIZE: (4,), WINDOW_SCALE: (3,), SACK_PERMITTED: (2,), SACK: BLOCKS, TIMESTAMPS: (10,)}


@dataclass(frozen=True)
class Option:
    """One option.

    kind: 0-255; data: what follows kind and length. octets: where it stands in its header (for one of your own: empty).
    whole: False where the option's length cannot be: then `data` is all that is left of the options, without its kind.
    """

    kind: int
    data: bytes = b""
    octets: range = range(0)
    whole: bool = True

    @property
    def name(self) -> str:
        return KNOWN[self.kind][0] if self.kind in KNOWN else f"option {self.kind}"

    @property
    def meaning(self) -> str:
        if not self.whole:
            return "Its length cannot be, so neither it nor what follows can be read."
        return KNOWN[self.kind][1] if self.kind in KNOWN else "This course does not know it; its bytes are kept."

    @property
    def source(self) -> str:
        return KNOWN[self.kind][2] if self.kind in KNOWN else BASE

    @property
    def value(self) -> Any:
        """The data as it is meant: a number, a tuple of numbers or of SACK blocks; else its bytes."""
        if not self.whole or len(self.data) + 2 not in LENGTHS.get(self.kind, ()):
            return self.data
        if self.kind in (SACK, TIMESTAMPS):
            numbers = struct.unpack(f"!{len(self.data) // 4}I", self.data)
            return numbers if self.kind == TIMESTAMPS else tuple(zip(numbers[::2], numbers[1::2], strict=True))
        return int.from_bytes(self.data, "big") if self.data else b""

    def __bytes__(self) -> bytes:
        if self.kind in (END, NOTHING) or not self.whole:
            return bytes((self.kind,)) + self.data
        return bytes((self.kind, len(self.data) + 2)) + self.data


def read_options(data: bytes, begin: int = 0) -> tuple[Option, ...]:
    """Split the bytes of a header's options. Args: begin: at which byte of the header they begin.

    Returns: options whose bytes, put together, are `data` again, whatever it was.
    """
    found, at = [], 0
    while at < len(data):
        kind, left = data[at], len(data) - at
        length = 1 if kind == NOTHING else data[at + 1] if kind != END and left > 1 else 0
        whole = kind in (END, NOTHING) or 2 <= length <= left
        size = length if whole and kind != END else left  # filling behind the end belongs to the end
        skip = 1 if kind in (END, NOTHING) or not whole else 2
        found.append(Option(kind, data[at + skip : at + size], range(begin + at, begin + at + size), whole))
        at += size
    return tuple(found)


def pack_options(*options: Option) -> bytes:
    """Put options together for a header, filled with zeros to whole words of four bytes.

    Raises: BadInput, where they are more than the 40 bytes that a header has room for.
    """
    data = b"".join(map(bytes, options))
    data += bytes(-len(data) % 4)
    if fault := options_fault(data):
        raise BadInput(fault)
    return data


def options_fault(data: bytes) -> str:
    """Return a sentence where no header can carry these bytes as its options, else ""."""
    if len(data) > MOST or len(data) % 4:
        return f"options fill words of 4 bytes, up to {MOST}, and these are {len(data)} bytes: use pack_options."
    return ""
