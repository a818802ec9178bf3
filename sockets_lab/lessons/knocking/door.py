"""The knock daemon, an ear that hears knocks, a lock that judges them, a gate that moves; and how it is put up."""

import selectors
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from typing import Self

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel.connecting import ready
from sockets_lab.lab import Node
from sockets_lab.lessons.knocking import locks
from sockets_lab.lessons.knocking.authorization import Verifier
from sockets_lab.lessons.knocking.gate import UserspaceGate
from sockets_lab.lessons.knocking.kernel_gates import gate_at
from sockets_lab.lessons.knocking.knock_listener import CableEar, SocketEar, ear_at
from sockets_lab.lessons.knocking.locks import OPEN_FOR, WINDOW, Event, KeyLock, Knock, Lock
from sockets_lab.model import Endpoint

SEQUENCE = "7000:udp 8000:tcp 9000:tcp"
PORT = 2222  # the port behind the door
PATIENCE = 5.0  # seconds to wait for an event, unless told otherwise
TURN = 0.1  # seconds until the daemon looks whether it is to end
MOST_EVENTS = 10_000  # kept; a lesson has a few


class Daemon:
    """Hears, judges, opens and shuts, in a thread of its own for as long as the `with` lasts. Owns ear and gate.

    Without `with`, each `step` does what is to be done, and `close` ends it.
    Args: door: the endpoint before which the gate stands.
    """

    def __init__(self, ear: CableEar | SocketEar, lock: Lock | KeyLock, gate: UserspaceGate, door: Endpoint) -> None:
        self.ear, self.lock, self.gate, self.door = ear, lock, gate, door
        self._events: list[Event] = []
        self._news = threading.Condition()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self.failed: Exception | None = None  # what ended the thread before its time, such as the end of the lab

    @property
    def events(self) -> tuple[Event, ...]:
        """All that came so far, in its order."""
        with self._news:
            return tuple(self._events)

    def step(self, wait: float = 0.0) -> tuple[Event, ...]:
        """Wait until something comes or is due, at most `wait` seconds; do what is to be done. Returns: the events."""
        due = self.lock.openings.next_time()
        if due is not None:
            wait = min(wait, max(due - time.time(), 0.0))
        ready((*self.ear.sockets, *self.gate.sockets), selectors.EVENT_READ, wait)
        found: list[Event] = []
        for heard in self.ear.hear():
            if (heard.knock.protocol, heard.knock.port) == (locks.TCP, self.door.port):
                continue  # who tries the door does not knock: a client that tries again would spoil his own knocks
            found += self._follow(self.lock.openings.expire(heard.time))
            event = self.lock.hear(heard)
            found += self._follow([event] if event else [])
        found += self._follow(self.lock.openings.expire(time.time()))
        self.gate.attend()
        return tuple(found)

    def wait_for(
        self, what: str | None = None, source: str | None = None, count: int = 1, patience: float = PATIENCE
    ) -> Event | None:
        """Wait for an event, also one that has been: the first, or the one with that `count`, of its kind.

        Args: what: "opened", "shut", "step", "wrong", "late", "refused", None: any; source: whose, None: anybody's.
        Returns: None, where it did not come in `patience` seconds. Raises: BadInput, where the daemon does not run;
        what it ended with, where it ended before its time.
        """

        def come() -> list[Event]:
            return [one for one in self._events if what in (None, one.what) and source in (None, one.source)]

        if self._thread is None:
            raise BadInput("this daemon does not run, so nothing will come: use it in a `with`, or call step().")
        with self._news:
            self._news.wait_for(lambda: self.failed or len(come()) >= count, patience)
            found = come()
            if self.failed and len(found) < count:
                raise self.failed
        return found[count - 1] if 0 < count <= len(found) else None

    def _follow(self, events: Iterable[Event]) -> list[Event]:
        """Let the gate follow what the lock said, and write it down."""
        done = []
        for event in events:
            answer = None
            if event.what == locks.OPENED:
                answer = attempt(self.gate.open_for, event.source)
            elif event.what == locks.SHUT:
                answer = attempt(self.gate.shut, event.source)
            if isinstance(answer, Refused):
                event = replace(event, refused=answer)
            done.append(event)
        with self._news:
            self._events += done
            del self._events[:-MOST_EVENTS]
            self._news.notify_all()
        return done

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                self.step(TURN)
        except Exception as error:  # noqa: BLE001  whoever waits for this thread is told, instead of a lone traceback
            with self._news:
                self.failed = error
                self._news.notify_all()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="knock daemon", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the thread, and close ear and gate; harmless when done twice."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.ear.close()
        self.gate.close()


def knock_daemon(
    place: Node, sequence: str | Iterable[Knock | str | int] = SEQUENCE, port: int = PORT, window: float = WINDOW,
    open_for: float = OPEN_FOR,
) -> Daemon:  # fmt: skip
    """Make a daemon that opens a port to whoever knocks right. Its lock tells the sequence, and `door` where.

    Where nothing can be captured, ports of the sequence that are taken are replaced. Raises: BadInput; OSError.
    """
    wanted = Lock(sequence, window, open_for).sequence  # a mistake is told before anything is opened
    if Knock(port) in wanted:
        raise BadInput(f"who tries the door at port {port} does not knock: leave {port}:tcp out of the sequence.")
    return _put_up(place, wanted, port, lambda heard, _: Lock(heard, window, open_for))


def key_daemon(place: Node, key: bytes, port: int = PORT, open_for: float = OPEN_FOR) -> Daemon:
    """Make a daemon that opens a port to whoever sends one good request. Its lock tells where these are to come: `at`.

    Raises: BadInput; OSError.
    """
    verifier, at = Verifier(key), Knock(locks.REQUEST_PORT, locks.UDP)
    return _put_up(place, (at,), port, lambda heard, door: KeyLock(verifier, door, heard[0].port, open_for))


def _put_up(
    place: Node, wanted: tuple[Knock, ...], port: int, make_lock: Callable[[tuple[Knock, ...], int], Lock | KeyLock]
) -> Daemon:  # fmt: skip
    with ExitStack() as held:
        ear = ear_at(place, wanted)
        held.callback(ear.close)
        gate = gate_at(place, port)
        held.callback(gate.close)
        daemon = Daemon(ear, make_lock(ear.sequence, gate.port), gate, Endpoint(place.address, gate.port))
        held.pop_all()
    return daemon
