"""Listen, connect and wait without ever blocking, and end by a reset: every wait has a deadline.

Source: connect(2), select(2).
"""

import errno
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from sockets_lab import guard
from sockets_lab.errors import Refused, attempt
from sockets_lab.model import Endpoint, whole_number

T = TypeVar("T", bound=Any)
WAIT = 0.5  # seconds; on loopback an answer comes at once, so this is only waited for in vain
NO_LINGER = struct.pack("HH" if os.name == "nt" else "ii", 1, 0)  # struct linger: it is on, and zero seconds
UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)  # what a connect that does not block may answer


@contextmanager
def closed_on_failure(owner: T) -> Iterator[T]:
    """Close what has a `close`, such as a socket, where making it ready fails; else it stays open."""
    try:
        yield owner
    except BaseException:
        owner.close()
        raise


def listening(endpoint: Endpoint, backlog: int) -> socket.socket:
    """Return a socket that listens and never blocks. Args: backlog: 0-65535 connections."""
    whole_number(backlog, 0, 65535, "a backlog")
    with closed_on_failure(socket.socket(guard.destination(endpoint).family, socket.SOCK_STREAM)) as sock:
        sock.setblocking(False)
        sock.bind(endpoint.sockaddr)
        sock.listen(backlog)
        return sock


def start_connect(sock: socket.socket, endpoint: Endpoint, wait: float = WAIT, source: Endpoint | None = None) -> bool:
    """Connect without blocking, and tell whether the connection was there within `wait` seconds.

    Raises: OSError, when the kernel refuses (ECONNREFUSED, EADDRNOTAVAIL, ...).
    """
    guard.destination(endpoint)
    sock.setblocking(False)
    if source is not None:
        sock.bind(guard.destination(source).sockaddr)
    code = sock.connect_ex(endpoint.sockaddr)
    if code not in UNDER_WAY:
        raise OSError(code, os.strerror(code))
    return is_connected(sock, wait)


def is_connected(sock: socket.socket, wait: float = 0) -> bool:
    """Tell whether a connect that did not block has come to its end. Raises: OSError, where that was a refusal."""
    if not ready([sock], selectors.EVENT_WRITE, wait):
        return False
    if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(code, os.strerror(code))
    return True


def ready(socks: Iterable[socket.socket], event: int, wait: float) -> tuple[int, ...]:
    """Return the descriptors of those sockets that are ready, as soon as one is; none after `wait` seconds."""
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            selector.register(sock, event)
        found = selector.select(wait) if selector.get_map() else []  # Windows refuses to wait for nothing
        return tuple(sorted(key.fd for key, _ in found))


def until(condition: Callable[[], bool], wait: float = WAIT) -> bool:
    """Ask again and again until the condition holds, and tell whether it did within `wait` seconds.

    The kernel finishes some things a moment after the call that began them; no descriptor tells when.
    """
    deadline = time.monotonic() + wait
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.001)
    return holds


def woken_by(
    call: Callable[[], Any], socks: Iterable[socket.socket], wait: float
) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """Make one call; return its answer, the descriptors readable before, and those readable only since."""
    socks = list(socks)
    before = ready(socks, selectors.EVENT_READ, 0)
    answer = attempt(call)
    asleep = [sock for sock in socks if sock.fileno() not in before]
    return answer, before, () if isinstance(answer, Refused) else ready(asleep, selectors.EVENT_READ, wait)


def reset_on_close(sock: socket.socket) -> None:
    """Let `close` throw the connection away, with nothing left in TIME_WAIT; what a listener accepts inherits this.

    Raises: OSError, where it has been reset already. Source: socket(7), SO_LINGER.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)


class Owner:
    """What owns sockets, processes or memory until `close`, or until the end of a `with`."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
