"""Keep the keys of a panel's controls for these controls.

While a control has the focus, JupyterLab takes its arrow keys and letters for commands of the notebook: the arrow that
should choose in a list moves to another cell, and an "x" cuts the cell. A mark on the focused control keeps them off.
"""

from functools import cache
from pathlib import Path

import anywidget


class Keys(anywidget.AnyWidget):
    """Shows nothing: it only listens on the page."""

    _esm = (Path(__file__).parent / "keys.js").read_text(encoding="utf-8")


@cache
def keep() -> Keys:
    """Begin to keep them, once for a kernel."""
    return Keys()
