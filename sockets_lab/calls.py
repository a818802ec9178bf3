"""Record the conversation between a process and its protocol stack: each socket call, and what came back.

While a recording is open, the class `socket.socket` carries a wrapper for each method that makes a system call. Python
looks a method up in the class at every call, so sockets that exist already, subclasses (`ssl.SSLSocket`) and other
names for the class are covered too. Afterwards the class is as it was. A call that Python's socket module does not
make (`os.close`, a collected socket, OpenSSL's reads and writes) cannot be seen this way, and none is made up.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, overload

from sockets_lab.callnames import CALLS, Answer, Descriptor, Known, Part, Parts, descriptor_of, local_name, raised
from sockets_lab.model import Endpoint

# The notebook's own machinery: what these packages do with sockets is not the learner's doing.
MACHINERY = frozenset({"ipykernel", "zmq", "debugpy", "pydevd", "_pydevd_bundle", "_pydev_bundle"})
MAKES_SOCKET = frozenset({"socket", "socketpair", "accept"})
# Where a call stack ends for our purpose: below this, somebody else only waits for work or starts it.
ROOTS = frozenset({("threading", "run"), ("asyncio.events", "_run")})
REPR = socket.socket.__repr__.__code__  # asks for both names, also when a lost socket is reported
SELF_PIPE = frozenset({"_write_to_self", "_read_from_self"})  # how an asyncio loop wakes itself


@dataclass(frozen=True)
class Call:
    """One socket call and its answer.

    order: 1, 2, ... as the calls began; thread: None for the thread that opened the recording; descriptor: the one the
    call was made on (None for `socket`, `socketpair`); name: as in the man pages; answer: parts, `Refused`, `Raised`,
    or None where none had come when the recording ended; local: the socket's local endpoint after a call that can
    change it; returned_after: the order of the last call that had begun when this one returned; seconds: how long.
    """

    order: int
    thread: str | None
    descriptor: Descriptor | None
    name: str
    arguments: Parts
    answer: Answer = None
    local: Endpoint | None = None
    returned_after: int | None = None
    seconds: float | None = None

    def request(self, spell: Callable[[Part], str] = str) -> str:
        """Spell the call as the man pages do: `bind(5, 127.0.0.1:0)`."""
        on = () if self.descriptor is None else (self.descriptor,)
        return f"{self.name}({', '.join(map(spell, on + self.arguments))})"

    def reply(self, spell: Callable[[Part], str] = str) -> str:
        """Spell the answer in a few words; a refusal by its errno name."""
        if self.answer is None:
            return "no answer yet"
        if isinstance(self.answer, tuple):
            return ", ".join(map(spell, self.answer)) or "done"
        return self.answer.name

    def __str__(self) -> str:
        return f"{self.request()} -> {self.reply()}"


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

    def claims(self, on: Descriptor | None, caller: FrameType) -> bool:
        """Whether a call belongs to what was recorded: made in its context, or in its thread, or on its socket.

        A task and a callback of asyncio inherit the context of the code that made them; a plain thread does not, so
        `adopt` remembers it. The pipe by which an older event loop wakes itself never counts.
        """
        if not self.open:
            return False
        if on is not None and on.socket in self._born:
            return True
        if caller.f_code.co_name in SELF_PIPE and _module(caller).startswith("asyncio."):
            return False
        here = threading.get_ident()
        return self in _context.get() or any(each.ident == here and each.is_alive() for each in self._threads)

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
        self._threads, self._born, self.namespace = [], set(), {}


_context: ContextVar[tuple[Recording, ...]] = ContextVar("sockets_lab_recordings", default=())
_lock = threading.RLock()
_open: tuple[Recording, ...] = ()
_wrapped: list[tuple[Any, str, Any, Any]] = []  # owner, attribute, what stood there, our wrapper
_ABSENT = object()


def record(namespace: dict[str, Any] | None = None, limit: int = 10_000) -> AbstractContextManager[Recording]:
    """Record every socket call made while the context is open, by its code and by the threads and tasks it starts.

    Args:
        namespace: the globals of the code to record; by default the caller's.
        limit: how many calls to keep at most; of more, the middle is left out.
    Returns: a context manager that gives the `Recording`, a sequence of `Call`.
    Raises: nothing of its own; the recorded code's exceptions pass through, and recording ends then too.
    """
    return _recording(sys._getframe(1).f_globals if namespace is None else namespace, limit)


@contextmanager
def _recording(namespace: dict[str, Any], limit: int) -> Iterator[Recording]:
    recording = Recording(namespace, limit)
    try:
        _start(recording)
        yield recording
    finally:
        _stop(recording)


def _start(recording: Recording) -> None:
    global _open
    with _lock:
        recording.open = True
        _open += (recording,)
        _context.set((*_context.get(), recording))
        if not _wrapped:
            _wrap_all()


def _stop(recording: Recording) -> None:
    global _open
    with _lock:
        recording.close()
        _open = tuple(other for other in _open if other is not recording)
        _context.set(tuple(other for other in _context.get() if other is not recording))
        if not _open:
            _unwrap_all()


def _wrap_all() -> None:
    _put(threading.Thread, "start", _starter(threading.Thread.start))
    for known in CALLS:
        original = getattr(known.owner, known.attribute, None)
        if original is not None:  # this system has that call
            _put(known.owner, known.attribute, _wrapper(known, original))


def _put(owner: Any, attribute: str, wrapper: Callable[..., Any]) -> None:
    _wrapped.append((owner, attribute, vars(owner).get(attribute, _ABSENT), wrapper))
    setattr(owner, attribute, wrapper)


def _unwrap_all() -> None:
    """Put everything back, except where the recorded code has itself put something else in the meantime."""
    while _wrapped:
        owner, attribute, before, wrapper = _wrapped[-1]
        if vars(owner).get(attribute) is wrapper:
            if before is _ABSENT:
                delattr(owner, attribute)
            else:
                setattr(owner, attribute, before)
        _wrapped.pop()


def _wrapper(known: Known, original: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True  # this frame is no part of the learner's traceback
        noted = _begin(known, args, kwargs)
        started = time.perf_counter()
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            _end(noted, known, args, raised(error), started)
            del args, kwargs  # a traceback that is kept must not keep the socket open
            raise
        if noted:
            _end(noted, known, args, known.read_answer(args, result), started)
        return result

    return call


def _starter(original: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    def start(thread: threading.Thread) -> None:
        __tracebackhide__ = True
        for recording in _claiming(None, sys._getframe(1)):
            recording.adopt(thread)
        original(thread)

    return start


def _claiming(on: Descriptor | None, caller: FrameType) -> list[Recording]:
    claiming = [recording for recording in _open if recording.claims(on, caller)]
    if claiming and _by_machinery(caller, [recording.namespace for recording in claiming]):
        return []
    return claiming


def _begin(known: Known, args: tuple, kwargs: dict[str, Any]) -> list[tuple[Recording, int]]:
    """Note the call in each recording that claims it."""
    on = None if known.makes_socket else descriptor_of(args[0] if args else None)
    caller = sys._getframe(2)
    if caller.f_code is REPR:
        return []
    claiming = _claiming(on, caller)
    arguments = known.read_arguments(args, kwargs) if claiming else None
    return [] if arguments is None else [(each, each.begin(known.name, on, arguments)) for each in claiming]


def _end(
    noted: list[tuple[Recording, int]], known: Known, args: tuple, answer: Answer, started: float
) -> None:
    seconds = time.perf_counter() - started
    local = local_name(args[0]) if noted and known.names_socket else None
    for recording, order in noted:
        recording.end(order, answer, local, seconds)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))


def _by_machinery(frame: FrameType | None, namespaces: list[dict[str, Any]]) -> bool:
    """Walk from a call outwards: True if the notebook's machinery comes before the learner's code.

    So a `print` that wakes the kernel's output thread is left out, although a learner's line is what called it.
    """
    while frame is not None:
        if any(frame.f_globals is namespace for namespace in namespaces):
            return False
        module = _module(frame)
        if module.partition(".")[0] in MACHINERY:
            return True
        if (module, frame.f_code.co_name) in ROOTS:
            return False
        frame = frame.f_back
    return False
