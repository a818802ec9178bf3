"""The work of a forwarder: one thread that waits for all its sockets at once and serves each as it becomes ready.

Nothing in it blocks but the one `select`, so one slow connection holds up no other. Source: epoll(7), accept(2).
"""

import errno
import itertools
import selectors
import socket
import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from queue import SimpleQueue

from sockets_lab.errors import Refused, refusal
from sockets_lab.kernel import machine
from sockets_lab.lessons.filtering.forwarding.direction import BUFFER
from sockets_lab.lessons.filtering.forwarding.pair import CONNECTING, READ, Forwarded, Pair
from sockets_lab.lessons.filtering.forwarding.pipes import Pipes
from sockets_lab.model import Endpoint, FourTuple

PATIENCE = 10.0  # seconds for the target to answer a connect; a firewall may leave it without any answer
RETRY = 0.1  # seconds, after which to try again where no descriptor was left for a new client
KEPT = 1000  # connections that are over, and are still told of
RESERVE = 64  # descriptors that are left to the rest of this process
ANSWER = 10.0  # seconds in which the thread surely comes round
MOST = 240 if selectors.DefaultSelector is selectors.SelectSelector else None  # pairs; Windows selects from 512
FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
STOPPED = Refused("STOPPED", "the forwarder was stopped before this connection had ended")


class Relay:
    """All of a forwarder's connections. It owns the listener, and closes everything when `run` returns."""

    def __init__(self, listener: socket.socket, target: Endpoint, source: Endpoint | None, splice: bool) -> None:
        self._listener, self._target, self._source = listener, target, source
        self._name = Endpoint.of(listener.getsockname())
        with ExitStack() as stack:
            self._selector = stack.enter_context(selectors.DefaultSelector())
            self._waker, self._woken = (stack.enter_context(one) for one in socket.socketpair())
            for one in (listener, self._waker, self._woken):
                one.setblocking(False)
            self._selector.register(self._woken, READ, self._hear)
            self._selector.register(listener, READ, self._accept)
            stack.enter_context(listener)
            self._owned = stack.pop_all()
        self._buffer, self._pipes = bytearray(BUFFER), Pipes(splice)
        self._numbers = itertools.count(1)
        self._pairs: dict[Pair, int] = {}
        self._past: deque[Forwarded] = deque(maxlen=KEPT)
        self._connecting: deque[tuple[float, Pair]] = deque()
        self._accept_again: float | None = None  # when, where accepting rests
        self._gate = threading.RLock()  # for the next three, which other threads touch; `stop` may come any time
        self._questions: list[SimpleQueue] = []
        self._heard: list[SimpleQueue] = []
        self._stopping = self._over = False

    def run(self) -> None:
        """Forward until `stop` is called; then reset what is still open, and close everything."""
        try:
            while not self._stopping:
                for key, events in self._selector.select(self._seconds_to_wait()):
                    key.data(events)
                if self._heard:
                    self._answer()
                if self._connecting:
                    self._give_up_on_connecting()
                if self._accept_again is not None:
                    self._accept_after_rest(self._accept_again)
        finally:
            for pair in list(self._pairs):
                pair.break_off(STOPPED)
            self._pipes.close()
            with self._gate:
                self._over = True
                self._heard += self._questions
                self._owned.close()
            self._answer()

    def stop(self) -> None:
        """Let `run` return soon. Any thread may call this."""
        self._stopping = True
        self._wake()

    def values(self) -> tuple[Forwarded, ...]:
        """Return all connections as they stand at the end of a round of the thread. Any thread may call this."""
        answer: SimpleQueue[tuple[Forwarded, ...]] = SimpleQueue()
        with self._gate:
            if self._over:
                return self._values()
            self._questions.append(answer)
        self._wake()
        return answer.get(timeout=ANSWER)

    def _values(self) -> tuple[Forwarded, ...]:
        values = [*self._past, *(pair.value(number) for pair, number in self._pairs.items())]
        return tuple(sorted(values, key=lambda value: value.number))

    def _wake(self) -> None:
        """End the thread's `select`. Where its end is full of wakings, one of them will do."""
        with self._gate, suppress(BlockingIOError):
            if not self._over:
                self._waker.send(b"!")

    def _hear(self, _events: int) -> None:
        """Take the questions; they are answered when everything that was ready by now has been served."""
        self._woken.recv(BUFFER)
        with self._gate:
            self._heard, self._questions = self._questions, []

    def _answer(self) -> None:
        while self._heard:
            self._heard.pop().put(self._values())

    def _accept(self, _events: int) -> None:
        """Take one client. A descriptor for the other side comes first: without one, the client waits in the queue."""
        with ExitStack() as stack:
            try:
                target = stack.enter_context(self._new_socket())
                client, peer = self._listener.accept()
            except OSError as error:
                if error.errno in FULL:
                    self._selector.unregister(self._listener)
                    self._accept_again = time.monotonic() + RETRY
                return  # else that client has gone again
            stack.pop_all()
        name = FourTuple(self._name, Endpoint.of(peer))
        pair = Pair(client, target, name, self._selector, self._buffer, self._pipes, self._is_over)
        self._pairs[pair] = next(self._numbers)
        pair.connect(self._target, self._source)
        if pair.state == CONNECTING:
            self._connecting.append((time.monotonic() + PATIENCE, pair))

    def _new_socket(self) -> socket.socket:
        sock = socket.socket(self._target.family, socket.SOCK_STREAM)
        few_left = sock.fileno() >= machine.descriptor_limits()[0] - RESERVE  # it has the lowest free number
        if few_left or len(self._pairs) == MOST:
            sock.close()
            raise OSError(errno.EMFILE, "the rest of this process needs some descriptors too")
        return sock

    def _is_over(self, pair: Pair) -> None:
        self._past.append(pair.value(self._pairs.pop(pair)))

    def _seconds_to_wait(self) -> float | None:
        """How long the thread may sleep if nothing becomes ready; None = for ever."""
        if not self._connecting and self._accept_again is None:
            return None
        times = [deadline for deadline, _ in itertools.islice(self._connecting, 1)]
        if self._accept_again is not None:
            times.append(self._accept_again)
        return max(0, min(times) - time.monotonic())

    def _give_up_on_connecting(self) -> None:
        """Drop from the front of the row who is connected, and whom the target has not answered in time."""
        while self._connecting:
            deadline, pair = self._connecting[0]
            if pair.state == CONNECTING and time.monotonic() < deadline:
                return
            self._connecting.popleft()
            if pair.state == CONNECTING:
                pair.break_off(refusal(TimeoutError()))

    def _accept_after_rest(self, when: float) -> None:
        if time.monotonic() >= when:
            self._accept_again = None
            self._selector.register(self._listener, READ, self._accept)
