"""What the panel of the playground shows, and how it follows: picture, rows, log and script as they are now."""

import threading
import time
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from sockets_lab.errors import BadInput, Refused
from sockets_lab.panels.panel import Panel
from sockets_lab.playground import Playground, Replay, SocketEnd, View
from sockets_lab.playground.figure import playground as diagram
from sockets_lab.playground.figure import table
from sockets_lab.playground.panel_parts import Controls, log_page

# Actions that make sense in a state. Every other may be tried too: the kernel answers.
NEW = frozenset({"bind", "listen", "connect", "set_option", "close"})
BOUND = frozenset({"listen", "connect", "set_option", "close"})
OPEN = frozenset({"send", "fill", "receive", "shut_down", "close"})
BY_STATE = {
    "LISTEN": frozenset({"accept", "close"}),
    "SYN_SENT": frozenset({"outcome", "close"}),
    "ESTABLISHED": OPEN,
    "CLOSE_WAIT": OPEN,
    "FIN_WAIT1": frozenset({"receive", "close"}),
    "FIN_WAIT2": frozenset({"receive", "close"}),
}
DATAGRAMS = frozenset({"connect", "send_to", "receive", "set_option", "close"})
OFTEN, SELDOM = 0.1, 0.5  # seconds between two looks
LIVELY = 2.0  # seconds after a change, in which the next one is expected
PATIENCE = 2.0  # seconds for the last look to come to its end


def fitting(end: SocketEnd | None) -> frozenset[str]:
    """Return the names of the methods of `Playground` that fit; "send_to" is `send` to somebody named."""
    if end is None or end.descriptor is None:
        return frozenset({"create"})
    if end.protocol == "UDP":
        return DATAGRAMS | {"send"} if end.remote else DATAGRAMS | {"bind"} if not end.local else DATAGRAMS
    if end.remote or end.listens:
        return BY_STATE.get(end.state, frozenset({"receive", "close"}))
    return BOUND if end.local else NEW


class Follower:
    """A thread that looks: often while things change, seldom while nothing does. It ends with `end`, or its program.

    Args: look: returns whether anything was different; what it raises ends the following.
    """

    def __init__(self, look: Callable[[], bool]) -> None:
        self._look = look
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="playground follower", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop looking, and wait for the look that may be under way."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        changed = time.monotonic()
        while not self._stop.wait(OFTEN if time.monotonic() - changed < LIVELY else SELDOM):
            if self._look():
                changed = time.monotonic()


class PlaygroundView(Panel):
    """A playground, and the page that shows it. `playground` is the model, which a notebook's cells may use too."""

    def __init__(self) -> None:
        self.playground = Playground()
        self.replay: Replay | None = None
        self.follower: Follower | None = None
        self.refreshing, self.seen = False, View()  # what the picture shows
        self.passed_on: str | None = None  # shown after a close, and not chosen: a second click must not close it
        self.controls = controls = Controls()
        self.fits: dict[str, widgets.Button] = {}
        self.table, self.diary = widgets.HTML(), widgets.HTML()
        super().__init__(*self.rows())
        rows = self.children[:-3]  # type: ignore[has-type]
        self.children = (self.line, self.again, self.canvas, *rows, self.diary, controls.paper, self.table)
        controls.chosen.observe(self.picked, "value")
        self.follow(controls.written, self.write)
        self.refresh()

    def rows(self) -> list[widgets.HBox]:
        raise NotImplementedError

    def picked(self, _: object) -> None:
        """Show another socket, where somebody chose it; not where `refresh` did."""
        if not self.refreshing:
            self.guarded(self.choose)()

    def choose(self) -> None:
        self.passed_on = None
        self.playground.view(self.controls.chosen.value)
        self.refresh()

    def write(self) -> None:
        self.controls.paper.layout.display = "" if self.controls.written.value else "none"
        self.refresh()

    def name(self) -> str:
        if self.controls.chosen.value is None:
            raise BadInput("Choose a socket, or create a socket first.")
        return str(self.controls.chosen.value)

    def done(self, answer: Any) -> None:
        """Show how things are now, and what was answered."""
        self.refresh()
        self.say(self.told(), trouble=isinstance(answer, Refused))

    def told(self) -> str:
        lines = [line for line in self.playground.log if line.code]
        line = next((line for line in reversed(lines) if not line.code.startswith("at_")), None)
        return f"`{line.code}`: {line.said}." if line else ""

    def refresh(self) -> None:
        """Draw the chosen socket's neighbourhood, its rows and the log as they are now."""
        with self.playground.lock:
            view, of = self.playground.seen, self.controls
            self.draw(diagram(view, self.seen))  # first of all, as each of these is a message of its own to the page
            self.seen = view
            chosen = None if view.chosen == self.passed_on else view.chosen
            if list(of.chosen.options) != list(self.playground.seats) or of.chosen.value != chosen:
                self.refreshing = True
                of.chosen.options, of.chosen.value = list(self.playground.seats), chosen
                self.refreshing = False
            named = tuple(end.name for end in view.ends if end.name and end.local and end.descriptor is not None)
            if of.to.options != named:
                of.to.options = named
            fits = fitting(view.end(view.chosen))
            for name, button in self.fits.items():
                button.button_style = "primary" if name in fits else ""
            self.table.value = table(view).html() if view.units else ""
            self.diary.value = log_page(self.playground.log)
            if of.written.value:
                of.script.value = self.playground.script()
        if self.follower is None and self.playground.seats:
            self.follower = Follower(self.look)

    def look(self) -> bool:
        """Draw anew if anything changed that nobody did here; the follower asks this."""
        with self.playground.lock:
            if changed := self.playground.again():
                self.refresh()
        return changed

    def release(self) -> bool:
        if self.follower is not None:
            self.follower.end()
        self.follower, self.replay, self.passed_on = None, None, None
        held = self.playground.close_all()
        self.refresh()
        return held
