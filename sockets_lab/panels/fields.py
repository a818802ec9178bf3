"""What panels are built of: fields of a certain width, in rows that wrap where the page is narrow."""

from collections.abc import Iterable
from typing import Any, TypeVar

import ipywidgets as widgets

Field = TypeVar("Field", bound=widgets.Widget)


def field(kind: type[Field], label: str, width: int, *value: object, aligned: bool = False, **more: Any) -> Field:
    """Make a field with its label before it.

    Args: width: in pixels; value, more: the widget's own; aligned: all labels take the same width, as in a form.
    """
    style = {} if aligned else {"description_width": "initial"}
    return kind(*value, description=label, layout={"width": f"{width}px"}, style=style, **more)


def choice(label: str, width: int, options: Any = (), **more: Any) -> widgets.Dropdown:
    """Make a menu. Args: as for `field`."""
    return field(widgets.Dropdown, label, width, options=options, **more)


def toggles(options: Any) -> widgets.ToggleButtons:
    """Make buttons of which one is down, each as wide as its words."""
    width = "max-content"
    return widgets.ToggleButtons(options=options, style={"button_width": width}, layout={"width": width})


def row(controls: Iterable[widgets.Widget], **layout: str) -> widgets.HBox:
    """Put controls side by side, on more lines where the page is narrow."""
    return widgets.HBox(list(controls), layout={"flex_flow": "row wrap", **layout})
