"""Draw a diagram's marks as PNG, for readers of a saved notebook. Loads matplotlib, so import it when first used."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import FancyBboxPatch

from sockets_lab.figures.marks import INKS, ROLES, SHARE, TINT, Box, Line, Mark, Pixels, Text, Travel, arrowhead
from sockets_lab.figures.pixels import saved

POINTS_PER_PIXEL = 0.68  # matplotlib's DejaVu runs wider than a browser's sans-serif, so a little under 0.72
SCALE = 2  # PNG pixels per CSS pixel: sharp on a projector


def render(marks: Iterable[Mark], width: int, height: int) -> bytes:
    """Return a PNG on white, twice the diagram's size. Args: width, height in CSS pixels."""
    size = (width + 0.01) / 100, (height + 0.01) / 100  # matplotlib cuts 803.9999 pixels to 803
    figure = Figure(figsize=size, dpi=100 * SCALE, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    for mark in marks:
        if isinstance(mark, Travel):
            continue  # a saved picture stands still
        _RENDER[type(mark)](axes, mark)
    return saved(figure)


def color(role: str) -> str:
    """Return a role's color on white."""
    return INKS.get(role) or ROLES[role]


def text_color(role: str) -> tuple[float, ...]:
    """Return the color of words on white: a role's is mixed with ink."""
    share = SHARE if role in ROLES else 1.0
    pairs = zip(to_rgb(color(role)), to_rgb(INKS["ink"]), strict=True)
    return tuple(share * one + (1 - share) * other for one, other in pairs)


def _plot_box(axes: Axes, box: Box) -> None:
    paint = color(box.role)
    axes.add_patch(FancyBboxPatch(
        (box.x, box.y), box.width, box.height, boxstyle="round,pad=0,rounding_size=6", linewidth=1.4,
        facecolor=to_rgba(paint, TINT), edgecolor=paint, linestyle="--" if box.dashed else "-"))  # fmt: skip


def _plot_text(axes: Axes, text: Text) -> None:
    axes.text(
        text.x, text.y, text.text.replace("$", r"\$"), color=text_color(text.role),
        size=text.size * POINTS_PER_PIXEL, weight="bold" if text.bold else "normal", va="center_baseline",
        ha={"start": "left", "middle": "center", "end": "right"}[text.anchor],
        family="DejaVu Sans Mono" if text.mono else "DejaVu Sans")  # fmt: skip


def _plot_line(axes: Axes, line: Line) -> None:
    paint = color(line.role)
    style = "--" if line.dashed else "-"
    axes.plot((line.x1, line.x2), (line.y1, line.y2), color=paint, linewidth=1.4, linestyle=style)
    if line.arrow:
        axes.fill(*zip((line.x2, line.y2), *arrowhead(line), strict=True), color=paint, linewidth=0)


def _plot_pixels(axes: Axes, pixels: Pixels) -> None:
    place = (pixels.x, pixels.x + pixels.width, pixels.y + pixels.height, pixels.y)
    axes.imshow(imread(BytesIO(pixels.image)), extent=place, aspect="auto", interpolation="nearest")


_RENDER: dict[type, Callable[[Axes, Any], None]] = {
    Box: _plot_box, Text: _plot_text, Line: _plot_line, Pixels: _plot_pixels,
}  # fmt: skip
