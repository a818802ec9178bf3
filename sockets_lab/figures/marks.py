"""What a diagram is made of: boxes, text, lines, pictures; and the colors, named by role.

A listener looks the same in every lesson because no mark names a color's value. The palette is Okabe and Ito's, which
color-blind people can tell apart.
"""

from dataclasses import dataclass

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


Mark = Box | Text | Line | Pixels


def arrowhead(line: Line) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the two back corners of the arrowhead, 9 pixels long and 8 wide."""
    length = ((line.x2 - line.x1) ** 2 + (line.y2 - line.y1) ** 2) ** 0.5 or 1
    dx, dy = (line.x2 - line.x1) / length, (line.y2 - line.y1) / length
    back_x, back_y = line.x2 - 9 * dx, line.y2 - 9 * dy
    return (back_x - 4 * dy, back_y + 4 * dx), (back_x + 4 * dy, back_y - 4 * dx)
