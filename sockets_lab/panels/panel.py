"""What all panels have in common: a picture, a line that speaks, and an orderly way to open and to let go.

A panel reads its controls, calls an experiment and shows the result. It opens nothing before somebody clicks, or as
much as its first picture needs; `release` lets go of everything, and the next click begins anew.
"""

import itertools
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, wraps
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Self

import anywidget
import ipywidgets as widgets

from sockets_lab.errors import BadInput, refusal
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.svg import text_color
from sockets_lab.lab import NodeError
from sockets_lab.panels import refusals
from sockets_lab.panels.show import Picture, forms

RELEASED = "Everything that this panel held was closed; this is its last picture. Use any control to begin again."
after_action: list[Callable[[], None]] = []  # an open inspector looks again


class Keys(anywidget.AnyWidget):
    """Keeps the keys of a panel's controls for these controls, and takes clicks on a map; it shows nothing.

    While a control has the focus, JupyterLab takes its arrow keys and letters for commands of the notebook: the arrow
    that should choose in a list moves to another cell. A mark on the focused control keeps them off.
    """

    _esm = (Path(__file__).parent / "keys.js").read_text(encoding="utf-8")
    _css = ".jp-OutputArea-output pre { word-break: normal; overflow-wrap: anywhere; }"  # JupyterLab cuts words in two


@cache
def keep_keys() -> Keys:
    """Begin to keep them, once for a kernel."""
    return Keys()


class Panel(widgets.VBox):
    """A box of controls above a picture and a sentence."""

    shown: ClassVar[dict[type, "Panel"]] = {}  # one of each kind: a cell that is run again replaces its panel
    purpose = ""  # what it is for, in a few words; the same on every run

    def __init__(self, *controls: widgets.Widget) -> None:
        keep_keys()
        refusals.register()
        self.picture: Picture | None = None
        self.saying = itertools.count(1)
        self.acting = threading.RLock()  # JupyterLab tells some controls to the main thread, some to another one
        self.inside = False  # an action goes on, in the thread that holds the lock
        self.canvas = widgets.HTML()
        self.line = widgets.HTML()
        self.again = self.button("Begin", self.begin, "Begin again, with the panel's first picture")
        self.again.layout, self.again.style.font_size = {"width": "220px", "height": "44px", "display": "none"}, "18px"
        self.again.button_style = "primary"
        self.canvas.add_class("sockets-lab-picture")
        self.line.add_class("sockets-lab-line")
        super().__init__([*controls, self.line, self.again, self.canvas])
        self.add_class("sockets-lab-panel")
        self.add_class(f"panel-{type(self).__name__.lower()}")
        earlier = Panel.shown.pop(type(self), None)
        if earlier:
            earlier.let_go()
        Panel.shown[type(self)] = self

    @classmethod
    def make(cls) -> Self:
        """Make a panel that shows its first picture."""
        panel = cls()
        panel.begin()
        return panel

    def begin(self) -> None:
        """Open what the first picture shows, as little as that takes."""

    def draw(self, picture: Picture) -> None:
        """Show a picture in place of the one before; what has moved since then moves on the page."""
        if isinstance(picture, Drawing):
            picture.follows(self.picture)
        self.picture = picture
        self.canvas.value = picture.html()
        self.again.layout.display = "none"

    def say(self, sentence: str, trouble: bool = False) -> None:
        """Put a sentence under the controls; screen readers speak it. Text in `backticks` is set as code."""
        color = text_color("refused") if trouble else "inherit"
        style = f"color:{color};line-height:1.5"
        said = next(self.saying)  # or the page would not be told when the same is said again
        self.line.value = f'<div role="status" data-said="{said}" style="{style}">{inline(sentence)}</div>'

    def release(self) -> bool:
        """Close what the panel's experiment holds, if it holds anything; tell whether it did."""
        return False

    def let_go(self) -> None:
        """Release, and say so where something was held; the last picture stays, pale, with a button to begin again."""
        with self.acting, self.at_once():
            picture = self.picture
            if self.release():
                self.picture = picture
                self.canvas.value = f'<div style="opacity:.5;--moves:0s">{picture.html() if picture else ""}</div>'
                self.again.layout.display = ""
                self.say(RELEASED)

    def button(self, label: str, action: Callable[[], None], hint: str = "") -> widgets.Button:
        """Make a button that performs an action and shows what goes wrong in the panel."""
        button = widgets.Button(description=label, tooltip=hint or label, layout={"width": "max-content"})
        button.on_click(lambda _: self.guarded(action)())
        return button

    def follow(self, control: widgets.Widget, action: Callable[[], None], trait: str = "value") -> None:
        """Perform an action whenever a control changes, and show what goes wrong in the panel."""
        control.observe(lambda _: self.guarded(action)(), names=trait)

    def guarded(self, action: Callable[[], None]) -> Callable[[], None]:
        """Wrap an action: one at a time, and no error is swallowed, which ipywidgets would print where nobody looks.

        What an action sets off, as it changes a control that is followed, is a part of it.
        """

        @wraps(action)
        def run() -> None:
            with self.acting:
                if self.inside:
                    action()
                    return
                self.inside = True
                try:
                    self.perform(action)
                finally:
                    self.inside = False
            for look in tuple(after_action):
                look()

        return run

    def perform(self, action: Callable[[], None]) -> None:
        """Do what was clicked, and show all that it changes, and what went wrong."""
        with self.at_once():
            self.say("")
            try:
                action()
            except Exception as error:  # noqa: BLE001  shown here, or nobody sees it
                self.say(told(error), trouble=True)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Tell the page about an action's changes together, the picture first.

        Told one by one, each is a message that the page waits for while the kernel is still at work on the picture.
        """
        with ExitStack() as held:
            for widget in (*within(self), self.line, self.canvas):  # they are let go from the last to the first
                held.enter_context(widget.hold_sync())
            yield

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict, dict]:  # type: ignore[override]
        return forms(self, f"Panel: {self.purpose}. Run this cell in JupyterLab to use it.", self.picture)


class BenchPanel(Panel):
    """A panel with live sockets, `held` by a model that is made when it is first needed, and closed with the panel."""

    model: Callable[[], Any]
    held: Any = None

    @property
    def bench(self) -> Any:
        """The model that is held; a new one where there is none."""
        self.held = self.held or type(self).model()
        return self.held

    def refresh(self) -> Any:
        """Ask the kernel anew, and draw what it says. Returns: what was seen."""
        raise NotImplementedError

    def release(self) -> bool:
        held, self.held = self.held, None
        if held:
            held.close()
        self.refresh()
        return held is not None


def within(box: widgets.Box) -> Iterator[widgets.Widget]:
    """Go through all widgets in a box, and in the boxes within it."""
    for child in box.children:
        yield child
        if isinstance(child, widgets.Box):
            yield from within(child)


def told(error: Exception) -> str:
    """Say what went wrong: a mistake, a node that has ended, what the kernel refused, or else a fault of ours."""
    if isinstance(error, BadInput | NodeError):
        return str(error)
    if isinstance(error, OSError):
        return f"Refused. {refusal(error)}."
    return f"This panel has a fault of its own: {type(error).__name__}: {error}"


def inline(text: str) -> str:
    """Turn a line of plain text with `code` and **bold** into HTML; everything else is shown as it stands."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text).replace("\n", "<br>")


def let_go_of_all() -> None:
    """Let go of what all open panels hold."""
    for panel in list(Panel.shown.values()):
        panel.let_go()
