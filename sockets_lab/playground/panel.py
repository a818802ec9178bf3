"""The panel of the playground: create, name, connect, fill and close sockets, and see what the kernel says."""

from collections.abc import Callable

import ipywidgets as widgets

from sockets_lab.errors import BadInput
from sockets_lab.playground import HERE, OPTIONS, RECIPES, Replay
from sockets_lab.playground.panel_parts import row
from sockets_lab.playground.panel_view import PlaygroundView

FIRST = "before accept"  # the recipe of the first picture
LEFT_TO_DO = 2  # of its steps


class PlaygroundPanel(PlaygroundView):
    """All that can be done by hand: one button for each call, and the recipes."""

    purpose = "create, connect, fill, break and close real sockets, and watch their states, queues and names"

    def __init__(self) -> None:
        super().__init__()
        self.follow(self.controls.place, self.go)
        self.follow(self.controls.option, self.propose)
        self.follow(self.controls.recipe, self.begin_recipe)

    def rows(self) -> list[widgets.HBox]:
        of, act = self.controls, self.act
        return [
            row(of.place, of.protocol, of.family, self.fit("create", "Create", self.create, "A new socket"),
                self.button("A connected pair", self.pair, "A listener, a client, and the accepted socket: six calls")),
            row(of.chosen, of.address, of.port, self.fit("bind", "Bind", self.bind, "Give it this name"),
                of.backlog, self.fit("listen", "Listen", act("listen", of.backlog), "Let others connect to it"),
                self.fit("accept", "Accept", act("accept"), "Take in the connection that has waited longest")),
            row(of.to, self.fit("connect", "Connect", act("connect", of.to), "Ask for a connection, without waiting"),
                self.fit("outcome", "How did it end?", act("outcome"), "Ask how a connect came out"),
                of.option, of.value, self.fit("set_option", "Set option", act("set_option", of.option, of.value))),
            row(of.data, of.times, self.fit("send", "Send", self.send, "To the other end, or the peer"),
                self.fit("send_to", "Send to", self.send_to, "A datagram to whom the field To names"),
                self.fit("fill", "Send until full", act("fill"), "Until the kernel takes no more"),
                of.size, self.fit("receive", "Receive", act("receive", of.size), "Take what has come")),
            row(self.fit("shut_down", "Shut down sending", act("shut_down"), "shutdown(SHUT_WR)"),
                self.button("Shut down reading", self.shut_reading, "shutdown(SHUT_RD)"),
                self.fit("close", "Close", self.close_socket, "Give its descriptor back"),
                self.button("Close with a reset", self.reset, "SO_LINGER of 0 seconds, then close"), of.written,
                self.button("Clear the playground", self.clear, "Close everything, and begin a new log")),
            row(of.recipe, self.button("Next step", self.step, "The recipe's next action"),
                self.button("All its steps", self.steps, "All that are left")),
        ]  # fmt: skip

    def fit(self, name: str, label: str, action: Callable[[], None], hint: str = "") -> widgets.Button:
        """Make a button that stands out where its action fits the chosen socket's state."""
        self.fits[name] = self.button(label, action, hint)
        return self.fits[name]

    def begin(self) -> None:
        self.begin_recipe(FIRST)
        assert self.replay is not None
        while self.replay.done < len(self.replay.recipe.steps) - LEFT_TO_DO:
            self.replay.step()
        self.refresh()
        self.say("A client is connected and has sent five bytes, and nobody has accepted it. Choose **server** and "
                 "click Accept, or click Next step; or clear the playground and begin with your own.")  # fmt: skip

    def act(self, method: str, *fields: widgets.Widget) -> Callable[[], None]:
        """Return an action: a method of the playground on the chosen socket, with what the fields say."""
        return lambda: self.done(getattr(self.playground, method)(self.name(), *(field.value for field in fields)))

    def create(self) -> None:
        of = self.controls
        self.done(self.playground.create(of.protocol.value, of.family.value, of.place.value))

    def pair(self) -> None:
        place = self.controls.place.value
        names = self.playground.pair(place, place if place == HERE else ("A" if place == "B" else "B"))
        self.refresh()
        self.say("**{}** listens, **{}** is connected to it, **{}** is the other end.".format(*names))

    def bind(self) -> None:
        self.done(self.playground.bind(self.name(), self.controls.address.value, self.controls.port.value))

    def send(self, to: str = "") -> None:
        of = self.controls
        self.done(self.playground.send(self.name(), of.data.value.encode(), of.times.value, to))

    def send_to(self) -> None:
        if not self.controls.to.value.strip():
            raise BadInput("Say to whom: write a socket's name or an endpoint into the field To.")
        self.send(self.controls.to.value)

    def go(self) -> None:
        """Another place for the next socket: make the lab, if it is the first there."""
        place = self.playground.places[self.controls.place.value]
        self.controls.address.placeholder = place.address
        lab = self.playground.places.lab
        self.say(f"New sockets are made on {place.name} now, {place.address}. {lab.differs if lab else ''}")
        self.replay = None

    def close_socket(self) -> None:
        answer = self.playground.close(self.name())
        self.passed_on = self.playground.chosen
        self.done(answer)

    def shut_reading(self) -> None:
        self.done(self.playground.shut_down(self.name(), "SHUT_RD"))

    def reset(self) -> None:
        self.playground.set_option(self.name(), "SO_LINGER", 0)
        self.close_socket()

    def begin_recipe(self, key: str = "") -> None:
        """Take another recipe, from its first step."""
        key = key or self.controls.recipe.value
        place = self.controls.place.value
        where = (HERE, HERE) if place == HERE else ("A", "B")  # the client on one node, the server on the other
        self.replay = Replay(self.playground, RECIPES[key], *where)
        self.say(f"{RECIPES[key].watch} Click Next step, {len(RECIPES[key].steps)} times, and look after each.")

    def running(self) -> Replay:
        """Return the recipe that goes on; begin it where there is none, or it is finished."""
        if self.replay is None or self.replay.finished:
            self.begin_recipe()
        assert self.replay is not None
        return self.replay

    def step(self) -> None:
        replay = self.running()
        step = replay.step()
        self.refresh()
        count = f"Action {replay.done} of {len(replay.recipe.steps)}."
        end = f" That was the last one. {replay.recipe.watch}" if replay.finished else ""
        self.say(f"{count} {self.told()} {step.look if step else ''}{end}")

    def steps(self) -> None:
        if self.replay is not None and self.replay.finished:
            raise BadInput("All its steps are done: choose a recipe again to begin anew, or use the sockets by hand.")
        replay = self.running()
        looks = [step.look for step in replay.all()]
        self.refresh()
        self.say(f"{replay.recipe.watch} {looks[-1]} Each step stands in the log.")

    def clear(self) -> None:
        self.release()
        self.say("The playground is empty.")

    def propose(self) -> None:
        option = OPTIONS[self.controls.option.value]
        self.controls.value.value = option.sample
        self.say(f"{option.name} takes: {option.takes}.")


make = PlaygroundPanel.make
