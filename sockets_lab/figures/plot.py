"""Plots: a function that draws a result onto matplotlib Axes and returns its text equivalent, made showable."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from html import escape
from typing import Any

# White becomes the dark theme's ground and black its ink; turned back by half a circle, each color keeps its hue
IN_THE_DARK = '[data-jp-theme-light="false"] .sockets-lab-plot{filter:invert(.93) hue-rotate(180deg)}'


@dataclass(frozen=True)
class Plot:
    """A finished plot."""

    title: str
    alt: str
    image: bytes
    width: int

    def html(self) -> str:
        """Return the plot as an image that carries its text equivalent."""
        data = base64.b64encode(self.image).decode()
        return (f'<img alt="{escape(self.alt, quote=True)}" src="data:image/png;base64,{data}" '
                f'class="sockets-lab-plot" style="display:block;width:100%;max-width:{self.width}px;height:auto">'
                f"<style>{IN_THE_DARK}</style>")  # fmt: skip

    def png(self) -> bytes:
        """Return the plot as PNG, white behind it, so that it is legible in the dark theme too."""
        return self.image


def plot(title: str, width: int = 760, height: int = 320) -> Callable[[Callable[..., str]], Callable[..., Plot]]:
    """Turn `function(axes, *results) -> alt` into `function(*results) -> Plot`; size in CSS pixels.

    The undecorated function stays at `__wrapped__`, for somebody who has Axes to draw on.
    """

    def decorate(draw: Callable[..., str]) -> Callable[..., Plot]:
        @wraps(draw)
        def make(*results: Any) -> Plot:
            from matplotlib.figure import Figure  # imported when first used: it takes half a second

            from sockets_lab.figures.pixels import saved

            figure = Figure(figsize=(width / 100, height / 100), dpi=200, layout="constrained", facecolor="white")
            alt = draw(figure.add_subplot(), *results)
            return Plot(title, alt, saved(figure), width)

        return make

    return decorate
