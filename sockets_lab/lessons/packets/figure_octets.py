"""A packet byte by byte: its headers in colors, one field lit, and beside it what the field says."""

import textwrap

from sockets_lab.errors import BadInput
from sockets_lab.figures.drawing import Drawing
from sockets_lab.headers import Check, Header, Packet, Seen, build, checks
from sockets_lab.lessons.packets.figure_bitrows import CARRIED, LIT, ROLES, WRONG, rows_of_32, spoken, written

ACROSS, CELL, LEFT = 16, 27, 40  # bytes in a line, pixels of each, where the first one stands
BESIDE, LETTERS = 494, 34  # where the words about a field begin, and how many letters go into their lines


def microscope(packet: Packet, layer: int, name: str, about: str = "") -> Drawing:
    """Draw every byte of a packet with one field lit, what the field says, and its header in rows of 32 bits.

    Args: layer: the header's number, 0 the outermost; name: the field's; about: a sentence that stands above.
    Raises: BadInput, where the packet has no such field.
    """
    seen = _find(packet, layer, name)
    wrong = [check for check in checks(packet) if check.verdict == "wrong"]
    drawing = Drawing("A packet, byte by byte, and one field of it.", "", 760, 0)
    y = 14.0
    if about:
        drawing.text(4, y, about, "muted", 12)
        y += 22
    y = max(_octets(drawing, y, packet, seen, wrong), _words(drawing, y, packet, seen)) + 20
    header = packet.layers[layer]
    drawing.text(20, y, f"The {header.name()} header, 32 bits in a row", bold=True)
    bad = {"checksum"} if layer in [check.layer for check in wrong] else set()
    drawing.height = int(rows_of_32(drawing, 20, y + 18, header, {name}, bad))
    drawing.alt = " ".join([about, _sentence(packet, seen), _all_of(header)]).strip()
    return drawing


def _find(packet: Packet, layer: int, name: str) -> Seen:
    for seen in packet.seen():
        if (seen.layer, seen.field.name) == (layer, name):
            return seen
    raise BadInput(f"This packet has no field {name} in its layer {layer}: see packet.seen().")


def _octets(drawing: Drawing, y: float, packet: Packet, seen: Seen, wrong: list[Check]) -> float:
    """Draw the bytes; return where they end."""
    data, x = build(packet), LEFT
    roles = [ROLES.get(layer.name(), CARRIED) for layer in packet.layers for _ in range(layer.size)]
    for layer, place in zip(packet.layers, packet.ranges, strict=True):
        drawing.box(x, y - 6, 12, 12, roles[place.start])
        text = f"{layer.name()} {layer.size}"
        drawing.text(x + 17, y, text, size=12)
        x += 28 + 8 * len(text)
    rest = packet.payload + packet.trailer
    quoted = f" {rest.decode()!r}" if rest.isascii() and rest.decode().isprintable() and len(rest) <= 12 else ""
    drawing.text(x, y, f"data {len(rest)}{quoted if rest else ''}", size=12)
    y += 16
    for check in wrong:
        place = packet.ranges[check.layer]
        for number in check.header.layout.fields["checksum"].octets(len(place)):
            roles[place.start + number] = WRONG
    for number, octet in enumerate(data):
        line, column = divmod(number, ACROSS)
        left, top, lit = LEFT + column * CELL, y + line * CELL, number in seen.octets
        if column == 0:
            drawing.text(LEFT - 8, top + CELL / 2 - 1, str(number), "muted", 11, "end", mono=True)
        if number < len(roles):
            for _ in range(3 if lit else 1):  # a tint is light: three of them shine
                drawing.box(left, top, CELL - 2, CELL - 3, LIT if lit else roles[number])
        drawing.text(left + CELL / 2 - 1, top + CELL / 2 - 1, f"{octet:02x}", size=13, anchor="middle", bold=lit,
                     mono=True)  # fmt: skip
    return y + (len(data) + ACROSS - 1) // ACROSS * CELL


def _words(drawing: Drawing, y: float, packet: Packet, seen: Seen) -> float:
    """Write what the lit field is, beside the bytes; return where the words end."""
    check = _check(packet, seen)
    drawing.text(BESIDE, y, f"{seen.header.name()}: {spoken(seen.field)}", LIT, 15, bold=True)
    value = f"= {written(seen.field, seen.value)}"
    drawing.text(BESIDE, y + 23, value if len(value) <= 27 else f"{value[:25]}..", size=15, bold=True, mono=True)
    y += 45
    told = f"It is {check.verdict}. {check.because}" if check else ""
    role = "refused" if check and check.verdict == "wrong" else "ink"
    said = ((_where(seen), "muted"), (seen.field.meaning, "ink"), (told, role), (seen.field.source, "muted"))
    for text, color in said:
        for line in textwrap.wrap(text, LETTERS):
            drawing.text(BESIDE, y, line, color, 12.5)
            y += 17
    return y


def _check(packet: Packet, seen: Seen) -> Check | None:
    found = (check for check in checks(packet) if check.layer == seen.layer and seen.field.name == "checksum")
    return next(found, None)


def _where(seen: Seen) -> str:
    """Say which bits of which bytes: "13 bits of bytes 20 and 21"."""
    first, last, width = seen.octets.start, seen.octets.stop - 1, seen.field.width or 8 * len(seen.octets)
    bits = "1 bit" if width == 1 else f"{width} bits"
    place = f"byte {first}" if first == last else f"bytes {first} {'and' if last == first + 1 else 'to'} {last}"
    return f"{place}: {bits}" if width % 8 == 0 else f"{bits} of {place}"


def _sentence(packet: Packet, seen: Seen) -> str:
    check, data = _check(packet, seen), build(packet)
    verdict = f" It is {check.verdict}. {check.because}" if check else ""
    lit = data[seen.octets.start : seen.octets.stop].hex(" ")
    return (f"{len(data)} bytes. Lit: {seen.header.name()}, {spoken(seen.field)}; {_where(seen)}; {lit}, which is "
            f"{written(seen.field, seen.value)}. {seen.field.meaning}{verdict}")  # fmt: skip


def _all_of(header: Header) -> str:
    values = (f"{spoken(one)} {written(one, getattr(header, name))}" for name, one in header.layout.fields.items())
    return f"{header.name()} header: {', '.join(values)}."
