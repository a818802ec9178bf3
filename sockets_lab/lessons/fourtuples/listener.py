"""One listening port, many clients: what tells their TCP connections apart, and whom arriving data wakes.

A `Listener` owns both ends of every connection, so each can be looked at from the client's side, from the server's side
and in the kernel's table, also while it still waits for `accept`. Source: RFC 9293 section 3.4, accept(2).
"""

import itertools
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.kernel import table
from sockets_lab.kernel.connecting import WAIT, is_connected, listening, ready, start_connect, until, woken_by
from sockets_lab.lessons.fourtuples.ends import Connection, Delivery, end, queued_at
from sockets_lab.model import Closing, Endpoint, FourTuple, SocketRow

ENOUGH = 65536  # bytes; more than this course sends at once


@dataclass
class _Pair:
    name: FourTuple  # as the client sees it
    client: socket.socket | None
    server: socket.socket | None = None


class Listener(Closing):
    """A listening socket with its clients and the sockets that `accept` made, for as long as the `with` lasts.

    Args: address: one of this machine's loopback, the kernel chooses the port; backlog: 0-65535 connections.
    Raises: OSError (EADDRNOTAVAIL, EAFNOSUPPORT), where this machine has no such address.
    """

    def __init__(self, address: str = "127.0.0.1", backlog: int = 16) -> None:
        self._socket = listening(Endpoint(address, 0), backlog)
        self._pairs: dict[int, _Pair] = {}
        self._numbers = itertools.count(1)
        self.endpoint = Endpoint.of(self._socket.getsockname())
        self.descriptor = self._socket.fileno()

    def close(self) -> None:
        """Close every socket, clients first; harmless when done twice."""
        while self._pairs:
            self._close_pair(self._pairs.popitem()[1])
        self._socket.close()

    def row(self) -> SocketRow | None:
        """Look at the listener in the table: its queues count connections that wait for `accept`, and the limit."""
        return table.row_of(self._socket)

    def connections(self) -> tuple[Connection, ...]:
        """Look at all connections, in the order of their numbers."""
        return tuple(self.connection(number) for number in sorted(self._pairs))

    def connection(self, number: int) -> Connection:
        """Look at one connection from both ends. Raises: BadInput, where no connection has this number."""
        pair = self._pair(number)
        return Connection(number, end(pair.name, pair.client), end(pair.name.reversed(), pair.server))

    def add_client(self, source: str | None = None, wait: float = WAIT) -> Connection | Refused:
        """Connect one more client.

        Args: source: the loopback address to come from, None = the kernel chooses; wait: seconds for the answer.
        Returns: the connection; its client is in SYN_SENT where no answer came, and may be connected later.
        """
        origin = guard.destination(Endpoint(source, 0)) if source else None
        client = attempt(socket.socket, self.endpoint.family, socket.SOCK_STREAM)
        if isinstance(client, Refused):
            return client
        answer = attempt(start_connect, client, self.endpoint, wait, origin)
        if isinstance(answer, Refused):
            client.close()
            return answer
        added = self._added(_Pair(FourTuple(Endpoint.of(client.getsockname()), self.endpoint), client))
        self.is_connected(added.number)
        return self.connection(added.number)

    def is_connected(self, number: int, wait: float = 0) -> bool | Refused:
        """Tell whether a client's connect has come to its end within `wait` seconds; Refused where it failed."""
        client = self._pair(number).client
        there = client is not None and attempt(is_connected, client, wait)
        if there is True and table.source() == "netlink":  # the server's end follows the client's by a moment
            until(lambda: self.connection(number).server.state not in (None, "SYN_RECV"))
        return there

    def accept(self, wait: float = WAIT) -> Connection | Refused:
        """Give a descriptor to the connection that has waited longest; "DEADLINE" where none came in `wait` seconds.

        A client that is not one of ours is accepted just the same, and gets the next number.
        """
        if not ready([self._socket], selectors.EVENT_READ, wait):
            return refusal(TimeoutError())
        answer = attempt(self._socket.accept)
        if isinstance(answer, Refused):
            return answer
        server, peer = answer
        server.setblocking(False)
        name = FourTuple(Endpoint.of(peer), Endpoint.of(server.getsockname()))
        for number, pair in self._pairs.items():
            if pair.name == name and pair.server is None:
                pair.server = server
                return self.connection(number)
        return self._added(_Pair(name, None, server))

    def send(self, number: int, data: bytes, from_server: bool = False, wait: float = WAIT) -> Delivery | Refused:
        """Send along one connection and watch all other sockets here: whom does it wake?

        Args: data: 1-65536 bytes; from_server: from the accepted socket to the client; wait: seconds.
        Raises: BadInput, where that end has no descriptor to send with.
        """
        if not isinstance(data, bytes) or not 0 < len(data) <= ENOUGH:
            raise BadInput(f"pass 1 to {ENOUGH} bytes to send, such as b'hello'.")
        pair = self._pair(number)
        along, sender, receiver = pair.name, pair.client, pair.server
        if from_server:
            along, sender, receiver = along.reversed(), receiver, sender
        if sender is None:
            raise BadInput(f"connection {number} has no descriptor at that end: send from the other, or accept it.")
        others = [sock for sock in self._sockets() if sock is not sender]
        there = along.reversed()
        before = queued_at(there) or 0
        sent, _, woken = woken_by(lambda: sender.send(data), others, wait)
        if isinstance(sent, Refused):
            return sent
        until(lambda: (queued_at(there) or 0) - before >= sent, 0 if queued_at(there) is None else WAIT)
        received = attempt(receiver.recv, ENOUGH) if receiver else None
        return Delivery(along, sender.fileno(), sent, woken, received)

    def remove_client(self, number: int) -> SocketRow | None:
        """Close a connection, client first. A server end that was never accepted stays in the listener's queue.

        Returns: the row that the kernel still keeps at the client's end, for which no descriptor is left.
        """
        pair = self._pair(number)
        queued = pair.server is None and (pair.client is None or attempt(is_connected, pair.client) is True)
        self._close_pair(pair)
        pair.client = None
        if not queued:
            del self._pairs[number]
        return table.find(pair.name)

    def listener_calls(self) -> dict[str, Refused]:
        """Ask the listener itself for data, as if it were a connection. Returns: call -> the refusal."""
        calls: dict[str, Callable[[], Any]] = {
            "recv": lambda: self._socket.recv(1),
            "send": lambda: self._socket.send(b"x"),
            "getpeername": self._socket.getpeername,
        }
        return {name: attempt(call) for name, call in calls.items()}

    def _pair(self, number: int) -> _Pair:
        if number not in self._pairs:
            there = ", ".join(map(str, sorted(self._pairs))) or "none yet: add a client first"
            raise BadInput(f"there is no connection {number!r}: pass one of these numbers: {there}.")
        return self._pairs[number]

    def _added(self, pair: _Pair) -> Connection:
        number = next(self._numbers)
        self._pairs[number] = pair
        return self.connection(number)

    def _sockets(self) -> list[socket.socket]:
        ends = (sock for pair in self._pairs.values() for sock in (pair.client, pair.server))
        return [self._socket, *(sock for sock in ends if sock is not None)]

    @staticmethod
    def _close_pair(pair: _Pair) -> None:
        for sock in (pair.client, pair.server):
            if sock is not None:
                sock.close()
