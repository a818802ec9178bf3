"""A bench for the panel: one door in a lab, two who knock at it one knock at a time, and a replay of what was heard.

Nothing here waits longer than it must: each act returns as soon as the door has heard it.
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused
from sockets_lab.lab import Node, firewall
from sockets_lab.lab.capture import Captured
from sockets_lab.lessons.filtering import three_nodes
from sockets_lab.lessons.knocking import knocker
from sockets_lab.lessons.knocking.authorization import compose, new_key
from sockets_lab.lessons.knocking.door import SEQUENCE, Daemon, key_daemon, knock_daemon
from sockets_lab.lessons.knocking.gate import place_of
from sockets_lab.lessons.knocking.kernel_gates import FirewallGate, spelled
from sockets_lab.lessons.knocking.knock_listener import knock_in, overheard, replay
from sockets_lab.lessons.knocking.knocker import Sent, Visit
from sockets_lab.lessons.knocking.locks import TCP, Event, KeyLock, Knock, Lock
from sockets_lab.lessons.knocking.runs import tried
from sockets_lab.model import Closing, Endpoint

OPEN_FOR = 20.0  # seconds
HEARD = 0.15  # seconds that a knock may take to be heard
STRANGER = 0.1  # seconds to wait at a shut door: between two nodes an answer takes far less than a thousandth
FRIEND = 3.0  # seconds to wait at an open one
MOST_REPLAYED = 32  # knocks: as many as a sequence may have


@dataclass(frozen=True)
class View:
    """A door at one moment.

    sequence: empty where a request opens it. about: the gate's own words. right: by name of a node, how many knocks of
    the sequence it has right. opened_for: names. rules: of the gate, as the kernel holds them; None where no firewall
    keeps it. failed: what ended the daemon, or "".
    """

    sequence: tuple[Knock, ...]
    door: Endpoint
    about: str
    events: tuple[Event, ...]
    right: dict[str, int]
    opened_for: tuple[str, ...]
    rules: tuple[str, ...] | None
    failed: str = ""


class KnockModel(Closing):
    """A door at node B of a lab of its own; A is to be let in, C is not. Use it in a `with`, or close it.

    Args: signed: begin with a door that a signed request opens.
    """

    def __init__(self, signed: bool = False) -> None:
        with ExitStack() as held:
            self.lab = held.enter_context(three_nodes(aside=True))
            self._cable = held.enter_context(self.lab["B"].capture()) if self.lab.kind == "namespaces" else None
            self.daemon: Daemon = self._daemon(signed)
            held.callback(lambda: self.daemon.close())
            self._held = held.pop_all()
        self.forget()

    def put_up(self, signed: bool) -> None:
        """Put up a fresh door, which has heard nothing, in the place of this one."""
        self.daemon.close()
        self.daemon = self._daemon(signed)
        self.forget()

    def forget(self) -> None:
        """Forget what was overheard."""
        if self._cable:
            self._cable.packets()
        self._frames: list[Captured] = []
        self._last = b""

    def _daemon(self, signed: bool) -> Daemon:
        place, self._key = place_of(self.lab, self.lab["B"]), new_key()
        make = key_daemon(place, self._key, open_for=OPEN_FOR) if signed else knock_daemon(
            place, SEQUENCE, open_for=OPEN_FOR)  # fmt: skip
        return make.__enter__()

    @property
    def signed(self) -> bool:
        return isinstance(self.daemon.lock, KeyLock)

    def knock(self, name: str, knock: Knock) -> Sent:
        """Knock once, from a node. Raises: BadInput."""
        node, before = self.lab[name], len(self.daemon.events)
        (sent,) = node.run(knocker.knock, self.lab["B"].address, [knock], knocker.PACE, node.address)
        self._heard(before + 1)
        return sent

    def request(self, name: str) -> Event | None:
        """Send one good request from a node: the node has the key. Returns: what the door made of it."""
        node = self.lab[name]
        self._last = compose(self._key, node.address, self.daemon.door.port, time.time())
        return self._send(node, self._last, node)

    def replay(self, as_itself: bool) -> tuple[Event, ...] | Refused:
        """Let C send again all that A knocked or asked at this door: with C's address, or with A's, byte for byte.

        Returns: what the door made of it; nothing, where A has sent nothing yet. On loopback nothing is overheard:
        there C is told what it was, and binds A's address itself.
        """
        before, thief = len(self.daemon.events), self.lab["C"]
        if self._cable:
            frames = self._overheard()[-MOST_REPLAYED:]
            if refused := replay(self.lab, thief, frames, as_itself):
                return refused
            self._heard(before + len(frames))
            self._cable.packets()  # what C sent with A's address is not A's
        else:
            self._again(thief, thief if as_itself else self.lab["A"])
        return self.daemon.events[before:]

    def visit(self, name: str) -> Visit:
        return tried(self.lab[name], self.daemon, FRIEND, STRANGER)

    def view(self) -> View:
        """Look at the door now: what it has heard, for whom it is open, and what the kernel holds."""
        lock, door, now = self.daemon.lock, self.lab["B"], time.time()
        sequence = lock.sequence if isinstance(lock, Lock) else ()
        right = {one.name: lock.progress(one.address, now) for one in self.lab.nodes} if isinstance(lock, Lock) else {}
        opened = tuple(one.name for one in self.lab.nodes if lock.openings.is_open(one.address, now))
        rules = spelled(firewall.held(door)) if isinstance(self.daemon.gate, FirewallGate) else None
        failed = "" if self.daemon.failed is None else str(self.daemon.failed)
        about, events = self.daemon.gate.about, self.daemon.events
        return View(sequence, self.daemon.door, about, events, right, opened, rules, failed)

    def _overheard(self) -> list[Captured]:
        """What A knocked with so far, and C overheard on the cable; to try the door is no knock."""
        assert self._cable is not None
        address, tried = self.lab["B"].address, Knock(self.daemon.door.port, TCP)
        for one in overheard(self._cable.packets(), self.lab["A"].address, address):
            heard = knock_in(one, address)
            if heard and heard.knock != tried:
                self._frames.append(one)
        return self._frames

    def _again(self, thief: Node, as_whom: Node) -> None:
        """Let C send as somebody what A has sent, without packets."""
        if self.signed:
            if self._last:
                self._send(thief, self._last, as_whom)
            return
        mine = [one.knock for one in self.daemon.events if one.source == self.lab["A"].address and one.knock]
        if mine:
            before, knocks = len(self.daemon.events), mine[-MOST_REPLAYED:]
            thief.run(knocker.knock, self.lab["B"].address, knocks, knocker.PACE, as_whom.address)
            self._heard(before + len(knocks))

    def _send(self, node: Node, data: bytes, as_whom: Node) -> Event | None:
        lock, before = self.daemon.lock, len(self.daemon.events)
        if not isinstance(lock, KeyLock):
            raise BadInput("a sequence opens this door: put up one that a signed request opens.")
        to = Endpoint(self.lab["B"].address, lock.at.port)
        refused = node.run(knocker.send_request, to, data, as_whom.address)
        if isinstance(refused, Refused):
            raise BadInput(f"nothing was sent: {refused}.")
        self._heard(before + 1)
        return next(iter(self.daemon.events[before:]), None)

    def _heard(self, count: int) -> None:
        self.daemon.wait_for(count=count, patience=HEARD)

    def close(self) -> None:
        """Take the door down and end the lab; harmless when done twice."""
        self._held.close()
