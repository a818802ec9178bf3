"""A header as the RFCs draw it: 32 bits in a row, one box for each field."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sockets_lab.figures.drawing import Drawing
from sockets_lab.headers import TCP, Field, Header
from sockets_lab.headers.summary import FLAGS

ROLES = {"Ethernet": "quiet", "ARP": "endpoint", "IPv4": "endpoint"}  # one color for each layer:
CARRIED = "connection"  # what IP carries, and brings from port to port
LIT, WRONG = "packet", "refused"
BIT, ROW = 22.5, 36  # pixels of one bit, and of one row of 32
HEXADECIMAL = ("checksum", "ethertype")
SHORT = {"dont_fragment": "DF", "more_fragments": "MF", "reserved": "res", "data_offset": "offset"}


@dataclass(frozen=True)
class Part:
    """One box or, where it goes over several rows, some: which field, its words, its bits within the header."""

    field: str
    name: str
    value: str
    begin: int
    end: int


def spoken(field: Field) -> str:
    """Return a field's name as people write it."""
    if field.width == 1:
        return SHORT.get(field.name, field.name.upper())
    return field.name.upper() if field.name in ("dscp", "ecn", "ttl") else field.name.replace("_", " ")


def written(field: Field, value: Any) -> str:
    """Return a value as a picture shows it: checksums and types in hexadecimal, options as bytes."""
    if isinstance(value, bytes):
        return value.hex(" ") or "none"
    return f"{value:#0{2 + (field.width or 0) // 4}x}" if field.name in HEXADECIMAL else str(value)


def rows_of_32(drawing: Drawing, x: float, y: float, header: Header, lit: Collection[str], wrong: Collection[str] = (),
               bit: float = BIT) -> float:  # fmt: skip
    """Draw a header, the first bit on the left. Args: lit, wrong: fields by name. Returns: where it ends."""
    for number in range(0, 32, 8):
        drawing.text(x + number * bit + 3, y, str(number), "muted", 11)
    drawing.text(x + 32 * bit - 3, y, "31", "muted", 11, "end")
    y += 10
    for part in _parts(header, bit):
        shining = part.field in lit
        role = LIT if shining else WRONG if part.field in wrong else ROLES.get(header.name(), CARRIED)
        pieces = list(_pieces(part.begin, part.end))
        widest = max(pieces, key=lambda piece: piece[1] - piece[0])
        for begin, end in pieces:
            left, top, width = x + begin % 32 * bit, y + begin // 32 * ROW, (end - begin) * bit
            for _ in range(3 if shining else 1):  # a tint is light: three of them shine
                drawing.box(left, top, width - 1, ROW - 2, role)
            if (begin, end) == widest:
                _words(drawing, left, top, width, part, shining)
            elif width >= 6.7 * (len(part.name) + 2):
                drawing.text(left + width / 2, top + ROW / 2 - 1, f"({part.name})", "muted", 11, "middle")
    return y + (8 * header.size + 31) // 32 * ROW + 6


def _pieces(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a range of bits where the rows of 32 end: such a field goes on in the next row."""
    while begin < end:
        behind = min(end, begin // 32 * 32 + 32)
        yield begin, behind
        begin = behind


def _parts(header: Header, bit: float) -> Iterator[Part]:
    """Yield what gets a box; where a bit is too narrow for words, the flags of TCP share one."""
    for field in header.layout.fields.values():
        if field.width is None:
            yield from _extras(header, field)
        elif isinstance(header, TCP) and bit < BIT and field.width == 1:
            if field.name == "cwr":  # the first of the eight
                names = " ".join(flag for flag in FLAGS if flag in header.flags)
                yield Part("flags", "flags", names, field.offset, field.offset + 8)
        else:
            value = written(field, getattr(header, field.name))
            yield Part(field.name, spoken(field), value, field.offset, field.offset + field.width)


def _extras(header: Header, field: Field) -> Iterator[Part]:
    """Yield the options, those of TCP one by one."""
    if not isinstance(header, TCP):
        if not getattr(header, field.name):
            return
        yield Part(field.name, spoken(field), written(field, getattr(header, field.name)), field.offset,
                   8 * header.size)  # fmt: skip
        return
    for option in header.option_list:
        value = "" if option.value == b"" else str(option.value)
        yield Part(field.name, option.name, value, 8 * option.octets.start, 8 * option.octets.stop)


def _words(drawing: Drawing, left: float, top: float, width: float, part: Part, shining: bool) -> None:
    name = SHORT.get(part.field, part.name) if width < 60 else part.name
    middle, room = left + width / 2 - 0.5, max(int(width / 6.7), 3)
    drawing.text(middle, top + 10, name[:room], "ink", 11, "middle", mono=width < 40)  # there, as narrow as it gets
    value = part.value if len(part.value) <= room + 1 else f"{part.value[: room - 2]}.."
    drawing.text(middle, top + 24, value, size=11, anchor="middle", bold=shining or value not in ("0", "0x0000"),
                 mono=True)  # fmt: skip
