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
from functools import partial

from sockets_lab import guard
from sockets_lab.errors import Refused, refusal
from sockets_lab.kernel.connecting import UNDER_WAY
from sockets_lab.lessons.filtering.forwarding.direction import Direction
from sockets_lab.lessons.filtering.forwarding.end import READ, WRITE, RelayEnd
from sockets_lab.lessons.filtering.forwarding.pipes import Pipes
from sockets_lab.lessons.filtering.forwarding.values import BROKEN, CONNECTING, ENDED, OPEN, Forwarded
from sockets_lab.model import Endpoint, FourTuple


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
