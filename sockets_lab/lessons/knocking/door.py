"""Put a daemon before a port: one that hears knocks, or one that reads a signed request."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from sockets_lab.errors import BadInput
from sockets_lab.lessons.knocking.authorization import ACCEPTED, SKEW, Verifier
from sockets_lab.lessons.knocking.daemon import Daemon
from sockets_lab.lessons.knocking.firewall import gate_at
from sockets_lab.lessons.knocking.gate import Gate
from sockets_lab.lessons.knocking.knock_listener import ear_at
from sockets_lab.lessons.knocking.knocks import OPENED, REFUSED, UDP, Event, Heard, Knock
from sockets_lab.lessons.knocking.openings import OPEN_FOR, Openings
from sockets_lab.lessons.knocking.place import Place
from sockets_lab.lessons.knocking.sequence import WINDOW, Lock
from sockets_lab.model import Endpoint

SEQUENCE = "7000:udp 8000:tcp 9000:tcp"
PORT = 2222  # the port behind the door
REQUEST_PORT = 62201  # where requests are sent; fwknop's usual port
NOT_OFFERED = "another port"

MakeGate = Callable[[Place, int], Gate]


class KeyLock:
    """The lock that one signed request opens. Args: door: the port that it guards; at: the port where requests come."""

    def __init__(self, verifier: Verifier, door: int, at: int = REQUEST_PORT, open_for: float = OPEN_FOR) -> None:
        self.verifier, self.door, self.at = verifier, door, Knock(at, UDP)
        self.openings = Openings(open_for)

    def hear(self, heard: Heard) -> Event | None:
        """Judge a request: "opened", or "refused" and the verdict's name. Anything else is no matter of this lock."""
        if heard.knock != self.at:
            return None
        verdict = self.verifier.verify(heard.payload, heard.source, heard.time)
        name = verdict.name
        if name == ACCEPTED and verdict.request and verdict.request.port != self.door:
            name = NOT_OFFERED
        if name == ACCEPTED:
            self.openings.open(heard.source, heard.time)
        return Event(heard.time, heard.source, OPENED if name == ACCEPTED else REFUSED, 0, heard.knock, name)

    def expire(self, now: float) -> tuple[Event, ...]:
        return self.openings.expire(now)

    def next_time(self) -> float | None:
        return self.openings.next_time()


def knock_daemon(
    place: Place, sequence: str | Iterable[Knock | str | int] = SEQUENCE, port: int = PORT, window: float = WINDOW,
    open_for: float = OPEN_FOR, make_gate: MakeGate = gate_at,
) -> Daemon:  # fmt: skip
    """Make a daemon that opens a port to whoever knocks right. Its lock tells the sequence, and `door` where.

    Where nothing can be captured, ports of the sequence that are taken are replaced. Raises: BadInput; OSError.
    """
    wanted = Lock(sequence, window, open_for).sequence  # a mistake is told before anything is opened
    if Knock(port) in wanted:
        raise BadInput(f"who tries the door at port {port} does not knock: leave {port}:tcp out of the sequence.")
    with ExitStack() as held:
        ear = ear_at(place, wanted)
        held.callback(ear.close)
        lock = Lock(getattr(ear, "sequence", wanted), window, open_for)
        gate = make_gate(place, port)
        held.pop_all()
    return Daemon(ear, lock, gate, Endpoint(place.address, getattr(gate, "port", port)))


def key_daemon(
    place: Place, key: bytes, port: int = PORT, skew: float = SKEW, open_for: float = OPEN_FOR,
    at: int = REQUEST_PORT, make_gate: MakeGate = gate_at,
) -> Daemon:  # fmt: skip
    """Make a daemon that opens a port to whoever sends one good request. Its lock tells where these are to come: `at`.

    Raises: BadInput; OSError.
    """
    verifier = Verifier(key, skew)
    wanted = Knock(at, UDP)
    Openings(open_for)
    with ExitStack() as held:
        ear = ear_at(place, (wanted,))
        held.callback(ear.close)
        gate = make_gate(place, port)
        held.pop_all()
    door = Endpoint(place.address, getattr(gate, "port", port))
    lock = KeyLock(verifier, door.port, getattr(ear, "sequence", (wanted,))[0].port, open_for)
    return Daemon(ear, lock, gate, door)
