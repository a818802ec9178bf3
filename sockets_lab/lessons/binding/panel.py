"""The panel of lesson 02: choose protocol, address and port, bind, and knock at what was bound."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import ipywidgets as widgets

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused
from sockets_lab.lessons import binding
from sockets_lab.lessons.binding.figure import bound_socket
from sockets_lab.lessons.binding.trials import resolved
from sockets_lab.model import Endpoint
from sockets_lab.panels.fields import choice, field, row
from sockets_lab.panels.panel import Panel

WAIT = 0.2  # seconds that a knock may take; Linux needs microseconds


class BindingPanel(Panel):
    """One real socket: its name, its row, and who reaches it."""

    purpose = "choose protocol, address and port, bind a real socket, and knock at it"

    def __init__(self) -> None:
        self.held = ExitStack()
        self.sock: socket.socket | None = None
        self.trial: binding.BindTrial | None = None
        self.reaches: list[binding.Reach] = []  # the last knocks at this socket
        places = binding.places()
        here = [each for each in binding.DESTINATIONS if binding.try_bind(Endpoint(each, 0)).refused is None]
        self.destinations = tuple(here)
        self.protocol = choice("Protocol", 170, ["TCP", "UDP"], aligned=True)
        kinds = [(f"{place.address} ({place.kind})", place) for place in places]
        self.kind = choice("Kind", 480, kinds, aligned=True)
        self.address = field(widgets.Text, "Address", 300, places[0].address, aligned=True)
        self.port = field(widgets.IntText, "Port", 170, 0, aligned=True)
        self.v6only = widgets.Checkbox(description="IPv6 only (counts for ::)", indent=False)
        self.v6only.layout = {"width": "210px", "margin": "2px 2px 2px 20px"}
        self.follow(self.kind, self.take_kind)
        acts = [
            self.button("Bind", self.bind, "Make a new socket and bind it; the one before is closed"),
            self.button("Listen", self.listen, "Let clients connect to it (TCP)"),
            self.button("Knock", self.knock, "Let a client try each loopback address of this machine"),
            self.button("Bind again", self.bind_again, "Ask for a second name for the same socket"),
            self.button("Close", self.close_socket, "Give the socket back, and its name with it"),
        ]
        rows = (
            [self.protocol, self.kind],
            [self.address, self.port, widgets.Label("0: the kernel chooses"), self.v6only],
            acts,
        )
        super().__init__(*map(row, rows))

    def begin(self) -> None:
        """Open what the first picture shows: a listener on 127.0.0.1, and the clients that tried to reach it."""
        self.bind(listening=True)
        self.knock()

    def take_kind(self) -> None:
        self.address.value = self.kind.value.address
        self.v6only.value = bool(self.kind.value.v6only)

    def bind(self, listening: bool = False) -> None:
        asked = Endpoint(self.address.value, self.port.value)
        resolved(asked)  # a mistake must not cost the socket that is open
        self.let_socket_go()
        v6only = self.v6only.value if asked.address == "::" else None
        bound = binding.bound(asked, self.protocol.value.lower(), v6only, listening)
        self.sock, self.trial = self.held.enter_context(bound)
        self.show()
        if self.trial.refused:
            self.say(f"`{self.trial.call}` was refused. {self.trial.refused}.", trouble=True)
        elif asked.port == 0:
            self.say(f"`bind({asked.sockaddr})` was granted. You left the port open, so the kernel chose one.")
        else:
            self.say(f"`bind({asked.sockaddr})` was granted.")

    def listen(self) -> None:
        refused = self.call("listen", self.opened().listen)
        if refused:
            self.say(f"Refused. {refused}.", trouble=True)
        else:
            self.say("It listens: now clients can connect. Click Knock to try.")

    def knock(self) -> None:
        sock = self.opened()
        own = Endpoint.of(sock.getsockname())
        tried, untried = [*self.destinations], []
        if not own.is_wildcard and own.address not in tried:
            try:
                tried.append(guard.destination(own).address)
            except BadInput:  # it can be reached, and this course does not try it
                untried = [binding.Reach(own, own, refused=binding.NOT_TRIED)]
        reaches = [binding.reach(sock, address, WAIT) for address in tried]
        self.reaches = [*reaches, *untried]
        self.show()
        reached = sum(reach.reached for reach in reaches)
        self.say(f"{reached} of {len(reaches)} knocks came to this socket. {self.reason(sock, reached)}")

    def reason(self, sock: socket.socket, reached: int) -> str:
        address = Endpoint.of(sock.getsockname()).address
        if sock.type == socket.SOCK_STREAM and not self.listening():
            return "It has a name, but it does not listen: click Listen, and knock again."
        if Endpoint(address, 0).is_wildcard:
            kinds = "IPv4" if ":" not in address else "IPv6" if self.trial and self.trial.v6only else "IPv4 and IPv6"
            return f"{address} stands for every {kinds} address of this machine."
        if reached:
            return f"It answers at {address} only: that is its name."
        return f"Other programs can connect to {address}; this course sends nothing off the loopback, so it does not."

    def show(self) -> None:
        self.draw(bound_socket(self.trial, self.reaches, self.listening()))

    def listening(self) -> bool:
        return bool(self.trial and self.trial.row and self.trial.row.state == "LISTEN")

    def bind_again(self) -> None:
        sock = self.opened()
        refused = self.call("second bind", lambda: sock.bind((sock.getsockname()[0], 0)))
        if refused:
            self.say(f"A second `bind` was refused. {refused}.", trouble=True)
        else:
            self.say("This system gave it another name.")

    def close_socket(self) -> None:
        self.opened()
        self.release()
        self.say("Closed: the name is free for others.")

    def opened(self) -> socket.socket:
        if self.sock is None:
            raise BadInput("No socket is bound: click Bind first.")
        return self.sock

    def call(self, name: str, make: Callable[[], object]) -> Refused | None:
        """Make one more call on the socket, and draw it: what is refused leaves it as it was."""
        assert self.trial
        after = binding.call_again(self.opened(), self.trial, name, make)
        self.trial = replace(after, refused=None)
        self.show()
        return after.refused

    def let_socket_go(self) -> bool:
        held = self.sock is not None
        self.held.close()
        self.sock = self.trial = None
        self.reaches = []
        return held

    def release(self) -> bool:
        held = self.let_socket_go()
        self.show()
        return held


make = BindingPanel.make
