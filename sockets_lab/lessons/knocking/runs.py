"""The lesson's experiments: a door that knocks open, the replay, the cure. A is let in, C is not, B has the door.

Each takes a lab of three nodes. On loopback each does what can be done there: see `knock_listener`.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel.connecting import WAIT
from sockets_lab.lab import Lab, Node
from sockets_lab.lab.capture import Captured
from sockets_lab.lessons.knocking import knocker
from sockets_lab.lessons.knocking.authorization import SKEW, compose, new_key
from sockets_lab.lessons.knocking.door import PATIENCE, SEQUENCE, Daemon, key_daemon, knock_daemon
from sockets_lab.lessons.knocking.gate import place_of
from sockets_lab.lessons.knocking.knock_listener import SocketEar, overheard, replay
from sockets_lab.lessons.knocking.knocker import PACE, Sent, Visit
from sockets_lab.lessons.knocking.locks import OPENED, SHUT, Event, Knock, sequence_of
from sockets_lab.model import Endpoint

SHORT = 2.0  # seconds that the door stays open where the reader waits for it to shut
LONG = 300.0  # seconds: it stays open for the whole experiment


@dataclass(frozen=True)
class Opening:
    """A door before and after some knocks, and after it shut again.

    sequence: the right one. sent: what A knocked. visits: (when, name of the node, what came of trying the door).
    """

    sequence: tuple[Knock, ...]
    sent: tuple[Sent, ...]
    events: tuple[Event, ...]
    visits: tuple[tuple[str, str, Visit], ...]
    differs: str


@dataclass(frozen=True)
class Try:
    """An attempt at a door: for which nodes it is open after that, by name, and what each came upon there."""

    opened_for: tuple[str, ...]
    visits: tuple[tuple[str, Visit], ...]
    events: tuple[Event, ...]
    refused: Refused | None = None


@dataclass(frozen=True)
class Replays:
    """What A knocked, and what C made of it.

    knocked: by A. as_itself: C sent it again with its own address; as_owner: with A's, byte for byte.
    overheard: A's packets on the cable; none on loopback.
    """

    knocked: Try
    as_itself: Try
    as_owner: Try
    overheard: tuple[Captured, ...]


@dataclass(frozen=True)
class Asked:
    """One request that reached the door: what it was, who sent it, what the verifier said."""

    what: str
    by: str
    verdict: str
    opened: bool


@dataclass(frozen=True)
class Cure:
    """Signed requests, good and bad, in the order in which they were sent; and who came in at the end."""

    asked: tuple[Asked, ...]
    visits: tuple[tuple[str, Visit], ...]


def opening(lab: Lab, knocks: str | Iterable[Knock | str | int] | None = None, open_for: float = SHORT) -> Opening:
    """Knock from A at B's door; let A and C try it before, after, and once it is shut again.

    Args: knocks: what A knocks, None = the right sequence. Raises: BadInput.
    """
    knocker_, third = ends_of(lab)
    visits = []
    with knock_daemon(place_of(lab, lab.nodes[1]), open_for=open_for) as daemon:
        right = daemon.ear.sequence
        wanted = right if knocks is None else sequence_of(knocks)
        visits.append(("before", knocker_.name, tried(knocker_, daemon)))
        sent = knocker_.run(knocker.knock, lab.nodes[1].address, wanted, PACE, knocker_.address)
        daemon.wait_for(source=knocker_.address, count=_heard(daemon, wanted))
        if any(event.what == OPENED for event in daemon.events):
            visits += [("open", *each) for each in all_tried((knocker_, third), daemon)]
            daemon.wait_for(SHUT, knocker_.address, patience=open_for + 5)
        visits += [("after", *each) for each in all_tried((knocker_, third), daemon)]
        return Opening(right, sent, daemon.events, tuple(visits), lab.differs)


def replays(lab: Lab) -> Replays:
    """Let A knock, C overhear it, and C send it again: with its own address, and with A's; each at a fresh door."""
    owner, thief = ends_of(lab)
    door = lab.nodes[1]

    def knock(by: Node, as_whom: Node) -> Try:
        def act(daemon: Daemon) -> None:
            by.run(knocker.knock, door.address, daemon.ear.sequence, PACE, as_whom.address)

        return _try(lab, act)

    def send_again(own_address: bool) -> Try:
        return _try(lab, lambda _: replay(lab, thief, frames, own_address))

    if lab.kind != "namespaces":
        return Replays(knock(owner, owner), knock(thief, thief), knock(thief, owner), ())
    with door.capture() as cable:
        first = knock(owner, owner)
        frames = overheard(cable.packets(), owner.address, door.address)  # and after the knocks, that A tried the door
        frames = frames[: len(sequence_of(SEQUENCE))]
    return Replays(first, send_again(own_address=True), send_again(own_address=False), frames)


