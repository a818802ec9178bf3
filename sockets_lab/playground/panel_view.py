"""What the panel of the playground shows, and how it follows: picture, rows, log and script as they are now."""

from typing import Any

import ipywidgets as widgets

from sockets_lab.errors import BadInput, Refused
from sockets_lab.panels.panel import Panel
from sockets_lab.playground import Follower, Playground, Replay, fitting
from sockets_lab.playground.figure import playground as diagram
from sockets_lab.playground.figure_rows import bench_table
from sockets_lab.playground.panel_parts import Controls, log_page


class PlaygroundView(Panel):
    """A playground, and the page that shows it. `playground` is the model, which a notebook's cells may use too."""

    def __init__(self) -> None:
        self.playground = Playground()
        self.replay: Replay | None = None
        self.follower: Follower | None = None
        self.refreshing = False
        self.controls = controls = Controls()
        self.fits: dict[str, widgets.Button] = {}
        self.table, self.diary = widgets.HTML(), widgets.HTML()
        super().__init__(*self.rows())
        self.children = (*self.children[:-1], self.diary, controls.paper, self.canvas, self.table)  # type: ignore[has-type]
        controls.chosen.observe(self.picked, "value")
        self.follow(controls.written, self.write)
        self.refresh()

    def rows(self) -> list[widgets.HBox]:
        """Return the rows of controls."""
        raise NotImplementedError

    def picked(self, _: object) -> None:
        """Show another socket, where somebody chose it; not where `refresh` did."""
        if not self.refreshing:
            self.guarded(self.choose)()

    def choose(self) -> None:
        self.playground.view(self.controls.chosen.value)
        self.refresh()

    def write(self) -> None:
        """Show the log as a script, or put it away."""
        self.controls.paper.layout.display = "" if self.controls.written.value else "none"
        self.refresh()

    def name(self) -> str:
        if self.controls.chosen.value is None:
            raise BadInput("The playground is empty: create a socket first.")
        return str(self.controls.chosen.value)

    def done(self, answer: Any) -> None:
        """Show how things are now, and what was answered."""
        self.refresh()
        self.say(self.told(), trouble=isinstance(answer, Refused))

    def told(self) -> str:
        """Say in words what the last line of the log was."""
        lines = [line for line in self.playground.log if line.code]
        line = next((line for line in reversed(lines) if not line.code.startswith("at_")), None)
        return f"`{line.code}`: {line.said}." if line else ""

    def refresh(self) -> None:
        """Draw the chosen socket's neighbourhood, its rows and the log as they are now."""
        with self.playground.lock:
            view, of = self.playground.seen, self.controls
            self.draw(diagram(view))  # first of all, as each of these is a message of its own to the page
            if list(of.chosen.options) != list(self.playground.seats) or of.chosen.value != view.chosen:
                self.refreshing = True
                of.chosen.options, of.chosen.value = list(self.playground.seats), view.chosen
                self.refreshing = False
            named = tuple(end.name for end in view.ends if end.name and end.local and end.descriptor is not None)
            if of.to.options != named:
                of.to.options = named
            fits = fitting(view.end(view.chosen))
            for name, button in self.fits.items():
                button.button_style = "primary" if name in fits else ""
            self.table.value = bench_table(view).html() if view.units else ""
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
        self.follower, self.replay = None, None
        held = self.playground.close_all()
        self.refresh()
        return held
