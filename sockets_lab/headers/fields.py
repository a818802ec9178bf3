"""What a field is, and how the fields of a header lie in its bytes.

The list of fields is the only description there is: the struct that reads and writes a header is worked out from it,
and so is what a picture shows. Bits are counted as the RFCs draw them: bit 0 comes first, the largest bit of a number
is its first, and numbers of several bytes travel with their largest byte first ("network byte order").
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sockets_lab.errors import BadInput

NUMBERS = {8: "B", 16: "H", 32: "I"}  # bits of a number, and struct's letter for it


@dataclass(frozen=True)
class Spelling:
    """How people write a field that is no number to them, such as an address: both directions."""

    read: Callable[[bytes], str]
    write: Callable[[str], bytes]
    example: str


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


class Layout:
    """The struct of a header, worked out from its fields, and how each field is cut out of the struct's numbers.

    fields: by name, in the order of their bits. size: bytes that every such header has. rest: the field behind these,
    or None. reading, writing: the code that was worked out, as text; it is compiled once, as `dataclass` does it.
    unpack(data, at), then cut(*numbers): read the fields that begin at byte `at` into a dict, without the rest.
    """

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = {field.name: field for field in fields}
        self.rest = next((field for field in fields if field.width is None), None)
        units = list(_units(fields))
        layout = struct.Struct("!" + "".join(map(_letter, units)))
        self.size = layout.size
        numbers = ", ".join(f"n{i}" for i in range(len(units)))
        cut = ", ".join(_cut(f"n{i}", field, unit) for i, unit in enumerate(units) for field in unit)
        joined = ", ".join(" | ".join(_placed(field, unit) for field in unit) for unit in units)
        self.reading, self.writing = f"lambda {numbers}: {{{cut}}}", f"lambda v: pack({joined})"
        spellings = {f"{way}_{field.name}": getattr(field.spelling, way) for field in fields if field.spelling
                     for way in ("read", "write")}  # fmt: skip
        self.unpack = layout.unpack_from
        self.cut: Callable[..., dict[str, Any]] = eval(self.reading, spellings)
        self._write: Callable[..., bytes] = eval(self.writing, spellings | {"pack": layout.pack})
        self._limits = [(field, -1 if field.spelling or not field.width else 2**field.width - 1) for field in fields]

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Write a header's bytes. Args: values by name, each one that its field has checked."""
        fixed = self._write(values)
        return fixed + values[self.rest.name] if self.rest else fixed

    def checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return all values as a header keeps them. Raises: BadInput, where one does not fit into its field."""
        found = dict(values)
        for field, most in self._limits:
            value = values[field.name]
            if type(value) is not int or not 0 <= value <= most:  # most numbers fit: only the others take the long way
                found[field.name] = field.checked(value)
        return found


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


def _shift(field: Field, unit: tuple[Field, ...]) -> str:
    """Return how far a field stands from the right end of its number, in bits, as code: 4 of them, or nothing."""
    bits = unit[-1].offset + (unit[-1].width or 0) - field.offset - (field.width or 0)
    return f"{bits}" if bits else ""


def _cut(number: str, field: Field, unit: tuple[Field, ...]) -> str:
    """Return the code that takes a field out of a number: shift it to the right end, mask what stands left of it."""
    if field.spelling:
        return f"'{field.name}': read_{field.name}({number})"
    shift = _shift(field, unit)
    mask = f" & {(1 << (field.width or 0)) - 1:#x}" if field is not unit[0] else ""
    return f"'{field.name}': {number}" + (f" >> {shift}" if shift else "") + mask


def _placed(field: Field, unit: tuple[Field, ...]) -> str:
    """Return the code that puts a field at its place in a number."""
    value, shift = f"v['{field.name}']", _shift(field, unit)
    return f"write_{field.name}({value})" if field.spelling else f"{value} << {shift}" if shift else value
