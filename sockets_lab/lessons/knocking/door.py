"""Put a daemon before a port: one that hears knocks, or one that reads a signed request."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from sockets_lab.errors import BadInput
from sockets_lab.lessons.knocking.authorization import SKEW, Verifier
from sockets_lab.lessons.knocking.daemon import Daemon
from sockets_lab.lessons.knocking.gate import UserspaceGate
from sockets_lab.lessons.knocking.kernel_gates import gate_at
from sockets_lab.lessons.knocking.knock_listener import ear_at
from sockets_lab.lessons.knocking.knocks import UDP, Knock
from sockets_lab.lessons.knocking.locks import OPEN_FOR, REQUEST_PORT, WINDOW, KeyLock, Lock, Openings
from sockets_lab.lessons.knocking.place import Place
from sockets_lab.model import Endpoint

SEQUENCE = "7000:udp 8000:tcp 9000:tcp"
PORT = 2222  # the port behind the door

MakeGate = Callable[[Place, int], UserspaceGate]


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
        lock = Lock(ear.sequence, window, open_for)
        gate = make_gate(place, port)
        held.pop_all()
    return Daemon(ear, lock, gate, Endpoint(place.address, gate.port))


def key_daemon(
    place: Place, key: bytes, port: int = PORT, skew: float = SKEW, open_for: float = OPEN_FOR,
    at: int = REQUEST_PORT, make_gate: MakeGate = gate_at,
) -> Daemon:  # fmt: skip
    """Make a daemon that opens a port to whoever sends one good request. Its lock tells where these are to come: `at`.

    Raises: BadInput; OSError.
    """
    verifier = Verifier(key, skew)
    Openings(open_for)
    with ExitStack() as held:
        ear = ear_at(place, (Knock(at, UDP),))
        held.callback(ear.close)
        gate = make_gate(place, port)
        held.pop_all()
    lock = KeyLock(verifier, gate.port, ear.sequence[0].port, open_for)
    return Daemon(ear, lock, gate, Endpoint(place.address, gate.port))
