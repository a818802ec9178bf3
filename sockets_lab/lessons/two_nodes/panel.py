"""The panel of lesson 06: three live nodes, their numbers and tables, and the cables between them."""

import ipywidgets as widgets

from sockets_lab.errors import BadInput, Refused
from sockets_lab.figures.ladder import ladder
from sockets_lab.lab import LabUnavailable
from sockets_lab.lessons.two_nodes import CLIENT, SERVER, NodesModel, View
from sockets_lab.lessons.two_nodes.figure import network
from sockets_lab.model import Endpoint
from sockets_lab.panels.fields import choice, field, row
from sockets_lab.panels.panel import Panel

USUAL = {"A": (CLIENT.number, CLIENT.port), "B": (SERVER.number, SERVER.port), "C": (500, 0)}  # number, port
SHOWN = 40  # bytes of what was read
CLOSED = View("namespaces", ())


class NodesPanel(Panel):
    """A bench of real nodes; at first the classic example's connection is open."""

    purpose = "connect nodes, write to numbers of one's choice on any of them, cut and slow their cables"

    def __init__(self) -> None:
        self.held: NodesModel | None = None
        self.missing: Refused | None = None  # why the example's connection is not open
        self.view = CLOSED
        self.node = choice("Node", 100, list(USUAL))
        self.number = field(widgets.IntText, "Number", 140, CLIENT.number)
        self.port = field(widgets.IntText, "Own port", 150, CLIENT.port)
        self.to = choice("To", 240)
        self.text = field(widgets.Text, "Data", 200, "hello")
        self.watch = widgets.Checkbox(False, description="Show what is sent", indent=False, layout={"width": "170px"})
        self.ladder = widgets.HTML()
        rows = [
            [self.node, self.number, self.port, self.to],
            [
                self.button("Listen", self.listen, "At this node's address and its own port"),
                self.button("Connect", self.connect, "From this node and its own port to the chosen listener"),
                self.button("Accept", self.accept, "Give the connection that waits at this node's listener the number"),
                self.button("What is it?", self.ask, "Ask this node's kernel what the number stands for"),
                self.button("Read", self.read, "Take what has come for the number"),
                self.button("Close", self.close_number, "Give the number back"),
                self.text,
                self.button("Write", self.write, "Hand the data to the number, in this node's process"),
            ],
            [
                self.button("Cut cable", lambda: self.cable("cut"), "Pull this node's cable out of the switch"),
                self.button("Slow cable", lambda: self.cable("slow"), "Let it carry 8,000 bits a second"),
                self.button("Lossy cable", lambda: self.cable("lossy"), "Let it lose half of the packets"),
                self.button("Mend cable", lambda: self.cable("mended"), "Plug it in again, fast and whole"),
                self.button("Look again", self.look, "Read all tables anew"),
                self.watch,
            ],
        ]  # fmt: skip
        super().__init__(*map(row, rows))
        self.children = (*self.children, self.ladder)  # type: ignore[has-type]
        self.follow(self.node, self.chosen)
        self.follow(self.watch, self.watching)
        self.refresh()

    @property
    def bench(self) -> NodesModel:
        """The bench; where there is none, a new one with the classic example's connection open."""
        if self.held is None:
            self.held = bench = NodesModel()
            there = Endpoint(bench.lab["B"].address, SERVER.port)
            steps = (
                lambda: bench.listen("B", SERVER.port),
                lambda: bench.connect("A", CLIENT.port, there, CLIENT.number),
                lambda: bench.accept("B", SERVER.number),
            )
            self.missing = next((answer for step in steps if isinstance(answer := step(), Refused)), None)
        return self.held

    def begin(self) -> None:
        """Open what the first picture shows, as far as this machine allows."""
        differs = self.bench.lab.differs
        self.refresh()
        self.chosen()
        missing = f"The example's connection is not open here. {self.missing}." if self.missing else ""
        self.say(f"{differs} {missing}".strip())

    def chosen(self) -> None:
        """Another node: offer its usual number and port, or the number that its connection has in fact."""
        number, self.port.value = USUAL[self.node.value]
        hosts = (host for host in self.view.hosts if host.name == self.node.value)
        given = [each for host in hosts for row in host.rows if row.remote.port for each in host.number_of(row)]
        self.number.value = number if number in given or not given else given[0]

    def listen(self) -> None:
        self.done(self.bench.listen(self.node.value, self.port.value))
        name = self.node.value
        self.say(f"**{name}** listens. {name}'s table has a row for it; the other nodes' tables know nothing of it.")

    def connect(self) -> None:
        bench, name = self.bench, self.node.value
        to = self.to.value or Endpoint(bench.lab["B"].address, SERVER.port)
        number = self.done(bench.connect(name, self.port.value, to, self.number.value))
        row = self.view[name].row_at(number)
        if row and row.state == "SYN_SENT":
            self.say(f"No answer yet: {name}'s kernel asks again by itself. Its process has the number **{number}** "
                     "for it already.")  # fmt: skip
        else:
            self.say(f"Connected to {to}. {name}'s process calls its end **{number}**.")

    def accept(self) -> None:
        number = self.done(self.bench.accept(self.node.value, self.number.value))
        self.say(f"{self.node.value}'s process calls its end **{number}**, and nobody else knows that number.")

    def write(self) -> None:
        data, name, number = self.text.value.encode(), self.node.value, self.number.value
        taken = self.done(self.bench.write(name, number, data))
        row = self.view[name].row_at(number)
        waiting = getattr(row, "send_queue", 0)
        more = f" {waiting} bytes are not confirmed by the other end yet." if waiting else ""
        if row and row.remote.port and not waiting:  # the other end's kernel has confirmed them
            self.draw(network(self.view, along=row.four_tuple))
        self.say(f"{name}'s kernel took {taken} bytes for its descriptor {number}.{more}")

    def read(self) -> None:
        name, number = self.node.value, self.number.value
        data = self.done(self.bench.read(name, number))
        more = "..." if len(data) > SHOWN else ""
        said = f"{len(data)} bytes, {data[:SHOWN]!r}{more}" if data else "the end, for the other side has closed"
        self.say(f"{name} read from its descriptor {number}: {said}.")

    def close_number(self) -> None:
        name, number = self.node.value, self.number.value
        self.done(self.bench.give_back(name, number))
        self.say(f"{number} is free again at {name}.")

    def ask(self) -> None:
        """What the number stands for at this node."""
        name, number = self.node.value, self.number.value
        entry = self.done(self.bench.what_is(name, number))
        names = " to ".join(f"{one}" for one in (entry.local, entry.remote) if one)
        self.say(f"At {name}, {number} stands for: {entry.kind} {entry.type} {names}".strip() + ".")

    def look(self) -> None:
        """Read all tables anew; where there is no lab any more, begin again."""
        if self.held is None:
            self.begin()
        else:
            self.refresh()

    def cable(self, what: str) -> None:
        name = self.node.value
        self.done(self.bench.handle_cable(name, what))
        after = "What waits is sent again by itself in a moment: look again" if what == "mended" else (
            "The sockets know nothing of that: all tables are as they were")  # fmt: skip
        self.say(f"{name}'s cable is {what}. {after}.")

    def watching(self) -> None:
        """Begin to keep packets, or stop."""
        if self.held:
            self.held.unwatch()
        self.ladder.value = ""
        if self.watch.value:
            try:
                self.bench.watch()
            except LabUnavailable as missing:
                self.watch.value = False
                raise BadInput(f"{missing.step.capitalize()} is not possible here: {missing.because}.") from None
            self.refresh()

    def done(self, answer):  # type: ignore[no-untyped-def]
        """Show how the nodes are now, and what was answered. Raises: BadInput, with what the kernel refused."""
        self.refresh()
        if isinstance(answer, Refused):
            raise BadInput(f"{self.node.value}'s kernel refused. {answer}.")
        return answer

    def refresh(self) -> None:
        """Read all tables anew, and draw them."""
        self.view = self.held.view() if self.held else CLOSED
        rows = (row for host in self.view.hosts for row in host.rows if row.state == "LISTEN")
        listeners = {f"{row.local}": row.local for row in rows}
        if list(self.to.options) != list(listeners.items()):
            keep = self.to.value
            self.to.options = list(listeners.items())
            self.to.value = keep if keep in listeners.values() else next(iter(listeners.values()), None)
        self.draw(network(self.view))
        if self.held and self.watch.value:
            packets = self.held.packets()
            self.ladder.value = ladder(packets, self.held.lab.addresses).html() if packets else "No packet since then."

    def release(self) -> bool:
        held, self.held, self.watch.value = self.held, None, False
        if held:
            held.close()
        self.refresh()
        return held is not None


make = NodesPanel.make
