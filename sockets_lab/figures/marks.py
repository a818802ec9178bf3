"""What a diagram is made of: boxes, text, lines, pictures; and the colors, named by role.

A listener looks the same in every lesson because no mark names a color's value; `figures.legend` draws what each one
means. The palette is Okabe and Ito's, moved as little as it takes to stand out from white and from the dark theme, and
for color-blind people to tell any two apart.
"""

from dataclasses import dataclass

from sockets_lab.model import SocketRow

ROLES = {
    "listener": "#0F67A9",
    "connection": "#109643",
    "endpoint": "#3198F3",
    "descriptor": "#CB8500",
    "packet": "#C67BB7",
    "refused": "#B44400",
    "quiet": "#7E7E7E",
}
INKS = {"ink": "#212121", "muted": "#5C5C5C"}  # on white
SHARE = 0.6  # of a role's color in a word of that role; the rest is ink, as small text needs more contrast than a shape
SMALLEST = 11  # pixels of text: JupyterLab's own smallest. Diagrams are drawn, so they stay sharp when enlarged
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


@dataclass(frozen=True)
class Travel:
    """The way of something that has gone along it: on a live page a dot takes it once, in less than half a second.

    Args: points: x, y of each corner; turn: how many of the same picture go before it.
    """

    points: tuple[tuple[float, float], ...]
    turn: int


Mark = Box | Text | Line | Pixels | Travel


def role_of(row: SocketRow | None) -> str:
    """Return the role of a socket: it listens, it has a connection or one peer, it has a name, it has none."""
    if row is None:
        return "quiet"
    return "listener" if row.state == "LISTEN" else "connection" if row.remote.port else "endpoint"


def arrowhead(line: Line) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the two back corners of the arrowhead, 9 pixels long and 8 wide."""
    length = ((line.x2 - line.x1) ** 2 + (line.y2 - line.y1) ** 2) ** 0.5 or 1
    dx, dy = (line.x2 - line.x1) / length, (line.y2 - line.y1) / length
    back_x, back_y = line.x2 - 9 * dx, line.y2 - 9 * dy
    return (back_x - 4 * dy, back_y + 4 * dx), (back_x + 4 * dy, back_y - 4 * dx)
