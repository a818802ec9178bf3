"""The inspector's place beside the notebook, and the thread that follows what is shown there.

It has no place in a cell's output. Its element is attached to the page itself, its thread looks on and speaks only when
something changed; so it follows a cell while the cell runs, and leaves no trace in the notebook.
"""

import atexit
import os
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets
from IPython import get_ipython

from sockets_lab.figures import inspector as figure
from sockets_lab.panels.panel import after_action
from sockets_lab.watch.sockets import Follower, View

HERE = Path(__file__).parent


class Dock(anywidget.AnyWidget):
    """The view and its thread; `close()` ends both. Args: ports of Jupyter's own sockets."""

    _esm = (HERE / "dock.js").read_text(encoding="utf-8")
    shown: ClassVar["Dock | None"] = None  # one for a kernel

    style = traitlets.Unicode((HERE / "dock.css").read_text(encoding="utf-8")).tag(sync=True)
    key = traitlets.Unicode().tag(sync=True)  # the model's id, by which the page asks whether this kernel still lives
    title = traitlets.Unicode().tag(sync=True)
    everything = traitlets.Bool(False).tag(sync=True)
    table = traitlets.Unicode().tag(sync=True)
    summary = traitlets.Unicode().tag(sync=True)
    news = traitlets.List(traitlets.Unicode()).tag(sync=True)
    drawn = traitlets.Int().tag(sync=True)  # counts the views: the page draws when it changes

    def __init__(self, ports: frozenset[int] = frozenset()) -> None:
        if Dock.shown:
            Dock.shown.close()
        notebook = Path(os.environ.get("JPY_SESSION_NAME", "this kernel")).name
        super().__init__(title=f"Descriptors of {notebook}, and their rows in the kernel's table")
        Dock.shown, self.key = self, self.model_id
        self.on_msg(self._heard)
        self.follower = Follower(self.draw, ports)
        self.hooks = {"pre_run_cell": lambda _: self.follower.wake(busy=True),
                      "post_run_cell": lambda _: self.follower.wake()}  # fmt: skip
        if shell := get_ipython():
            for event, hook in self.hooks.items():
                shell.events.register(event, hook)
        after_action.append(self.follower.wake)
        atexit.register(self.close)
        self.follower.start()

    def draw(self, view: View) -> None:
        """Send a view to the page. Only this sets traits, and only the follower's thread calls it: they bear one."""
        with self.hold_sync():
            self.everything = self.follower.everything
            self.table, self.summary, self.news = figure.table(view), figure.summary(view), figure.news(view)
            self.drawn += 1

    def close(self) -> None:
        """Take the view off the page, and end the thread."""
        if Dock.shown is self:
            Dock.shown = None
            atexit.unregister(self.close)
            after_action.remove(self.follower.wake)
            if shell := get_ipython():
                for event, hook in self.hooks.items():
                    shell.events.unregister(event, hook)
            self.follower.close()
        super().close()

    def _heard(self, _: Any, content: dict, __: Any) -> None:
        """Do what somebody chose on the page."""
        if content.get("closed"):
            self.close()
        elif "everything" in content:
            self.follower.everything = bool(content["everything"])
            self.follower.wake()

    def _ipython_display_(self) -> None:
        """Show nothing in the cell: the place of this view is beside it."""
