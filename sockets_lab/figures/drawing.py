"""A diagram as a list of marks, drawn twice: as SVG in a live page, as PNG in a saved notebook.

Coordinates are CSS pixels, the origin at the top left.
"""

from dataclasses import dataclass, field

from sockets_lab.figures import svg
from sockets_lab.figures.marks import Box, Line, Mark, Pixels, Text


@dataclass
class Drawing:
    """A diagram under construction. Args: title, a stable sentence; alt, the text equivalent; size in pixels."""

    title: str
    alt: str
    width: int
    height: int
    marks: list[Mark] = field(default_factory=list)

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
        return svg.render(self.marks, self.width, self.height, self.alt)

    def png(self) -> bytes:
        """Return the diagram as a PNG on white, for readers of a saved notebook."""
        from sockets_lab.figures import raster  # imported when first used: matplotlib takes half a second

        return raster.render(self.marks, self.width, self.height)
