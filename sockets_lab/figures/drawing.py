"""A diagram as a list of marks, drawn twice: as SVG in a live page, as PNG in a saved notebook.

Coordinates are CSS pixels, the origin at the top left.
"""

from dataclasses import dataclass, field

from sockets_lab.figures import svg
from sockets_lab.figures.marks import Box, Line, Mark, Pixels, Text, Travel


@dataclass
class Drawing:
    """A diagram under construction. Args: title, a stable sentence; alt, the text equivalent; size in pixels."""

    title: str
    alt: str
    width: int
    height: int
    marks: list[Mark] = field(default_factory=list)
    before: tuple[Mark, ...] = ()
    steps: list[int] = field(default_factory=list)  # of a story: how many marks there are after each of its steps

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

    def travel(self, *points: tuple[float, float], turn: int = 0) -> None:
        """Let a dot go this way once, on a live page; only for what an experiment saw arrive. Points: x, y."""
        self.marks.append(Travel(points, turn))

    def upto(self, step: int) -> "Drawing":
        """Return the diagram as it is after so many of its steps, from 1; only what comes last moves."""
        begun = self.steps[step - 2] if step > 1 else 0
        marks: list[Mark] = [mark for mark in self.marks[:begun] if not isinstance(mark, Travel)]
        for mark in self.marks[begun : self.steps[step - 1]]:
            marks.append(Travel(mark.points, 0) if isinstance(mark, Travel) else mark)
        return Drawing(self.title, self.alt, self.width, self.height, marks)

    def html(self) -> str:
        """Return the diagram as SVG that shrinks with the page and follows its theme."""
        return svg.render(self.marks, self.width, self.height, self.alt, self.before)

    def follows(self, before: object) -> None:
        """Let this diagram's bars grow and shrink from where those of the one before ended."""
        self.before = tuple(before.marks) if isinstance(before, Drawing) else ()

    def png(self) -> bytes:
        """Return the diagram as a PNG on white, for readers of a saved notebook."""
        from sockets_lab.figures import raster  # imported when first used: matplotlib takes half a second

        return raster.render(self.marks, self.width, self.height)
