"""Use a panel in a test as somebody at the page does, and look at drawings as somebody with a ruler would."""

import html
import re
import xml.etree.ElementTree as ElementTree
from io import BytesIO

import ipywidgets as widgets
from matplotlib.image import imread

from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import Line, Mark, Text
from sockets_lab.panels.panel import Panel, within

WIDE, USUAL = 0.61, 0.54  # a letter's width, by its size: monospaced or bold, and neither


def click(panel: Panel, label: str) -> str:
    """Click the button with that label; return what the panel then says, without its markup."""
    next(one for one in within(panel) if isinstance(one, widgets.Button) and one.description == label).click()
    return said(panel)


def said(panel: Panel) -> str:
    """Return the panel's sentence as a reader sees it."""
    return html.unescape(re.sub("<[^>]+>", "", panel.line.value))


def corners(mark: Mark) -> list[tuple[float, float]]:
    """Return the two ends of a line, or two opposite corners; text is guessed, a little wide: fonts differ."""
    if isinstance(mark, Line):
        return [(mark.x1, mark.y1), (mark.x2, mark.y2)]
    if isinstance(mark, Text):
        width = len(mark.text) * mark.size * (WIDE if mark.mono or mark.bold else USUAL)
        left = mark.x - width * {"start": 0, "middle": 0.5, "end": 1}[mark.anchor]
        return [(left, mark.y - mark.size / 2), (left + width, mark.y + mark.size / 2)]
    return [(mark.x, mark.y), (mark.x + mark.width, mark.y + mark.height)]


def inside(drawing: Drawing) -> None:
    """Fail where a mark leaves the frame."""
    for mark in drawing.marks:
        for x, y in corners(mark):
            assert 0 <= x <= drawing.width, mark
            assert 0 <= y <= drawing.height, mark


def picture(drawing: Drawing) -> None:
    """Fail where a mark leaves the frame, where the PNG has another size than the drawing, or the SVG is none."""
    inside(drawing)
    assert imread(BytesIO(drawing.png())).shape[:2] == (2 * drawing.height, 2 * drawing.width)
    drawn = ElementTree.fromstring(drawing.html())
    assert drawn.tag.endswith("svg")
    assert drawing.alt.split() == drawn.get("aria-label", "").split()
