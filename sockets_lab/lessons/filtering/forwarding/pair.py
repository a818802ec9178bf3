"""A client's socket and the socket to the target, joined: what happens at one end is done at the other.

An end in order is passed on in order: a FIN (end of data) by `shutdown`, each way for itself. Everything else is passed
on as a reset (RST): a target that refuses, an end that was reset, a forwarder that is stopped. A FIN would say that the
data is complete, and many protocols take that for a whole, if empty, answer; a reset cannot be taken for that.
Source: RFC 9293 sections 3.5.2 (reset) and 3.6 (closing), shutdown(2).
"""

import errno
import os
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from sockets_lab import guard
from sockets_lab.errors import Refused, refusal
from sockets_lab.kernel.connecting import UNDER_WAY, reset_on_close
from sockets_lab.lessons.filtering.forwarding.direction import Direction
from sockets_lab.lessons.filtering.forwarding.pipes import Pipes
from sockets_lab.model import Endpoint, FourTuple

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
CONNECTING, OPEN, ENDED, BROKEN = ("connecting", "open", "ended", "broken")


@dataclass(frozen=True)
class Forwarded:
    """A client's connection and the one that the forwarder made to the target for it, both as the forwarder has them.

    number: 1, 2, ... in the order accepted.
    client: local is the forwarder's listening endpoint, remote the client.
    target: local is the port that the kernel gave the forwarder for this, remote the target; None where the kernel
        refused before it gave one.
    to_target, to_client: bytes taken from the one side and handed to the kernel for the other.
    client_finished, target_finished: whether that side has said that it sends no more, and the other was told so.
    state: "connecting" to the target, "open", "ended" in order, or "broken": both ends were reset.
    because: what refused or broke it; None otherwise.
    """

    number: int
    client: FourTuple
    target: FourTuple | None
    to_target: int
    to_client: int
    client_finished: bool
    target_finished: bool
    state: str
    because: Refused | None


class RelayEnd:
    """One of the two sockets, and what is waited for there. Raises: OSError, where it cannot be made ready.

    serve: is called with the events that came; another one may take its place whenever others are waited for.
    """

    def __init__(self, sock: socket.socket, selector: selectors.BaseSelector, serve: Callable[[int], None]) -> None:
        self.sock, self._selector, self.serve = sock, selector, serve
        self._events = 0

    def wait_for(self, events: int) -> None:
        """Have `serve` called when one of these can be done; 0 = leave this socket alone."""
        if events == self._events:
            return
        if not events:
            self._selector.unregister(self.sock)
        elif self._events:
            self._selector.modify(self.sock, events, self.serve)
        else:
            self._selector.register(self.sock, events, self.serve)
        self._events = events

    def close(self, reset: bool) -> None:
        """Close the socket; with `reset`, tell the other end so."""
        self.wait_for(0)
        if reset:
            with suppress(OSError):  # it may have been reset already
                reset_on_close(self.sock)
        self.sock.close()


class Pair:
    """Two sockets that become one connection. It owns both, and closes them when it is over.

    Args: name: of the client's connection, as the forwarder has it; selector, buffer, pipes: the forwarder's;
        is_over: is told once, when this pair has ended or is broken.
    """

    def __init__(
        self, client: socket.socket, target: socket.socket, name: FourTuple, selector: selectors.BaseSelector,
        buffer: bytearray, pipes: Pipes, is_over: Callable[["Pair"], None],
    ) -> None:  # fmt: skip
        self.state = CONNECTING
        self._because: Refused | None = None
        self._client_name = name
        self._target_name: FourTuple | None = None
        self._is_over = is_over
        self._to_target = Direction(client, target, buffer, pipes)
        self._to_client = Direction(target, client, buffer, pipes)
        self._client = RelayEnd(client, selector, partial(self._serve, self._to_target, self._to_client))
        self._target = RelayEnd(target, selector, self._connected)
        for sock in (client, target):
            sock.setblocking(False)

    def connect(self, endpoint: Endpoint, source: Endpoint | None) -> None:
        """Start to connect to the target. Until that is there, nothing is read from the client."""
        sock = self._target.sock
        try:
            for one in (self._client.sock, sock):  # what is passed on shall not wait for more. Source: tcp(7)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)  # urgent bytes keep their place: `Direction`
            if source is not None:
                sock.bind(guard.destination(source).sockaddr)
            code = sock.connect_ex(guard.destination(endpoint).sockaddr)
            local = Endpoint.of(sock.getsockname())
            self._target_name = FourTuple(local, endpoint) if local.port else None
            if code not in UNDER_WAY:
                raise OSError(code, os.strerror(code))
            self._target.wait_for(WRITE)
        except OSError as error:
            self.break_off(refusal(error))

    def break_off(self, because: Refused) -> None:
        """Reset both ends. What is still held for either is lost, as it is where a connection without us breaks."""
        if self.state in (CONNECTING, OPEN):
            self._because = because
            self._close(BROKEN)

    def value(self, number: int) -> Forwarded:
        """Return what can be known of this pair now."""
        return Forwarded(
            number, self._client_name, self._target_name, self._to_target.passed, self._to_client.passed,
            self._to_target.finished, self._to_client.finished, self.state, self._because,
        )  # fmt: skip

    def _connected(self, _events: int) -> None:
        name = self._target_name
        try:
            code = self._target.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code and name and name.local == name.remote:  # TCP can connect a socket to itself: nobody listens
                code = errno.ECONNREFUSED
            if code:
                raise OSError(code, os.strerror(code))
            self.state = OPEN
            self._target.serve = partial(self._serve, self._to_client, self._to_target)
            self._wait()
        except OSError as error:
            self.break_off(refusal(error))

    def _serve(self, coming: Direction, going: Direction, events: int) -> None:
        """Do what can be done at one end. Args: coming: the direction that begins there; going: that ends there."""
        if self.state != OPEN:
            return  # what happened at the other end in this same round has ended both
        try:
            if events & WRITE:
                going.write()
            if events & READ:
                coming.read()
            if coming.finished and going.finished:
                self._close(ENDED)
            elif events & WRITE or coming.holds or coming.finished:  # else all is waited for that was before
                self._wait()
        except OSError as error:
            self.break_off(refusal(error))

    def _wait(self) -> None:
        """Wait at each end for what can be done next. Raises: OSError, where the kernel has no room for that."""
        onward, back = self._to_target, self._to_client
        held, held_back = onward.holds, back.holds
        self._client.wait_for((0 if held or onward.finished else READ) | (WRITE if held_back else 0))
        self._target.wait_for((0 if held_back or back.finished else READ) | (WRITE if held else 0))

    def _close(self, state: str) -> None:
        self.state = state
        for direction in (self._to_target, self._to_client):
            direction.close()
        for end in (self._client, self._target):
            end.close(reset=state == BROKEN)
        self._is_over(self)
