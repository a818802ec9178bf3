"""What a field is, and how the fields of a header lie in its bytes.

The list of fields is the only description there is: the struct that reads and writes a header is worked out from it,
and so is what a picture shows. Bits are counted as the RFCs draw them: bit 0 comes first, the largest bit of a number
is its first, and numbers of several bytes travel with their largest byte first ("network byte order").
"""

import re
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import methodcaller
from typing import Any, NamedTuple

from sockets_lab.errors import BadInput

SIX_PAIRS = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
NUMBERS = {8: "B", 16: "H", 32: "I"}  # bits of a number, and struct's letter for it


@dataclass(frozen=True)
class Spelling:
    """How people write a field that is no number to them, such as an address: both directions."""

    read: Callable[[bytes], str]
    write: Callable[[str], bytes]
    example: str


def _mac_to_bytes(text: str) -> bytes:
    if not SIX_PAIRS.fullmatch(text):
        raise ValueError(text)
    return bytes.fromhex(text.replace(":", ""))


quick = lru_cache(maxsize=4096)  # a capture shows the same few addresses again and again

MAC = Spelling(quick(methodcaller("hex", ":")), quick(_mac_to_bytes), "02:00:00:00:00:0a, six bytes in hexadecimal")
IPV4 = Spelling(quick(socket.inet_ntoa), quick(partial(socket.inet_pton, socket.AF_INET)), "10.20.30.40")
IPV6 = Spelling(
    quick(partial(socket.inet_ntop, socket.AF_INET6)), quick(partial(socket.inet_pton, socket.AF_INET6)), "::1"
)


@dataclass(frozen=True)
class Field:
    """One field of a header.

    offset, width: in bits, from the begin of the header; width None: from there to the header's end (options).
    meaning: one sentence. source: the RFC and its section.
    """

    name: str
    offset: int
    width: int | None
    meaning: str
    source: str
    spelling: Spelling | None = None

    def octets(self, size: int) -> range:
        """Return which bytes of a header of `size` bytes this field touches; a flag touches the byte it shares."""
        end = 8 * size if self.width is None else self.offset + self.width
        return range(self.offset // 8, (end + 7) // 8)

    def checked(self, value: Any) -> Any:
        """Return the value as a header keeps it. Raises: BadInput, where it does not fit into this field."""
        if self.width is None:
            if isinstance(value, bytes):
                return value
            raise BadInput(f"{self.name} holds bytes: pass such as b'', not {value!r}.")
        if self.spelling:
            try:
                return self.spelling.read(self.spelling.write(value))
            except (OSError, ValueError, TypeError, AttributeError):
                raise BadInput(f"{value!r} is no {self.name}: write it as {self.spelling.example}.") from None
        if not isinstance(value, int):
            raise BadInput(f"{self.name} is a number: pass 0 to {2**self.width - 1}, not {value!r}.")
        if not 0 <= value < 1 << self.width:
            bits = "1 bit" if self.width == 1 else f"{self.width} bits"
            raise BadInput(f"{self.name} has {bits}, so it holds 0 to {2**self.width - 1}, not {value}.")
        return int(value)


class Place(NamedTuple):
    """Where a field lies: in which of the struct's numbers, and how many bits stand to the right of it there."""

    field: str
    number: int
    shift: int
    mask: int
    spelling: Spelling | None


class Layout:
    """The struct of a header, worked out from its fields, and the place of each field in the struct's numbers.

    fields: by name, in the order of their bits. size: bytes that every such header has. rest: the field behind these,
    or None.
    """

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = {field.name: field for field in fields}
        self.rest = next((field for field in fields if field.width is None), None)
        units = list(_units(fields))
        self._struct = struct.Struct("!" + "".join(map(_letter, units)))
        self._places = [place for number, unit in enumerate(units) for place in _places(number, unit)]
        self._count = len(units)
        self.size = self._struct.size

    def read(self, data: bytes, at: int = 0) -> dict[str, Any]:
        """Read the fields that begin at byte `at`, by name, without the rest."""
        numbers = self._struct.unpack_from(data, at)
        values = {}
        for field, number, shift, mask, spelling in self._places:
            values[field] = spelling.read(numbers[number]) if spelling else numbers[number] >> shift & mask
        return values

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Write a header's bytes. Args: values by name, each one that its field has checked."""
        numbers: list[Any] = [0] * self._count
        for field, number, shift, _, spelling in self._places:
            if spelling:
                numbers[number] = spelling.write(values[field])
            else:
                numbers[number] |= values[field] << shift
        return self._struct.pack(*numbers) + (values[self.rest.name] if self.rest else b"")


def _units(fields: tuple[Field, ...]) -> Iterator[tuple[Field, ...]]:
    """Put fields together until they fill a number that struct can read: 4 bits and 4 bits are one byte."""
    unit: list[Field] = []
    for field in fields:
        if field.width is None:
            break
        unit.append(field)
        bits = sum(one.width or 0 for one in unit)
        if field.spelling or bits in NUMBERS:
            yield tuple(unit)
            unit = []
    if unit:
        raise TypeError(f"the fields from {unit[0].name} on do not fill a number of {list(NUMBERS)} bits")


def _letter(unit: tuple[Field, ...]) -> str:
    bits = sum(field.width or 0 for field in unit)
    return f"{bits // 8}s" if unit[0].spelling else NUMBERS[bits]


def _places(number: int, unit: tuple[Field, ...]) -> Iterator[Place]:
    """Return the place of each field of a unit: the last one ends at the right end of the number."""
    end = unit[-1].offset + (unit[-1].width or 0)
    for field in unit:
        width = field.width or 0
        yield Place(field.name, number, end - field.offset - width, (1 << width) - 1, field.spelling)
