"""The map of all 65,536 ports: 256 rows of 256, where row and column are the two bytes of the port's header field."""

import textwrap
from collections.abc import Iterable
from functools import cache

from sockets_lab.errors import Refused
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import ROLES
from sockets_lab.figures.pixels import png, rgba
from sockets_lab.lessons.ports import DYNAMIC, NAMED, RANGE, SIDE, PortMap, Probe

LEFT, TOP, SIZE = 52, 42, 384  # pixels: the map's place, and its width and height
COLUMN = 478  # where the words begin
PALETTE = (
    rgba(ROLES["descriptor"], 0.45), rgba(ROLES["quiet"], 0.16), rgba(ROLES["endpoint"], 0.35),  # the three ranges
    rgba(ROLES["quiet"]), rgba(ROLES["packet"]), rgba(ROLES["connection"]), rgba(ROLES["listener"]),
)  # fmt: skip
NAME, HANDED, TAKEN, OPEN = 3, 4, 5, 6  # indexes into the palette, the strongest last
LEGEND = (
    (0, "System ports, 0-1023"),
    (1, "User ports, 1024-49151"),
    (2, "Dynamic ports, 49152-65535"),
    (NAME, "has a service name on this machine"),
    (OPEN, "occupied, open to anybody's packets"),
    (TAKEN, "occupied in another way"),
    (HANDED, "just now handed out by the kernel"),
)
BACKGROUND = bytes(NAME if mark & NAMED else mark & RANGE for mark in range(256))  # a port's color by its mark


def map_of_ports(drawn: PortMap, found: Probe | None = None, handed_out: Iterable[int] = ()) -> Drawing:
    """Draw the map. Args: what is there now; the port probed, if any; ports that the kernel has just handed out."""
    drawing = Drawing("All 65,536 ports: ranges, names, and what is occupied now.", "", 760, TOP + SIZE + 24)
    handed = tuple(handed_out)
    drawing.text(LEFT, 14, f"{drawn.protocol.upper()}: row = high byte, column = low byte of the port", bold=True)
    drawing.pixels(LEFT, TOP, SIZE, SIZE, png(_cells(drawn, handed), SIDE, PALETTE))
    for row in (4, 64, 128, 192):
        drawing.text(LEFT - 6, _down(row) + 4, str(row * SIDE), "muted", 11, "end")
    for column in (0, 64, 128, 192, 255):
        drawing.text(LEFT + column * SIZE / SIDE, TOP - 10, f"+{column}", "muted", 11, "middle")
    if drawn.ephemeral:
        low, high = (port // SIDE for port in drawn.ephemeral)
        drawing.line(LEFT + SIZE + 9, _down(low), LEFT + SIZE + 9, _down(high + 1), "packet")
    drawing.line(LEFT + SIZE + 18, _down(DYNAMIC.low // SIDE), LEFT + SIZE + 18, _down(SIDE), "quiet", dashed=True)
    y = _facts(drawing, found) if found else TOP
    _legend(drawing, drawn, max(y + 16, TOP))
    drawing.alt = "\n".join([
        str(drawn),
        *([f"Just handed out: {len(handed)} ports, from {min(handed)} to {max(handed)}."] if handed else []),
        *([f"Probed: {found}"] if found else []),
    ])  # fmt: skip
    return drawing


def _down(row: int) -> float:
    return TOP + row * SIZE / SIDE


def _cells(drawn: PortMap, handed_out: Iterable[int]) -> bytes:
    """Choose a color for each port; what is occupied or handed out covers its neighbors too, to be seen."""
    cells = bytearray(drawn.marks().translate(BACKGROUND))
    for color, chosen in ((HANDED, handed_out), (TAKEN, drawn.occupied), (OPEN, drawn.waiting)):
        for port in chosen:
            row, column = divmod(port, SIDE)
            for near in (row - 1, row, row + 1):
                if 0 <= near < SIDE:
                    first, last = max(column - 1, 0), min(column + 2, SIDE)
                    cells[near * SIDE + first : near * SIDE + last] = bytes([color]) * (last - first)
    return bytes(cells)


def _facts(drawing: Drawing, found: Probe) -> float:
    """Mark the probed port on the map and write what was found; return where the words end."""
    row, column = divmod(found.asked.port, SIDE)
    x, y = LEFT + (column + 0.5) * SIZE / SIDE, _down(row) + 0.75
    drawing.line(LEFT, y, max(x - 8, LEFT), y, "muted", dashed=True)
    drawing.line(x, TOP, x, max(y - 8, TOP), "muted", dashed=True)
    drawing.box(x - 7, y - 7, 14, 14, "ink")
    drawing.text(COLUMN, 14, f"port {found.asked.port} = {row} x 256 + {column}", bold=True)
    bound = f"refused, {found.bound.name}" if isinstance(found.bound, Refused) else f"gave {found.bound}"
    reached = f" ({found.reached.name})" if isinstance(found.reached, Refused) else ""
    lines = [
        f"range: {found.range.name}",
        f"service name: {found.service}",
        *textwrap.wrap(f"held by: {found.held_by}", 38)[:3],
        f"bind: {bound}",
        f"connect: {found.outcome}{reached}",
    ]
    for number, line in enumerate(lines):
        drawing.text(COLUMN, TOP + number * 19, line)
    return TOP + len(lines) * 19


@cache
def _swatch(color: int) -> bytes:
    return png(bytes([color]), 1, PALETTE)


def _legend(drawing: Drawing, drawn: PortMap, y: float) -> None:
    drawing.line(COLUMN, y - 12, 750, y - 12, "quiet")
    for number, (color, words) in enumerate(LEGEND):
        drawing.pixels(COLUMN, y + number * 20, 12, 12, _swatch(color))
        drawing.text(COLUMN + 20, y + number * 20 + 6, words, size=12)
    y += len(LEGEND) * 20 + 6
    given = "not told by this system" if drawn.ephemeral is None else "{}-{}".format(*drawn.ephemeral)
    for role, dashed, words in (("packet", False, f"the kernel's range: {given}"),
                                ("quiet", True, "the text's: 49152-65535")):  # fmt: skip
        drawing.line(COLUMN + 6, y - 7, COLUMN + 6, y + 7, role, dashed)
        drawing.text(COLUMN + 20, y, words, size=12)
        y += 20
