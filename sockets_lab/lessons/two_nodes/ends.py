"""What one node's process does with its end of a connection, by nothing but numbers. These functions run in the node.

No socket object stays behind: as in the text, the process holds a descriptor, and hands it back with each call.
A number here is a descriptor of the process that runs the function. Where one is asked for, None stands for the lowest
that is free; so does one beyond what the process may have here (`ulimit -n`).
"""

import os
import selectors
import socket
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.kernel.connecting import WAIT, closed_on_failure, listening, ready, start_connect
from sockets_lab.kernel.descriptors import Entry
from sockets_lab.kernel.machine import descriptor_limits
from sockets_lab.lessons import descriptors
from sockets_lab.model import Endpoint, SocketRow

ROOM = 65536  # bytes taken by one read, at most
OURS = ("TCP", "UDP")
T = TypeVar("T")


def listen(endpoint: Endpoint, number: int | None = None, backlog: int = 5) -> int | Refused:
    """Listen at an endpoint of this node. Returns: the descriptor. Raises: BadInput, where the number is taken."""
    sock = attempt(listening, endpoint, backlog)
    return sock if isinstance(sock, Refused) else _placed(sock, number)


def connect(local: Endpoint, remote: Endpoint, number: int | None = None, wait: float = WAIT) -> int | Refused:
    """Bind, connect, and wait at most `wait` seconds for the answer; without one the connection is still on its way.

    Returns: the descriptor. Raises: BadInput, where the number is taken.
    """
    with closed_on_failure(socket.socket(guard.destination(remote).family, socket.SOCK_STREAM)) as sock:
        made = attempt(start_connect, sock, remote, wait, local)
    if isinstance(made, Refused):
        sock.close()
        return made
    return _placed(sock, number)


def accept(listener: int, number: int | None = None, wait: float = WAIT) -> int | Refused:
    """Accept one connection at a listener's descriptor. Returns: the new one's; EAGAIN, where none waited in time."""
    accepted = _when_ready(listener, wait, lambda sock: attempt(sock.accept))
    if isinstance(accepted, Refused):
        return accepted
    accepted[0].setblocking(False)
    return _placed(accepted[0], number)


def write(number: int, data: bytes) -> int | Refused:
    """Hand bytes to whatever stands behind a descriptor of this process. Returns: how many the kernel took."""
    return attempt(os.write, _harmless(number), data)


def read(number: int, wait: float = WAIT) -> bytes | Refused:
    """Take what has come for a descriptor; b"" = the other end has closed. EAGAIN where nothing came in time."""
    return _when_ready(_harmless(number), wait, lambda sock: attempt(sock.recv, ROOM))


def sockets() -> tuple[Entry, ...]:
    """List the TCP and UDP sockets among this process's descriptors."""
    return tuple(entry for entry in descriptors.table() if entry.type in OURS)


def holdings() -> tuple[tuple[Entry, ...], list[SocketRow]]:
    """List these sockets, and then all rows of the socket table of this process's network stack."""
    return sockets(), table.snapshot()


def close(*numbers: int) -> tuple[Refused | None, ...]:
    """Give descriptors back. Returns: what the kernel said to each."""
    return tuple(attempt(os.close, _harmless(number)) for number in numbers)


def _when_ready(number: int, wait: float, take: Callable[[socket.socket], T]) -> T | Refused:
    """Wait until something has come for a descriptor's socket, and take it; the descriptor stays open."""
    copied = attempt(os.dup, number)
    again = copied if isinstance(copied, Refused) else attempt(socket.socket, -1, -1, -1, copied)
    if isinstance(again, Refused):
        return again
    with again:
        ready([again], selectors.EVENT_READ, wait)
        return take(again)


def _placed(sock: socket.socket, number: int | None) -> int | Refused:
    """Leave an open socket with nothing but a number: one of choice, or the one that it got by itself."""
    if number is None or number >= descriptor_limits()[0]:
        return sock.detach()
    with closing(sock):
        given = descriptors.at_number(sock, number)
    return given if isinstance(given, Refused) else given.detach()


def _harmless(number: int) -> int:
    """Return a number that stands for nothing, or for an internet socket: the node's other ones carry the lab itself.

    Raises: BadInput.
    """
    entry = descriptors.entry(number)
    if isinstance(entry, Refused) or entry.type in OURS:
        return number
    raise BadInput(f"Descriptor {number} is a {entry.kind} that this node itself needs: choose another number.")
