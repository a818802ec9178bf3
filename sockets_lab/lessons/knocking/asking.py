"""The cure, tried out: signed requests, good and bad, sent for real to a door that one request opens."""

import time
from dataclasses import dataclass

from sockets_lab.lab import Lab, Node
from sockets_lab.lessons.knocking import knocker
from sockets_lab.lessons.knocking.authorization import SKEW, compose, new_key
from sockets_lab.lessons.knocking.door import key_daemon
from sockets_lab.lessons.knocking.gate import place_of
from sockets_lab.lessons.knocking.knock_listener import overheard, replay
from sockets_lab.lessons.knocking.knocker import Visit
from sockets_lab.lessons.knocking.locks import OPENED
from sockets_lab.lessons.knocking.runs import LONG, all_tried, ends_of
from sockets_lab.model import Endpoint


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
    differs: str


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
        ask("one with one bit changed", thief, _flipped(request(owner)))
        ask("one that was cut", thief, request(owner)[:-1])
        ask("one made too long ago", owner, request(owner, later=-2 * SKEW))
        ask("one made for later", owner, request(owner, later=2 * SKEW))
        return Cure(tuple(asked), all_tried((owner, thief), daemon), lab.differs)


def _flipped(data: bytes) -> bytes:
    return data[:-40] + bytes((data[-40] ^ 1,)) + data[-39:]
