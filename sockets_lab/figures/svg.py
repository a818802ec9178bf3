"""Draw a diagram's marks as SVG for a live page."""

import base64
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from sockets_lab.figures.marks import ROLES, SHARE, TINT, Box, Line, Mark, Pixels, Text, Travel, arrowhead

INK = "var(--jp-content-font-color1, #212121)"
INKS = {"ink": INK, "muted": f"color-mix(in srgb, {INK} 72%, transparent)"}
SIZE = 13  # pixels of most text
SANS = "var(--jp-content-font-family, sans-serif)"
# What most marks share stands once, and they inherit it: a panel waits for every kilobyte on its way to the page
SHARED = (f"--muted:{INKS['muted']};--mono:var(--jp-code-font-family, monospace);"
          f"fill:{INK};font:{SIZE}px {SANS};stroke-width:2")  # fmt: skip
INHERITED = {"ink": "", "muted": "fill:var(--muted);"}


# A picture at rest (its panel has let go) sets --moves to 0s; a reader may have asked the system for no motion at all
MOTION = (
    "<style>@keyframes sockets-lab-go{0%{offset-distance:0%;opacity:1}99%{offset-distance:100%;opacity:1}"
    "100%{opacity:0}}@keyframes sockets-lab-grow{from{transform:scaleX(var(--was))}}"
    ".sockets-lab-go{opacity:0;animation:sockets-lab-go var(--moves,.4s) ease-in-out}"
    ".sockets-lab-grow{transform-box:fill-box;transform-origin:left;animation:sockets-lab-grow var(--moves,.4s)}"
    "@media (prefers-reduced-motion:reduce){.sockets-lab-go,.sockets-lab-grow{animation:none}}</style>"
)


def render(marks: Iterable[Mark], width: int, height: int, alt: str, before: Iterable[Mark] = ()) -> str:
    """Return `<svg>` that scales down with the page, takes its text color from the theme and says what it shows.

    Args: before: marks of the picture that this one replaces; a box that only has another width grows or shrinks.
    """
    widths = {_place(mark): mark.width for mark in before if isinstance(mark, Box)}
    shapes = "".join(
        _svg_box(mark, widths.get(_place(mark), mark.width)) if isinstance(mark, Box) else _RENDER[type(mark)](mark)
        for mark in marks
    )
    shapes = MOTION + shapes if 'class="sockets-lab-g' in shapes else shapes
    return (
        f'<svg role="img" aria-label="{escape(alt, quote=True)}" '
        f'viewBox="0 0 {width} {height}" '
        f'style="display:block;width:100%;max-width:{width}px;height:auto;{SHARED}">{shapes}</svg>'
    )


def color(role: str) -> str:
    """Return a role's color; inks follow the page's theme."""
    return INKS.get(role) or ROLES[role]


def text_color(role: str) -> str:
    """Return the color of words: a role's is mixed with the theme's ink, darker on white and lighter on black."""
    return INKS.get(role) or f"color-mix(in srgb, {ROLES[role]} {SHARE:.0%}, {INK})"


def _place(box: Box) -> tuple[float, float, float]:
    return box.x, box.y, box.height


def _svg_box(box: Box, was: float) -> str:
    paint = color(box.role)
    dash = ' stroke-dasharray="5 4"' if box.dashed else ""
    moves = f";--was:{was / box.width:.2f}" if was != box.width else ""
    dash += ' class="sockets-lab-grow"' if moves else ""
    return (f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="6" '
            f'style="fill:{paint};fill-opacity:{TINT};stroke:{paint}{moves}"{dash}/>')  # fmt: skip


def _svg_text(text: Text) -> str:
    style = INHERITED[text.role] if text.role in INHERITED else f"fill:{text_color(text.role)};"
    style += f"font-size:{text.size}px;" if text.size != SIZE else ""
    style += "font-weight:bold;" if text.bold else ""
    style += "font-family:var(--mono)" if text.mono else ""
    marks = f' text-anchor="{text.anchor}"' if text.anchor != "start" else ""
    marks += f' style="{style}"' if style else ""
    return f'<text x="{text.x:g}" y="{text.y:g}" dominant-baseline="central"{marks}>{escape(text.text)}</text>'


def _svg_line(line: Line) -> str:
    paint = color(line.role)
    dash = ' stroke-dasharray="5 4"' if line.dashed else ""
    path = f'<path d="M{line.x1:g},{line.y1:g}L{line.x2:g},{line.y2:g}" style="stroke:{paint}"{dash}/>'
    if line.arrow:
        (ax, ay), (bx, by) = arrowhead(line)
        path += f'<path d="M{line.x2:g},{line.y2:g}L{ax:.1f},{ay:.1f}L{bx:.1f},{by:.1f}Z" style="fill:{paint}"/>'
    return path


def _svg_pixels(pixels: Pixels) -> str:
    data = base64.b64encode(pixels.image).decode()
    return (f'<image x="{pixels.x:g}" y="{pixels.y:g}" width="{pixels.width:g}" height="{pixels.height:g}" '
            f'preserveAspectRatio="none" href="data:image/png;base64,{data}"/>')  # fmt: skip


def _svg_travel(travel: Travel) -> str:
    path = "M" + "L".join(f"{x:g},{y:g}" for x, y in travel.points)
    delay = f";animation-delay:calc({travel.turn}*var(--moves,.4s))" if travel.turn else ""
    return f'<circle r="7" class="sockets-lab-go" style="fill:{color("packet")};offset-path:path(\'{path}\'){delay}"/>'


_RENDER: dict[type, Callable[[Any], str]] = {
    Text: _svg_text, Line: _svg_line, Pixels: _svg_pixels, Travel: _svg_travel,
}  # fmt: skip
