"""Use a panel in a test as somebody at the page does, and look at drawings as somebody with a ruler would."""

import html
import re
from collections.abc import Iterator

import ipywidgets as widgets

from sockets_lab.panels.panel import Panel


def click(panel: Panel, label: str) -> str:
    """Click the button with that label; return what the panel then says, without its markup."""
    next(one for one in _controls(panel) if isinstance(one, widgets.Button) and one.description == label).click()
    return said(panel)


def said(panel: Panel) -> str:
    """Return the panel's sentence as a reader sees it."""
    return html.unescape(re.sub("<[^>]+>", "", panel.line.value))


def _controls(box: widgets.Box) -> Iterator[widgets.Widget]:
    for child in box.children:
        if isinstance(child, widgets.Box):
            yield from _controls(child)
        yield child