def _try(lab: Lab, act: Callable[[Daemon], Refused | None]) -> Try:
    """Put up a fresh door, let somebody act, and look who can come in."""
    owner, thief = ends_of(lab)
    with knock_daemon(place_of(lab, lab.nodes[1]), open_for=LONG) as daemon:
        refused = act(daemon)
        if refused is None:
            daemon.wait_for(count=len(daemon.ear.sequence))
        events = daemon.events
        visits = all_tried((owner, thief), daemon)
    opened = {event.source for event in events if event.what == OPENED}
    return Try(tuple(one.name for one in lab.nodes if one.address in opened), visits, events, refused)


def ends_of(lab: Lab) -> tuple[Node, Node]:
    """Return who knocks, and the third; the second has the door."""
    if len(lab.nodes) < 3:
        raise BadInput("this takes a lab of three nodes: one who knocks, one with a door, and a third.")
    return lab.nodes[0], lab.nodes[2]


def _heard(daemon: Daemon, knocks: tuple[Knock, ...]) -> int:
    """Return how many of these knocks a daemon can hear: sockets hear only those at their own ports."""
    heard = daemon.ear.sequence if isinstance(daemon.ear, SocketEar) else knocks
    return sum(one in heard and one != Knock(daemon.door.port) for one in knocks)


def tried(node: Node, daemon: Daemon, friend: float = PATIENCE, stranger: float = WAIT) -> Visit:
    """Let a node try the door. Who should be let in waits longer: a busy machine is not to look like a shut door."""
    is_open = daemon.lock.openings.is_open(node.address, time.time())
    return node.run(knocker.visit, daemon.door, node.address, friend if is_open else stranger)


def all_tried(those: tuple[Node, ...], daemon: Daemon) -> tuple[tuple[str, Visit], ...]:
    """Let nodes try the door at the same time, so that a silence is waited for once. Returns: each with its name."""
    with ThreadPoolExecutor(len(those)) as pool:
        came = pool.map(lambda node: tried(node, daemon), those)
        return tuple(zip((node.name for node in those), came, strict=True))


def cure(lab: Lab) -> Cure:
    """Open B's door by one signed request of A's; then send it again, and try to make others without the key."""
    owner, thief = ends_of(lab)
    door, key = lab.nodes[1], new_key()
    asked: list[Asked] = []
    with key_daemon(place_of(lab, door), key, open_for=LONG) as daemon:
        to = Endpoint(door.address, daemon.ear.sequence[0].port)

        def ask(what: str, by: Node, data: bytes, as_whom: Node | None = None) -> None:
            by.run(knocker.send_request, to, data, (as_whom or by).address)
            note(what, by)

        def note(what: str, by: Node) -> None:
            event = daemon.wait_for(count=len(asked) + 1)
            verdict = event.because if event else "nothing was heard"
            asked.append(Asked(what, by.name, verdict, bool(event and event.what == OPENED)))

        def request(source: Node, key: bytes = key, later: float = 0.0) -> bytes:
            return compose(key, source.address, daemon.door.port, time.time() + later)

        good = request(owner)
        if lab.kind == "namespaces":
            with door.capture() as cable:
                ask("a good request", owner, good)
                frames = overheard(cable.packets(), owner.address, door.address)
            replay(lab, thief, frames[:1], own_address=False)
            note("the same, byte for byte", thief)
        else:
            ask("a good request", owner, good)
            ask("the same, byte for byte", thief, good, as_whom=owner)
        ask("the same, from another address", thief, good)
        ask("a request that was caught before it arrived", thief, request(owner))
        ask("one with another key", thief, request(thief, new_key()))
        bit = request(owner)
        ask("one with one bit changed", thief, bit[:-40] + bytes((bit[-40] ^ 1,)) + bit[-39:])
        ask("one that was cut", thief, request(owner)[:-1])
        ask("one made too long ago", owner, request(owner, later=-2 * SKEW))
        ask("one made for later", owner, request(owner, later=2 * SKEW))
        return Cure(tuple(asked), all_tried((owner, thief), daemon))
