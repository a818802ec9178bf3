"""The panel of lesson 03: a map of all 65,536 ports, a probe for one, and ports handed out while you watch."""

import os
import socket
from contextlib import suppress

import ipywidgets as widgets

from sockets_lab.errors import BadInput
from sockets_lab.lessons import ports
from sockets_lab.lessons.ports import PortMap
from sockets_lab.lessons.ports.figure_portmap import map_of_ports
from sockets_lab.model import PROTOCOLS, checked_port
from sockets_lab.panels.fields import choice, field, row
from sockets_lab.panels.panel import Panel

HERE = "127.0.0.1"
MOST = 20  # sockets that the panel holds open
COUNT = 200  # ports asked for at a click
DEADLINE = 0.08  # seconds: a panel must answer at once, and the loopback does
MEANING = {
    "open": "somebody listens there and answered.",
    "silent": "no answer. A UDP port may be open and say nothing; a firewall may swallow what you send.",
}


class PortPanel(Panel):
    """The ports of this machine as they are now; some of them held by this panel."""

    purpose = "see all 65,536 ports, probe any of them, open one, and watch the kernel hand out others"

    def __init__(self) -> None:
        self.held: dict[tuple[str, int], socket.socket] = {}
        self.handed_out: tuple[int, ...] = ()
        self.read: PortMap | None = None  # a moment ago, by the action that now looks
        self.protocol = choice("Protocol", 170, {"TCP": "tcp", "UDP": "udp"}, aligned=True)
        self.port = field(widgets.IntText, "Port", 170, 0, aligned=True)
        self.port.add_class("sockets-lab-picked")  # by a click on the map
        self.way = choice("Ask by", 190, ["bind", "connect"], aligned=True)
        self.follow(self.protocol, self.change_protocol)
        self.follow(self.port, self.look)
        ask = self.button(f"Let the kernel choose {COUNT}", self.hand_out, "One after the other")
        choose = [self.protocol, self.port, self.button("Probe", self.look, "Bind it, and connect to it")]
        acts = [
            self.button("Next occupied", self.next_occupied, "The next higher port that a socket holds"),
            self.button("Next named", self.next_named, "The next higher port with a service name"),
            self.button("Open it", self.open_port, "Hold this port with a socket of your own (0: the kernel chooses)"),
            self.button("Close it", self.close_port, "Close your socket on this port"),
        ]
        super().__init__(*map(row, (choose, acts, [self.way, ask])))

    def begin(self) -> None:
        """Open what the first picture shows: a listener of its own, and ports that the kernel has just assigned."""
        self.handed_out = ports.hand_out("tcp", "bind", COUNT).ports
        self.open_port()

    def look(self) -> None:
        """Probe the chosen port and draw the map anew."""
        ours = (os.getpid(),) if (self.protocol.value, self.port.value) in self.held else None
        found = ports.probe(self.port.value, self.protocol.value, deadline=DEADLINE, among=ours)
        self.take_calls()
        self.draw(map_of_ports(self.read or ports.port_map(self.protocol.value), found, self.handed_out))
        said = MEANING.get(found.outcome, f"{found.reached}.")
        self.say(f"Port **{self.port.value}**, {self.protocol.label}: {said}")

    def aim(self, port: int) -> None:
        """Choose a port and look at it, once."""
        if self.port.value == port:
            self.look()
        else:
            self.port.value = port

    def change_protocol(self) -> None:
        self.handed_out = ()
        self.look()

    def next_occupied(self) -> None:
        self.read = ports.port_map(self.protocol.value)
        try:
            self.aim(self.following(self.read.occupied, "No port is occupied now."))
        finally:
            self.read = None

    def next_named(self) -> None:
        named = ports.named_ports(self.protocol.value)
        self.aim(self.following(named or frozenset(), "This machine has no list of service names."))

    def following(self, members: frozenset[int], none: str) -> int:
        """Return the next member above the chosen port; after the last comes the first."""
        if not members:
            raise BadInput(none)
        return min((port for port in members if port > self.port.value), default=min(members))

    def open_port(self) -> None:
        if len(self.held) >= MOST:
            raise BadInput(f"{MOST} sockets are enough for one panel: close one first.")
        protocol = self.protocol.value
        if (protocol, self.port.value) in self.held:  # a second click on the same button
            self.say(f"Port **{self.port.value}** is yours already: click Close it to close your socket there.")
            return
        sock = socket.socket(socket.AF_INET, PROTOCOLS[protocol].type)
        try:
            sock.bind((HERE, checked_port(self.port.value)))
            if protocol == "tcp":
                sock.listen()
        except (OSError, BadInput):
            sock.close()
            raise
        sock.setblocking(False)
        port = sock.getsockname()[1]
        self.held[protocol, port] = sock
        self.aim(port)
        self.say(f"Port **{port}** is yours now: " + (
            "a TCP socket listens there." if protocol == "tcp" else "a UDP socket is bound to it, and never answers."
        ))  # fmt: skip

    def close_port(self) -> None:
        sock = self.held.pop((self.protocol.value, self.port.value), None)
        if sock is None:
            raise BadInput("This panel holds no socket on that port: click Open it first, or choose one that it holds.")
        sock.close()
        self.look()

    def hand_out(self) -> None:
        handout = ports.hand_out(self.protocol.value, self.way.value, COUNT)
        self.handed_out = handout.ports
        self.look()
        inside = sum(port in ports.DYNAMIC for port in handout.ports)
        ended = f" Then {handout.refused}." if handout.refused else ""
        self.say(
            f"{len(handout.ports)} ports by `{handout.way}`, from **{handout.lowest}** to **{handout.highest}**: "
            f"{handout.odd} odd; {inside} in the range from 49152 up.{ended}"
        )

    def take_calls(self) -> None:
        """Accept and close what the probes left waiting, or the queues of our own listeners would fill up."""
        for (protocol, _), sock in self.held.items():
            with suppress(OSError):
                while True:
                    if protocol == "tcp":
                        sock.accept()[0].close()
                    else:
                        sock.recv(1)

    def release(self) -> bool:
        held = bool(self.held)
        for sock in self.held.values():
            sock.close()
        self.held.clear()
        if held:
            self.draw(map_of_ports(ports.port_map(self.protocol.value)))
        return held


make = PortPanel.make
