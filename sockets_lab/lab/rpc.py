"""Short questions to the thread of a node that always answers, one after the other; and how an interrupt is put off."""

import errno
import os
import pickle
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sockets_lab.errors import Plain
from sockets_lab.netns.channel import Channel

ANSWER = 20.0  # seconds for what is answered at once, on a busy machine too


class NodeError(Plain, RuntimeError):
    """A node cannot go on, or did not come to an end."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off an interrupt until the end of the `with`: what is half done then, nobody could go on with.

    For what waits for nobody. Only the main thread is ever interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[tuple] = []
    before = signal.signal(signal.SIGINT, lambda *told: pressed.append(told))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed and callable(before):
            before(*pressed[0])


class Questions:
    """The line on which one node is asked. Whoever is interrupted, or waits too long, leaves an answer behind: the
    next one takes it off the line, and throws it away.
    """

    def __init__(self, name: str, line: Channel) -> None:
        self._name, self._line = name, line
        self._one_at_a_time, self._owed = threading.Lock(), 0

    def ask(self, *question: Any) -> Any:
        """Ask, and return the answer. Raises: what the node raised; NodeError, where it is gone or is too slow."""
        __tracebackhide__ = True
        with self.asked(*question) as answer:
            return answer()

    @contextmanager
    def asked(self, *question: Any) -> Iterator[Callable[[], Any]]:
        """Ask, and hand over what waits for the answer, so that others can be asked meanwhile. Raises: as `ask`."""
        __tracebackhide__ = True
        with self._one_at_a_time:
            with self._alive(), uninterrupted():
                self._line.send(question)
                self._owed += 1
            yield self._answer

    def _answer(self) -> Any:
        __tracebackhide__ = True
        with self._alive():
            while self._owed:
                self._line.wait(ANSWER)
                with uninterrupted():
                    kind, answer = self._taken()
        if kind == "error":
            raise answer
        return answer

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Say what it means where the line is silent, or has an end."""
        __tracebackhide__ = True
        try:
            yield
        except TimeoutError:
            raise NodeError(f"{self._name} did not answer within {ANSWER:g} seconds: run the cell again.") from None
        except (EOFError, OSError):
            raise NodeError(f"{self._name} has ended: make a new lab.") from None

    def _taken(self) -> tuple[str, Any]:
        """Take an answer off the line. A socket that nobody waits for any more is closed."""
        (kind, *content), descriptors = self._line.receive(ANSWER)
        self._owed -= 1
        if kind == "socket" and not descriptors:  # the kernel had no number to give to it
            return "error", OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        if kind == "socket":
            made = socket.socket(fileno=descriptors[0])
            if self._owed:
                made.close()
            return kind, made
        return kind, pickle.loads(content[0])  # only now, for it may fail: the answer is off the line
