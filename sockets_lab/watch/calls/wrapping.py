"""Record the conversation between a process and its protocol stack: each socket call, and what came back.

While a recording is open, the class `socket.socket` carries a wrapper for each method that makes a system call. Python
looks a method up in the class at every call, so sockets that exist already, subclasses (`ssl.SSLSocket`) and other
names for the class are covered too. Afterwards the class is as it was. A call that Python's socket module does not
make (`os.close`, a collected socket, OpenSSL's reads and writes) cannot be seen this way, and none is made up;
`Recording.notes` says what was missed where that is known.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any

from sockets_lab.watch.calls.known import CALLS, Known
from sockets_lab.watch.calls.recording import Recording, by_machinery, context
from sockets_lab.watch.calls.values import Answer, Descriptor, raised
from sockets_lab.watch.calls.words import descriptor_of, local_name

REPR = socket.socket.__repr__.__code__  # asks for both names, also when a lost socket is reported
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
    global _open
    recording = Recording(namespace, limit)
    try:
        with _lock:
            recording.open = True
            _open += (recording,)
            context.set((*context.get(), recording))
            if not _wrapped:
                _wrap_all()
        yield recording
    finally:
        with _lock:
            recording.close()
            _open = tuple(other for other in _open if other is not recording)
            context.set(tuple(other for other in context.get() if other is not recording))
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
            _end(noted, known, args, raised(error, known.name, args), started)
            del args, kwargs  # a traceback that is kept must not keep the socket open
            raise
        if noted:
            _end(noted, known, args, known.read_answer(args, result), started)
        return result

    call.__name__ = known.name  # what failed, to whoever explains its error
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
    if claiming and by_machinery(caller, [recording.namespace for recording in claiming]):
        return []
    return claiming


def _begin(known: Known, args: tuple, kwargs: dict[str, Any]) -> list[tuple[Recording, int]]:
    """Note the call in each recording that claims it."""
    on = None if known.makes_socket else descriptor_of(args[0] if args else None)
    caller = sys._getframe(2)
    if caller.f_code is REPR:
        return []
    claiming = _claiming(on, caller)
    for recording in _open:
        if recording in claiming:
            recording.note_tls(args[0] if args else None)
        elif not recording.claims(on, caller):
            recording.note_unclaimed(caller)
    arguments = known.read_arguments(args, kwargs) if claiming else None
    return [] if arguments is None else [(each, each.begin(known.name, on, arguments)) for each in claiming]


def _end(
    noted: list[tuple[Recording, int]], known: Known, args: tuple, answer: Answer, started: float
) -> None:
    seconds = time.perf_counter() - started
    local = local_name(args[0]) if noted and known.names_socket else None
    for recording, order in noted:
        recording.end(order, answer, local, seconds)


def hide(error: BaseException | None) -> None:
    """Take this module's frames out of an exception's traceback, so that it looks as it would without a recording."""
    while error is not None:
        step = error.__traceback__
        while step is not None and step.tb_next is not None:
            if step.tb_next.tb_frame.f_globals is globals():
                step.tb_next = step.tb_next.tb_next
            else:
                step = step.tb_next
        error = error.__cause__ or error.__context__
