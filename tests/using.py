"""Use a panel in a test as somebody at the page does, and look at drawings as somebody with a ruler would."""

import html
import re
import xml.etree.ElementTree as ElementTree
from io import BytesIO

import ipywidgets as widgets
from matplotlib.image import imread

from sockets_lab.figures import svg
from sockets_lab.figures.drawing import Drawing
from sockets_lab.panels.panel import Panel, within


def click(panel: Panel, label: str) -> str:
    """Click the button with that label; return what the panel then says, without its markup."""
    next(one for one in within(panel) if isinstance(one, widgets.Button) and one.description == label).click()
    return said(panel)


def said(panel: Panel) -> str:
    """Return the panel's sentence as a reader sees it."""
    return html.unescape(re.sub("<[^>]+>", "", panel.line.value))


def texts_inside(drawing: Drawing) -> None:
    """Fail where a text begins or ends outside the frame, by the width of a monospaced letter."""
    for text in ElementTree.fromstring(drawing.html()).iter("text"):
        own = re.search(r"([\d.]+)px", text.get("style", ""))
        size = float(own[1]) if own else svg.SIZE
        width = len(text.text or "") * size * 0.61
        left = float(text.get("x", 0)) - width * {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "start")]
        assert 0 <= left <= left + width <= drawing.width, text.text
        assert 0 <= float(text.get("y", 0)) <= drawing.height, text.text


def picture(drawing: Drawing) -> None:
    """Fail where a text leaves the frame, or where the PNG has another size than the drawing."""
    texts_inside(drawing)
    assert imread(BytesIO(drawing.png())).shape[:2] == (2 * drawing.height, 2 * drawing.width)
