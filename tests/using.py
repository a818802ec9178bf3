"""Use a panel in a test as somebody at the page does, and look at drawings as somebody with a ruler would."""

import html
import re
import xml.etree.ElementTree as ElementTree
from io import BytesIO

import ipywidgets as widgets
from matplotlib.image import imread

from sockets_lab.course.questions import NotMeasured
from sockets_lab.figures import svg
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import Line, Mark, Text, Travel
from sockets_lab.panels.panel import Panel, within

# Widths of a letter, by its size: monospaced, bold, other. Fonts differ; the narrow ones are for words that stand close
WIDE, EVEN, NARROW = (0.68, 0.61, 0.61), (0.61, 0.61, 0.61), (0.62, 0.61, 0.54)


def click(panel: Panel, label: str) -> str:
    """Click the button with that label; return what the panel then says, without its markup."""
    next(one for one in within(panel) if isinstance(one, widgets.Button) and one.description == label).click()
    return said(panel)


def said(panel: Panel) -> str:
    """Return the panel's sentence as a reader sees it."""
    return html.unescape(re.sub("<[^>]+>", "", panel.line.value))


def corners(mark: Mark, letters: tuple[float, float, float] = EVEN) -> list[tuple[float, float]]:
    """Return the two ends of a line, or two opposite corners; text is taken to be as wide as such letters."""
    if isinstance(mark, Line):
        return [(mark.x1, mark.y1), (mark.x2, mark.y2)]
    if isinstance(mark, Travel):
        return list(mark.points)
    if isinstance(mark, Text):
        mono, bold, usual = letters
        width = len(mark.text) * mark.size * (mono if mark.mono else bold if mark.bold else usual)
        left = mark.x - width * {"start": 0, "middle": 0.5, "end": 1}[mark.anchor]
        return [(left, mark.y - mark.size / 2), (left + width, mark.y + mark.size / 2)]
    return [(mark.x, mark.y), (mark.x + mark.width, mark.y + mark.height)]


def inside(drawing: Drawing, letters: tuple[float, float, float] = EVEN) -> None:
    """Fail where a mark leaves the frame, or where the SVG has other words, or has them elsewhere."""
    for mark in drawing.marks:
        for x, y in corners(mark, letters):
            assert 0 <= x <= drawing.width, mark
            assert 0 <= y <= drawing.height, mark
    written = [mark for mark in drawing.marks if isinstance(mark, Text)]
    for mark, shown in zip(written, ElementTree.fromstring(drawing.html()).iter("text"), strict=True):
        own = re.search(r"([\d.]+)px", shown.get("style", ""))
        assert (shown.text or "", float(own[1]) if own else svg.SIZE) == (mark.text, mark.size)
        assert (shown.get("x"), shown.get("y")) == (f"{mark.x:g}", f"{mark.y:g}")
        assert shown.get("text-anchor", "start") == mark.anchor


def picture(drawing: Drawing, letters: tuple[float, float, float] = EVEN) -> None:
    """Fail where a mark leaves the frame, where the PNG has another size than the drawing, or the SVG is none."""
    inside(drawing, letters)
    assert imread(BytesIO(drawing.png())).shape[:2] == (2 * drawing.height, 2 * drawing.width)
    drawn = ElementTree.fromstring(drawing.html())
    assert drawn.tag.endswith("svg")
    assert drawn.get("role") == "img"
    assert drawing.alt.split() == drawn.get("aria-label", "").split()


def told(claim):
    """Return what a machine says of a claim, and the verdict; where that was not measured the reason, and "unknown"."""
    try:
        return claim.measure()
    except NotMeasured as missing:
        return str(missing), "unknown"
