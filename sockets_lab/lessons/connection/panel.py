"""The panel of lesson 07: one live connection, its states at both ends, and what A's kernel knows of it."""

import ipywidgets as widgets

from sockets_lab.errors import BadInput, Refused
from sockets_lab.lessons.connection import CLOSED, ConnectionModel, TcpInfo
from sockets_lab.lessons.connection.figure import states
from sockets_lab.lessons.connection.model import CLIENT, SERVER
from sockets_lab.panels.fields import choice, field, row
from sockets_lab.panels.panel import BenchPanel


class ConnectionPanel(BenchPanel):
    """A connection from A to B, to open, use, half close, close, reset, and cut."""

    model = ConnectionModel
    purpose = "lead a connection through its states, at both ends"

    def __init__(self) -> None:
        self.end = choice("End", 110, (CLIENT, SERVER))
        self.text = field(widgets.Text, "Data", 220, "hello")
        self.seen = (CLOSED, CLOSED)  # the states of the picture before
        rows = [
            [
                self.button("Connect", self.connect, "From A to B's listener"), self.end, self.text,
                self.button("Send", self.send, "Hand the data to the chosen end"),
                self.button("Receive", self.receive, "Take what has come to the chosen end"),
            ],
            [
                self.button("Shut down", self.shut_down, "The chosen end sends no more: SHUT_WR"),
                self.button("Close", lambda: self.close_end(False), "Close the chosen end"),
                self.button("Reset", lambda: self.close_end(True), "Close the chosen end with SO_LINGER 0"),
                self.button("Break cable", lambda: self.cable(True), "Let B's cable lose every packet"),
                self.button("Mend cable", lambda: self.cable(False), "Let it carry packets again"),
                self.button("Look again", self.look, "Read both socket tables anew"),
            ],
        ]  # fmt: skip
        super().__init__(*map(row, rows))
        self.refresh()

    def begin(self) -> None:
        differs = self.bench.lab.differs
        self.connect()
        if differs:
            self.say(differs)

    def connect(self) -> None:
        self.done(self.bench.connect())
        client, _ = self.refresh()
        self.say("No answer yet: A's kernel asks again by itself." if client == "SYN_SENT" else self.known())

    def send(self) -> None:
        data = self.text.value.encode()
        taken = self.done(self.bench.send(self.end.value, data))
        self.refresh()
        self.say(f"{self.end.value}'s kernel took {taken} bytes. {self.known()}")

    def receive(self) -> None:
        data = self.bench.receive(self.end.value)
        self.refresh()
        if isinstance(data, Refused) and data.name in ("EAGAIN", "EWOULDBLOCK"):
            raise BadInput(f"Nothing has come to {self.end.value} yet.")
        data = self.done(data)
        self.say(f"{self.end.value} received {data!r}." if data else
                 f'{self.end.value} received b"": the other end sends no more.')  # fmt: skip

    def shut_down(self) -> None:
        self.done(self.bench.shut_down(self.end.value))
        self.refresh()
        self.say(f"{self.end.value} sends no more, and can still receive.")

    def close_end(self, reset: bool) -> None:
        name = self.end.value
        self.done(self.bench.close_end(name, reset))
        self.refresh()
        self.say(f"{name}'s program has {'reset' if reset else 'closed'} its end. The kernel does the rest.")

    def cable(self, dead: bool) -> None:
        self.done(self.bench.cable(dead))
        self.refresh()
        self.say("B's cable loses every packet now. No kernel was told." if dead else
                 "B's cable carries packets again. What was lost is sent again in a moment: look again.")  # fmt: skip

    def look(self) -> None:
        self.refresh()
        self.say(self.known())

    def known(self) -> str:
        """Say what A's kernel knows of the connection."""
        info = self.held.info() if self.held else None
        if not isinstance(info, TcpInfo):
            return ""
        return (f"A's kernel: round trip {info.round_trip:.2f} ms, congestion window {info.congestion_window} "
                f"segments, {info.unconfirmed} segments not confirmed, {info.sent_again} sent again.")  # fmt: skip

    def done(self, answer):  # type: ignore[no-untyped-def]
        """Return what was answered. Raises: BadInput, with what the kernel refused."""
        if isinstance(answer, Refused):
            self.refresh()
            raise BadInput(f"The kernel refused. {answer}.")
        return answer

    def refresh(self) -> tuple[str, str]:
        """Read both tables anew, and draw what they say."""
        both = self.held.states() if self.held else (CLOSED, CLOSED)
        self.draw(states(both[0], both[1], self.seen))
        self.seen = both
        return both


make = ConnectionPanel.make
