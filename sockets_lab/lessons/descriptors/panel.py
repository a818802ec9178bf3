"""The panel of lesson 01: open, name, duplicate and close sockets, and choose their numbers."""

import socket

import ipywidgets as widgets

from sockets_lab.errors import BadInput, Refused
from sockets_lab.lessons import descriptors
from sockets_lab.lessons.descriptors.figure import numbers_and_sockets
from sockets_lab.model import PROTOCOLS, TRANSPORTS
from sockets_lab.panels.fields import choice, field, row
from sockets_lab.panels.panel import Panel

MOST = 10  # sockets: more would not fit on a screen
TYPES = {PROTOCOLS[name].title: PROTOCOLS[name].type for name in TRANSPORTS}


class DescriptorPanel(Panel):
    """Real sockets of this kernel, opened and closed by hand."""

    purpose = "open, duplicate and close real sockets, choose their numbers, and watch both tables"

    def __init__(self) -> None:
        self.sockets: dict[int, socket.socket] = {}
        self.protocol = choice("New socket", 190, list(TYPES), aligned=True)
        self.chosen = choice("Descriptor", 190, aligned=True)
        self.number = field(widgets.IntText, "Number", 170, 317, aligned=True)
        new = [self.protocol, self.button("Open", self.open_socket)]
        acts = [
            self.button("Bind", self.bind, "Give it an address: 127.0.0.1, and a port that the kernel chooses"),
            self.button("Listen", self.listen, "Let others connect to it"),
            self.button("Duplicate", self.duplicate, "One more descriptor for the same socket"),
            self.button("Close", self.close_socket, "Give this descriptor back"),
        ]
        give = self.button("Give it this number", self.renumber, "One more descriptor, with the number that you choose")
        super().__init__(*map(row, (new, [self.chosen, *acts], [self.number, give])))
        self.refresh()

    def begin(self) -> None:
        """Open what the first picture shows: a listener under two numbers, and a UDP socket without a name."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.add(socket.socket(socket.AF_INET, TYPES["UDP"]))
        self.add(listener)
        self.add(listener.dup())

    def open_socket(self) -> None:
        self.have_room()
        self.add(socket.socket(socket.AF_INET, TYPES[self.protocol.value]))
        self.say(f"`socket()` answered with descriptor **{self.chosen.value}**: the lowest number that was free.")

    def bind(self) -> None:
        self.selected().bind(("127.0.0.1", 0))
        self.refresh()
        self.say("Now it has a name, and the kernel's table shows it (a bound TCP socket: from Linux 6.8 on).")

    def listen(self) -> None:
        self.selected().listen()
        self.refresh()
        self.say("It listens: its row says so.")

    def duplicate(self) -> None:
        self.have_room()
        self.add(self.selected().dup())
        self.say(f"`dup()` answered with descriptor **{self.chosen.value}**. Two numbers, one socket, one row.")

    def renumber(self) -> None:
        self.have_room()
        answer = descriptors.at_number(self.selected(), self.number.value)
        if isinstance(answer, Refused):
            raise BadInput(f"The kernel refused. {answer}.")
        self.add(answer)
        self.say(f"`fcntl(F_DUPFD, {self.number.value})`: the same socket, under a number of your choice.")

    def close_socket(self) -> None:
        self.selected()
        number = self.chosen.value
        self.sockets.pop(number).close()
        self.refresh()  # no other is chosen: a second click must not close it
        self.say(f"Descriptor **{number}** is free again. The kernel closes the socket with its last descriptor.")

    def have_room(self) -> None:
        """Raises: BadInput, where the picture is full."""
        if len(self.sockets) >= MOST:
            raise BadInput(f"{MOST} descriptors are enough for one picture: close one first.")

    def selected(self) -> socket.socket:
        if self.chosen.value is None:
            raise BadInput("Choose a descriptor first." if self.sockets else "No socket is open: click Open first.")
        return self.sockets[self.chosen.value]

    def add(self, sock: socket.socket) -> None:
        self.sockets[sock.fileno()] = sock
        self.refresh(sock.fileno())

    def refresh(self, choose: int | None = None) -> None:
        """Read both tables anew and draw them."""
        keep = self.chosen.value if choose is None else choose
        self.chosen.options = sorted(self.sockets)
        self.chosen.value = keep if keep in self.sockets else None
        found = map(descriptors.entry, sorted(self.sockets))  # asking for these alone: the whole table takes longer
        entries = [entry for entry in found if isinstance(entry, descriptors.Entry)]
        self.draw(numbers_and_sockets(entries, descriptors.rows_behind(entries)))

    def release(self) -> bool:
        held = bool(self.sockets)
        for sock in self.sockets.values():
            sock.close()
        self.sockets.clear()
        self.refresh()
        return held


make = DescriptorPanel.make
