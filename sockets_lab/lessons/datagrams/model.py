"""A bench of live datagram sockets: senders, a receiver with a small buffer, and a port that nobody has."""

import os
import selectors
import socket
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.kernel import table
from sockets_lab.kernel.connecting import Owner, closed_on_failure, ready, until
from sockets_lab.lessons.datagrams.delivery import SMALL
from sockets_lab.lessons.datagrams.peers import dissolve
from sockets_lab.lessons.datagrams.sending import Datagram, bound, drops, receive_all, send, vacant
from sockets_lab.model import Endpoint, SocketRow, whole_number

SENDERS = ("sender 1", "sender 2", "sender 3")
RECEIVER, NOBODY = "receiver", "closed port"
MOST = 500  # datagrams at once
SHORT = 0.05  # seconds; what comes, comes at once


@dataclass(frozen=True)
class Seat:
    """One socket of the bench: its role's name, its descriptor, its endpoint, and its row in the socket table.

    peer: whom it is connected to; limit: bytes of its receive buffer; dropped: datagrams that the kernel threw away
    there, None where it does not tell. joined: whether it is a member of the group; None for those that cannot be.
    """

    name: str
    descriptor: int
    endpoint: Endpoint
    row: SocketRow | None
    peer: Endpoint | None
    limit: int
    dropped: int | None
    joined: bool | None

    @property
    def waiting(self) -> int | None:
        """Bytes of the buffer that are in use, the kernel's bookkeeping among them; None where it does not tell."""
        return None if self.row is None else self.row.receive_queue


@dataclass(frozen=True)
class Sending:
    """One click: who sent, to whom, how many datagrams of how many bytes `sendto` took, and what refused the rest.

    reached: the names of the sockets at which something came; told: an error that the kernel had for the sender
    afterwards, without being asked.
    """

    sender: str
    to: str
    target: Endpoint
    taken: int
    size: int
    refused: Refused | None
    reached: tuple[str, ...]
    told: Refused | None


class DatagramModel(Owner):
    """Three senders, and a receiver.

    Nothing is received before `read` is called, so what was sent lies in the receivers' buffers, or was dropped.
    Raises: OSError, where not even the senders can be had.
    """

    def __init__(self, buffer: int = SMALL) -> None:
        self._socks: dict[str, socket.socket] = {}
        with closed_on_failure(self):
            for name in SENDERS:
                self._socks[name] = bound(guard.interface())
            self.places = self._open_receivers(buffer)

    def _open_receivers(self, buffer: int) -> dict[str, Endpoint]:
        """Open the sockets that receive. Returns: where one can send to, by name."""
        self._socks[RECEIVER] = bound(buffer=buffer)
        return {RECEIVER: self._name(RECEIVER), NOBODY: vacant()}

    def close(self) -> None:
        """Close every socket of the bench. Calling it again does no harm."""
        while self._socks:
            self._socks.popitem()[1].close()

    def seats(self) -> tuple[Seat, ...]:
        """Return all sockets, as the kernel shows them now."""
        return tuple(self._seat(name, sock) for name, sock in self._socks.items())

    def send(self, sender: str, to: str, data: bytes, times: int = 1) -> Sending:
        """Send some datagrams, and see where something came.

        Args: sender: one of SENDERS; to: one of `places`; data: bytes of one; times: 1-500.
        """
        whole_number(times, 1, MOST, "a number of datagrams")
        sock, target = self._one_of(sender, SENDERS), self._target(to)
        before = self._filled()
        taken, refused = 0, None
        for _ in range(times):
            answer = attempt(self._send_one, sock, data, target)
            if isinstance(answer, Refused):
                refused = answer
                break
            taken += 1
        until(lambda: self._filled() != before, SHORT if taken else 0)
        after = self._filled()
        reached = tuple(name for name in after if after[name] != before.get(name))
        return Sending(sender, to, target, taken, len(data), refused, reached, _error(sock))

    def _send_one(self, sock: socket.socket, data: bytes, to: Endpoint) -> int:
        return send(sock, data, to)

    def read(self) -> dict[str, tuple[Datagram, ...]]:
        """Receive all that waits. Returns: name -> datagrams as they came out."""
        return {name: receive_all(sock) for name, sock in self._socks.items() if name not in SENDERS}

    def connect(self, name: str, peer: str) -> Refused | None:
        """Fix a socket's peer: from now on it hears only that one, and is told what becomes of what it sends there.

        Args: name: a sender or the receiver; peer: a sender, the receiver or NOBODY. Returns: what refused it.
        """
        there = self.places[NOBODY] if peer == NOBODY else self._name(peer)
        return attempt(self._one_of(name, (*SENDERS, RECEIVER)).connect, there.sockaddr)

    def disconnect(self, name: str) -> Refused | None:
        """Let a socket have no peer again, under the same name. Returns: what refused it (see `dissolve`)."""
        sock = self._one_of(name, (*SENDERS, RECEIVER))
        before = sock.getsockname()
        answer: Refused | None = attempt(dissolve, sock)
        if answer is None and sock.getsockname() != before:  # the kernel took back the port that it had chosen
            answer = attempt(sock.bind, before)
        return answer

    def _target(self, to: str) -> Endpoint:
        if to not in self.places:
            raise BadInput(f"{to!r} is nobody on this bench: pass one of {', '.join(self.places)}.")
        return self.places[to]

    def _name(self, name: str) -> Endpoint:
        return Endpoint.of(self._one_of(name, tuple(self._socks)).getsockname())

    def _one_of(self, name: str, names: tuple[str, ...]) -> socket.socket:
        if name not in names or name not in self._socks:
            raise BadInput(f"{name!r} is not on this bench: pass one of {', '.join(names) or 'none, it is closed'}.")
        return self._socks[name]

    def _joined(self, name: str) -> bool | None:
        return None

    def _filled(self) -> dict[str, tuple]:
        """How full each receiver is, as far as the kernel tells: bytes, and whether there is something to read."""
        socks = {name: sock for name, sock in self._socks.items() if name not in SENDERS}
        readable = ready(socks.values(), selectors.EVENT_READ, 0)
        rows = {name: table.row_of(sock) for name, sock in socks.items()}
        return {name: (row and row.receive_queue, socks[name].fileno() in readable) for name, row in rows.items()}

    def _seat(self, name: str, sock: socket.socket) -> Seat:
        peer = attempt(sock.getpeername)
        return Seat(
            name, sock.fileno(), Endpoint.of(sock.getsockname()), table.row_of(sock),
            None if isinstance(peer, Refused) else Endpoint.of(peer),
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), drops(sock), self._joined(name),
        )  # fmt: skip


def _error(sock: socket.socket) -> Refused | None:
    """Return the error that the kernel keeps for this socket's next call, and take it away. Source: SO_ERROR."""
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return refusal(OSError(code, os.strerror(code))) if code else None
