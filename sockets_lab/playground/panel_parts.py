"""What the panel of the playground is made of: its controls, row by row, and the log as a page shows it."""

from collections.abc import Iterable
from functools import lru_cache
from html import escape

import ipywidgets as widgets

from sockets_lab.figures.svg import text_color
from sockets_lab.panels import fields
from sockets_lab.panels.fields import choice, field
from sockets_lab.playground import HERE, NODES, OPTIONS, RECIPES, Line

SHOWN = 25  # lines of the log on the page; a script has them all
CELL = "padding:1px 12px 1px 0;vertical-align:top;text-align:left;"
MONO = "font-family:var(--jp-code-font-family, monospace);"
COPY = (
    "<button type='button' class='jupyter-button' style='padding:0 12px' onclick=\"const text = this.closest("
    "'.playground-written').querySelector('textarea'); text.select(); document.execCommand('copy'); "
    "this.textContent = 'Copied'\">Copy the script</button>"
)


class Controls:
    """All fields of the panel, each with its label."""

    def __init__(self) -> None:
        places = {HERE: HERE, **{f"node {name}": name for name in NODES}}
        self.place = choice("Where", 190, list(places.items()))
        self.protocol = choice("Protocol", 140, ["TCP", "UDP"])
        self.family = choice("Family", 130, ["IPv4", "IPv6"])
        self.chosen = choice("Socket", 170, [])
        self.address = field(widgets.Text, "Address", 190, "", placeholder="its place's own")
        self.port = field(widgets.Text, "Port", 100, "0", placeholder="0")
        self.backlog = field(widgets.IntText, "Backlog", 120, 5)
        self.to = field(widgets.Combobox, "To", 215, placeholder="a socket, or 127.0.0.1:8080", ensure_option=False)
        self.data = field(widgets.Text, "Data", 180, "hello", placeholder="what to send")
        self.times = field(widgets.IntText, "times", 120, 1)
        self.size = field(widgets.IntText, "at most", 130, 65536)
        self.option = choice("Option", 205, list(OPTIONS))
        self.value = field(widgets.IntText, "Value", 100, 1)
        recipes = {recipe.title: key for key, recipe in RECIPES.items()}
        self.recipe = choice("Recipe", 440, list(recipes.items()))
        self.written = widgets.ToggleButton(
            False, description="Show as a script", tooltip="The log as a Python program", layout={"width": "150px"}
        )
        self.script = widgets.Textarea(layout={"width": "98%", "height": "320px"})
        self.paper = widgets.VBox([widgets.HTML(COPY), self.script], layout={"display": "none"})
        self.paper.add_class("playground-written")
        self.script.add_class("playground-script")


def row(*controls: widgets.Widget) -> widgets.HBox:
    """Put controls side by side, with their middles on one line."""
    return fields.row(controls, align_items="center")


def log_page(lines: Iterable[Line]) -> str:
    """Return the log's latest lines as a table that stays at its end: the call, the answer, what changed."""
    lines = list(lines)
    if not lines:
        return '<div style="opacity:0.75">The log is empty: every action will stand here as a line of Python.</div>'
    rows = "".join(_row(line) for line in lines[-SHOWN:])
    head = "".join(f'<th scope="col" style="{CELL}">{text}</th>' for text in ("the call", "the answer", "what changed"))
    earlier = f"<caption>{len(lines) - SHOWN} earlier lines are in the script.</caption>" * (len(lines) > SHOWN)
    # A column in reverse keeps the end in sight while lines are added.
    return (
        '<div role="log" aria-label="log of the playground" tabindex="0" '
        'style="display:flex;flex-direction:column-reverse;'
        'max-height:160px;overflow:auto;border:1px solid var(--jp-border-color2, #BDBDBD);padding:4px 8px">'
        f'<table style="font-size:12px;line-height:1.4;width:100%">{earlier}<thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


@lru_cache(SHOWN * 2)
def _row(line: Line) -> str:
    refused = line.is_refused and line.answer.name not in ("EINPROGRESS", "EAGAIN")
    color = f"color:{text_color('refused')};" * refused
    changed = "<br>".join(escape(change) for change in line.changes)
    said = escape(line.said)
    if line.is_refused:
        name, _, why = said.partition(":")
        said = f"<b>{name}</b>:{why}"
    code = escape(line.code) if line.code else "<i>(by itself)</i>"
    return (
        f'<tr><td style="{CELL}{MONO}">{code}</td><td style="{CELL}{color}">{said}</td>'
        f'<td style="{CELL}white-space:nowrap">{changed}</td></tr>'
    )
