"""A recording: the calls so far, and the rule that says whose calls belong to it."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from itertools import accumulate
from types import FrameType
from typing import Any, overload

from sockets_lab import lab
from sockets_lab.kernel import descriptors, machine, netlink, table
from sockets_lab.model import Endpoint
from sockets_lab.watch.calls.values import Answer, Call, Descriptor, Parts

# The notebook's own machinery: what these packages do with sockets is not the learner's doing.
MACHINERY = ("ipykernel", "zmq", "debugpy", "pydevd", "_pydevd_bundle", "_pydev_bundle")
# And what the course asks the kernel and its nodes for itself. An experiment's own calls are the learner's doing.
OURS = (*(each.__name__ for each in (descriptors, machine, netlink, lab, table)), "sockets_lab.panels")
LEFT_OUT = frozenset((*MACHINERY, *OURS))
MAKES_SOCKET = frozenset({"socket", "socketpair", "accept"})
# Where a call stack ends for our purpose: below this, somebody else only waits for work or starts it.
ROOTS = frozenset({("threading", "run"), ("asyncio.events", "_run")})
# What a recording misses, and says so
TLS = "What OpenSSL reads and writes on a TLS socket is not shown: it uses the descriptor by itself"
EARLIER = "Threads that began before this recording made socket calls, too; these are not shown"
SELF_PIPE = frozenset({"_write_to_self", "_read_from_self"})  # how an asyncio loop wakes itself


class Recording(Sequence[Call]):
    """The calls recorded so far, in the order in which they began.

    Of more than `limit` calls the first and the last half of that number are kept; `total` counts all.
    """

    def __init__(self, namespace: dict[str, Any], limit: int) -> None:
        self.total = 0
        self.open = False
        self.namespace = namespace
        self._limit = limit
        self._calls: dict[int, Call] = {}
        self._lock = threading.RLock()
        self._born: set[int] = set()  # sockets that came into being during this recording
        self._thread = threading.get_ident()
        self._threads: list[threading.Thread] = []  # started by the recorded code
        self._missed: set[str] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self[:])

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Call, ...]: ...
    def __getitem__(self, index: int | slice) -> Call | tuple[Call, ...]:
        with self._lock:
            return tuple(self._calls.values())[index]

    @property
    def left_out(self) -> int:
        """How many calls in the middle were not kept."""
        return self.total - len(self._calls)

    @property
    def notes(self) -> tuple[str, ...]:
        """Say in sentences, without a period, what was done with sockets and is not among the calls."""
        return tuple(sorted(self._missed))

    def note_tls(self, sock: object) -> None:
        """Note that a socket is one of TLS, if it is."""
        if "ssl" in sys.modules and isinstance(sock, sys.modules["ssl"].SSLSocket):
            self._missed.add(TLS)

    def note_unclaimed(self, caller: FrameType) -> None:
        """Note that the learner's code made a call in a thread of which this recording knows nothing."""
        frame: FrameType | None = caller if threading.get_ident() != self._thread else None
        while frame is not None and frame.f_globals is not self.namespace:
            frame = frame.f_back
        if frame is not None:
            self._missed.add(EARLIER)

    def claims(self, on: Descriptor | None, caller: FrameType) -> bool:
        """Whether a call belongs to what was recorded: made in its context, or in its thread, or on its socket.

        A task and a callback of asyncio inherit the context of the code that made them; a plain thread does not, so
        `adopt` remembers it. The pipe by which an older event loop wakes itself never counts.
        """
        if not self.open:
            return False
        if on is not None and on.socket in self._born:
            return True
        if caller.f_code.co_name in SELF_PIPE and module_of(caller).startswith("asyncio."):
            return False
        here = threading.get_ident()
        return self in context.get() or any(each.ident == here and each.is_alive() for each in self._threads)

    def adopt(self, thread: threading.Thread) -> None:
        """Count a thread's calls from now on: the recorded code is about to start it."""
        with self._lock:
            self._threads = [each for each in self._threads if each.ident is None or each.is_alive()] + [thread]

    def begin(self, name: str, on: Descriptor | None, arguments: Parts) -> int:
        """Note a call before it is made, because it may never return. Return its order."""
        thread = None if threading.get_ident() == self._thread else threading.current_thread().name
        with self._lock:
            self.total += 1
            self._calls[self.total] = Call(self.total, thread, on, name, arguments)
            if self.total > self._limit:
                self._calls.pop(self.total - self._limit // 2, None)
            return self.total

    def end(self, order: int, answer: Answer, local: Endpoint | None, seconds: float) -> None:
        """Note what a call answered, unless the recording has ended meanwhile."""
        with self._lock:
            if not self.open or order not in self._calls:
                return
            call = self._calls[order]
            if isinstance(answer, tuple) and call.name in MAKES_SOCKET:
                self._born.update(part.socket for part in answer if isinstance(part, Descriptor))
            self._calls[order] = replace(
                call, answer=answer, local=local, returned_after=self.total, seconds=seconds
            )

    def close(self) -> None:
        """Note nothing more, and let go of what only the recording needed."""
        self.open = False
        for value in list(self.namespace.values()):
            self.note_tls(value)
        self._threads, self._born, self.namespace = [], set(), {}


# Who records the code that runs here. Tasks and callbacks of asyncio take it along.
context: ContextVar[tuple[Recording, ...]] = ContextVar("sockets_lab_recordings", default=())


def module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))


@cache
def is_left_out(module: str) -> bool:
    """Tell whether a module, or a package that it is in, is machinery."""
    return any(package in LEFT_OUT for package in accumulate(module.split("."), "{}.{}".format))


def by_machinery(frame: FrameType | None, namespaces: list[dict[str, Any]]) -> bool:
    """Walk from a call outwards: True if the notebook's or the course's machinery comes before the learner's code.

    So a `print` that wakes the kernel's output thread is left out, although a learner's line is what called it.
    """
    while frame is not None:
        if any(frame.f_globals is namespace for namespace in namespaces):
            return False
        module = module_of(frame)
        if is_left_out(module):
            return True
        if (module, frame.f_code.co_name) in ROOTS:
            return False
        frame = frame.f_back
    return False
