"""The panel of lesson 05: a listener to which clients come and go, and data that wakes one socket."""

from functools import partial

import ipywidgets as widgets

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel import machine
from sockets_lab.lessons.fourtuples import Connection, Delivery, Listener
from sockets_lab.lessons.fourtuples.figure import both_ends
from sockets_lab.panels.fields import choice, field, row
from sockets_lab.panels.panel import Panel

MOST = 7  # connections: more would not fit on a screen
BACKLOG = 2  # so that a learner can fill the queue
SHORT = 0.05  # seconds; on loopback an answer that comes, comes at once
SHOWN = 40  # characters of what was received
SOURCES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class FourTuplePanel(Panel):
    """One real listener, and both ends of every connection to it."""

    purpose = "let clients come and go at one port, send along one connection, and see who wakes"

    def __init__(self) -> None:
        self.held: Listener | None = None
        sources = SOURCES if machine.loopback_addresses() else SOURCES[:1]
        self.source = choice("Come from", 200, sources, aligned=True)
        self.chosen = choice("Connection", 160, aligned=True)
        self.text = field(widgets.Text, "Data", 220, "hello", aligned=True)
        come = [
            self.button("Add a client", self.add, "A new socket connects to the listener"),
            self.button("Accept", self.accept, "Give a descriptor to the connection that has waited longest"),
            self.button("Look again", self.look, "Read the kernel's table anew"),
        ]
        send = [
            self.button("Client sends", partial(self.send, False), "From the client's end of the chosen connection"),
            self.button("Server sends", partial(self.send, True), "From the server's end of the chosen connection"),
            self.button("Remove", self.remove, "Close the chosen connection, client first"),
        ]
        rows = [[self.source, *come], [self.chosen, self.text, *send]]
        super().__init__(*map(row, rows))
        self.refresh()

    @property
    def listener(self) -> Listener:
        """The listener; a new one where there is none."""
        self.held = self.held or Listener(backlog=BACKLOG)
        return self.held

    def begin(self) -> None:
        """Open what the first picture shows: two accepted clients, and one that waits."""
        for accepted in (True, True, False):
            self.listener.add_client(wait=SHORT)
            if accepted:
                self.listener.accept(SHORT)
        self.refresh()

    def add(self) -> None:
        if len(self.listener.connections()) >= MOST:
            raise BadInput(f"{MOST} connections are enough for one picture: remove one first.")
        client = self.listener.add_client(self.source.value, wait=SHORT)
        if isinstance(client, Refused):
            self.refresh()
            raise BadInput(f"The kernel refused. {client}.")
        self.refresh(client.number)
        if self.listener.is_connected(client.number) is True:
            self.say(f"The client is descriptor **{client.client.descriptor}**, and connected. At the server's end the "
                     "connection waits for `accept`: it is in the table, and no descriptor leads to it.")  # fmt: skip
        else:
            self.say("No answer: the queue is full, and the server's kernel drops the request. The client's kernel "
                     "asks again, about once a second. Click Accept, wait a moment, and look again.")  # fmt: skip

    def accept(self) -> None:
        taken = self.listener.accept(SHORT)
        self.refresh(taken.number if isinstance(taken, Connection) else None)
        if isinstance(taken, Refused):
            raise BadInput("Nobody waits for `accept` now: add a client first.")
        more = f" {taken.server.unread} bytes lie there already." if taken.server.unread else ""
        more += " Its client has closed already." if taken.server.state == "CLOSE_WAIT" else ""
        self.say(f"`accept` answered with descriptor **{taken.server.descriptor}** for connection {taken.number}, "
                 f"which had waited longest.{more}")  # fmt: skip

    def look(self) -> None:
        self.refresh()
        self.say("This is what the kernel's table shows now.")

    def send(self, from_server: bool) -> None:
        """Send along the chosen connection, and show whom it woke."""
        number, data = self.number(), self.text.value.encode()
        if not data:
            raise BadInput("There is nothing to send: type something into the field Data.")
        if self.listener.connection(number).client.state == "SYN_SENT":
            raise BadInput(f"Connection {number} is only asked for: nothing can be sent along it before it is made.")
        sent = self.listener.send(number, data, from_server, wait=2 * SHORT)
        if isinstance(sent, Refused):
            self.refresh()
            raise BadInput(f"The kernel refused. {sent}.")
        self.refresh(delivery=sent)
        self.say(_told(sent))

    def remove(self) -> None:
        number = self.number()
        before = self.listener.connection(number)
        if before.client.descriptor is before.server.descriptor is None:
            raise BadInput("Its client is closed already. What is left waits for `accept`: click Accept, then Remove.")
        left = self.listener.remove_client(number)
        self.refresh()
        if number in self.chosen.options:
            self.say("The client is closed. At the server's end the connection still waits for `accept`.")
        else:
            kept = f" The kernel keeps the client's end for a while, in state {left.state}." if left else ""
            self.say(f"Connection {number} is closed, and its descriptors are free again.{kept}")

    def number(self) -> int:
        if self.chosen.value is None:
            raise BadInput("Choose a connection, or add a client first.")
        number: int = self.chosen.value
        return number

    def refresh(self, choose: int | None = None, delivery: Delivery | None = None) -> None:
        """Read the kernel's table anew and draw it."""
        connections = self.held.connections() if self.held else ()
        keep = self.chosen.value if choose is None else choose
        self.chosen.options = numbers = [connection.number for connection in connections]
        self.chosen.value = keep if keep in numbers else None  # a second click on Remove must not remove another
        row, number = (self.held.row(), self.held.descriptor) if self.held else (None, None)
        self.draw(both_ends(row, number, connections, delivery))

    def release(self) -> bool:
        held = self.held is not None
        if self.held:
            self.held.close()
        self.held = None
        self.refresh()
        return held


def _told(sent: Delivery) -> str:
    """Say in words what one send did."""
    done = f"Descriptor **{sent.sender}** sent {sent.sent} byte{'s' * (sent.sent != 1)}."
    if sent.received is None:
        return f"{done} Nobody woke: no descriptor leads to the other end. The bytes lie there, in the kernel."
    if isinstance(sent.received, Refused):
        return f"{done} Reading at the other end gave: {sent.received}."
    text = sent.received.decode(errors="replace")
    text = text if len(text) <= SHOWN else text[:SHOWN] + "..."
    if not sent.woken:
        return f"{done} The other end was awake already. One `recv` there returned all that lay there: {text!r}"
    woken = " and ".join(f"**{descriptor}**" for descriptor in sent.woken)
    return f"{done} Of all other sockets only descriptor {woken} woke. `recv` there returned {text!r}"


make = FourTuplePanel.make
