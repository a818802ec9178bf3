"""A diagram as a list of marks, drawn twice: as SVG in a live page, as PNG in a saved notebook.

Coordinates are CSS pixels, the origin at the top left. Colors are named by role, never by value, so that a listener
looks the same in every lesson; the palette is Okabe and Ito's, which color-blind people can tell apart.
"""

from dataclasses import dataclass, field

ROLES = {
    "listener": "#0072B2",
    "connection": "#009E73",
    "endpoint": "#56B4E9",
    "descriptor": "#E69F00",
    "packet": "#CC79A7",
    "refused": "#D55E00",
    "quiet": "#808080",
}
TINT = 0.16  # how strongly a box is filled with the color of its edge: legible under dark and under light text


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    role: str
    dashed: bool


@dataclass(frozen=True)
class Text:
    x: float
    y: float
    text: str
    role: str
    size: float
    anchor: str
    bold: bool
    mono: bool


@dataclass(frozen=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    role: str
    dashed: bool
    arrow: bool


@dataclass(frozen=True)
class Pixels:
    x: float
    y: float
    width: float
    height: float
    image: bytes


@dataclass
class Drawing:
    """A diagram under construction. Args: title, a stable sentence; alt, the text equivalent; size in pixels."""

    title: str
    alt: str
    width: int
    height: int
    marks: list[Box | Text | Line | Pixels] = field(default_factory=list)

    def box(self, x: float, y: float, width: float, height: float, role: str = "quiet", *lines: str,
            mono: bool = True, dashed: bool = False) -> None:  # fmt: skip
        """Add a box with lines of text in its middle, the first one bold."""
        self.marks.append(Box(x, y, width, height, role, dashed))
        top = y + height / 2 - (len(lines) - 1) * 9
        for number, line in enumerate(lines):
            self.text(x + width / 2, top + number * 18, line, anchor="middle", bold=number == 0, mono=mono)

    def text(self, x: float, y: float, text: str, role: str = "ink", size: float = 13, anchor: str = "start",
             bold: bool = False, mono: bool = False) -> None:  # fmt: skip
        """Add one line of text, centered on y. Anchor: "start", "middle" or "end"."""
        self.marks.append(Text(x, y, str(text), role, size, anchor, bold, mono))

    def line(self, x1: float, y1: float, x2: float, y2: float, role: str = "muted", dashed: bool = False,
             arrow: bool = False) -> None:  # fmt: skip
        """Add a line, with an arrowhead at its end if asked."""
        self.marks.append(Line(x1, y1, x2, y2, role, dashed, arrow))

    def pixels(self, x: float, y: float, width: float, height: float, image: bytes) -> None:
        """Add a picture, PNG; for what has too many parts to be drawn as shapes."""
        self.marks.append(Pixels(x, y, width, height, image))

    def html(self) -> str:
        """Return the diagram as SVG that shrinks with the page and follows its theme."""
        from sockets_lab.figures import svg

        return svg.render(self)

    def png(self) -> bytes:
        """Return the diagram as a PNG on white, for readers of a saved notebook."""
        from sockets_lab.figures import raster

        return raster.render(self)


def arrowhead(line: Line) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the two back corners of the arrowhead, 9 pixels long and 8 wide."""
    length = ((line.x2 - line.x1) ** 2 + (line.y2 - line.y1) ** 2) ** 0.5 or 1
    dx, dy = (line.x2 - line.x1) / length, (line.y2 - line.y1) / length
    back_x, back_y = line.x2 - 9 * dx, line.y2 - 9 * dy
    return (back_x - 4 * dy, back_y + 4 * dx), (back_x + 4 * dy, back_y - 4 * dx)
