"""The panel of lesson 08: senders, a receiver with a small buffer, and a port that nobody has."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from sockets_lab.errors import BadInput
from sockets_lab.lessons.datagrams import Datagram, DatagramModel, Seat, Sending
from sockets_lab.lessons.datagrams.figure import bench
from sockets_lab.lessons.datagrams.model import NOBODY, RECEIVER, SENDERS
from sockets_lab.panels.fields import choice, field, row
from sockets_lab.panels.panel import BenchPanel

SHOWN = 3  # datagrams of each socket that are spelled out
FLOOD = 50  # datagrams: more than the receiver's buffer holds


class DatagramPanel(BenchPanel):
    """A bench of real datagram sockets; at first one datagram waits at the receiver."""

    model: Callable[[], Any] = DatagramModel
    receiver = RECEIVER  # to which the first datagram goes
    purpose = "send datagrams to a receiver or to nobody; fill a buffer until datagrams are lost"

    def __init__(self) -> None:
        self.sender = choice("From", 170, SENDERS, aligned=True)
        self.target = choice("To", 190, (RECEIVER, NOBODY), aligned=True)
        self.text = field(widgets.Text, "Data", 220, "hello", aligned=True)
        super().__init__(*map(row, self.rows()))
        self.refresh()

    def rows(self) -> list[list[widgets.Widget]]:
        """Return the controls, a list for each row."""
        return [
            [
                self.sender, self.target, self.text,
                self.button("Send", lambda: self.send(1), "One datagram"),
                self.button(f"Send {FLOOD}", lambda: self.send(FLOOD), f"{FLOOD} datagrams, one after the other"),
            ],
            [
                self.button("Read all", self.read, "Receive what waits at the receiver"),
                self.button("Connect sender", self.connect_sender, "To the chosen target, with connect"),
                self.button("Connect receiver", self.connect_receiver, "To the chosen sender, with connect"),
                self.button("Disconnect both", self.disconnect, "Take the peers of sender and receiver away"),
            ],
        ]  # fmt: skip

    def begin(self) -> None:
        self.refresh(self.bench.send(SENDERS[0], self.receiver, b"hello"))

    def send(self, times: int) -> None:
        sent = self.bench.send(self.sender.value, self.target.value, self.text.value.encode(), times)
        self.refresh(sent)
        self.say(told(sent), trouble=sent.taken == 0)

    def read(self) -> None:
        """Receive all that waits, and spell what came."""
        came = {name: datagrams for name, datagrams in self.bench.read().items() if datagrams}
        names = {seat.endpoint: seat.name for seat in self.refresh() if seat.name in SENDERS}
        lines = [f"**{name}** received {spelled(datagrams, names)}" for name, datagrams in came.items()]
        self.say("\n".join(lines) or "Nothing waits anywhere.")

    def connect_sender(self) -> None:
        self.connect(self.sender.value, self.target.value)

    def connect_receiver(self) -> None:
        self.connect(RECEIVER, self.sender.value)

    def connect(self, name: str, peer: str) -> None:
        refused = self.bench.connect(name, peer)
        self.refresh()
        if refused is not None:
            raise BadInput(f"The kernel refused. {refused}.")
        self.say(f"**{name}** is connected to **{peer}**: nothing was sent for that. It hears nobody else now, and is "
                 "told what the other end's kernel says.")  # fmt: skip

    def disconnect(self) -> None:
        connected = [seat.name for seat in self.bench.seats() if seat.peer]
        refused = [answer for name in connected if (answer := self.bench.disconnect(name))]
        self.refresh()
        if refused:
            raise BadInput(f"The kernel refused. {refused[0]}.")
        self.say(f"No peer any more: {', '.join(connected)}." if connected else "No socket here is connected.")

    def refresh(self, sending: Sending | None = None) -> tuple[Seat, ...]:
        """Ask the kernel anew, draw what it says, and return it."""
        seats = self.held.seats() if self.held else ()
        self.draw(bench(seats, self.held.places.get(NOBODY) if self.held else None, sending))
        return seats


make = DatagramPanel.make


def told(sent: Sending) -> str:
    """Say in words what one click did."""
    many = "1 datagram" if sent.taken == 1 else f"{sent.taken} datagrams"
    if sent.taken == 0:
        return f"`sendto` refused. {sent.refused}."
    done = f"`sendto` took {many} of {sent.size} bytes without a word."
    if sent.refused:
        done += f" The next one was refused. {sent.refused}."
    if sent.told:
        return f"{done} Then the kernel had an error for this connected socket. {sent.told}."
    reached = " and ".join(f"**{name}**" for name in sent.reached)
    return f"{done} Something waits at {reached}." if reached else f"{done} It reached nobody here, and nobody is told."


def spelled(datagrams: tuple[Datagram, ...], names: dict) -> str:
    """Say in words what one socket received. Args: names: of the senders, by endpoint."""
    first = ", ".join(f"{one.data.decode(errors='replace')[:40]!r} from {names.get(one.sender, one.sender)}"
                      for one in datagrams[:SHOWN])  # fmt: skip
    more = f" and {len(datagrams) - SHOWN} more" if len(datagrams) > SHOWN else ""
    return f"{len(datagrams)}: {first}{more}."
