"""A customer: a real client that wants something of a service, and remembers how that went. It runs in a node."""

import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import Refused, refusal
from sockets_lab.model import PROTOCOLS, Endpoint

WANTED = b"order\n"
PATIENCE = 1.0  # seconds for the connection, and again for the answer
FAREWELL = 0.02  # seconds for the service to close first, as it should
OUTCOMES = {
    "ECONNREFUSED": "refused", "ECONNRESET": "closed", "EPIPE": "closed", "DEADLINE": "silence", "ETIMEDOUT": "silence",
    "EADDRNOTAVAIL": "no port left",
}  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """How a customer's visit went.

    outcome: "served"; "another answer", by somebody else; "no answer" along a connection that is there, or "closed",
        which means without an answer; "refused", "silence" (no connection before the deadline), "no port left" at the
        customer's own end; "failed" for what else there is. said: what was answered. refused: what the kernel told.
    """

    outcome: str
    said: str = ""
    refused: Refused | None = None

    @property
    def served(self) -> bool:
        return self.outcome == "served"

    def __str__(self) -> str:
        about = f" ({self.refused})" if self.refused else f" ({self.said!r})" if self.said else ""
        return self.outcome + about


def visit(
    endpoint: Endpoint, protocol: str, expected: str, patience: float = PATIENCE, source: str | None = None,
    farewell: float = FAREWELL,
) -> Visit:  # fmt: skip
    """Ask a service once, and hear its answer.

    Args: expected: what the right service answers; patience: seconds for the connection, and for the answer; source:
        the customer's address, None = the kernel chooses; farewell: seconds to let the service close its end first.
    """
    guard.destination(endpoint)
    kind = PROTOCOLS[protocol].type
    with socket.socket(endpoint.family, kind) as sock:
        sock.settimeout(patience)
        try:
            if source:
                sock.bind((source, 0))
            sock.connect(endpoint.sockaddr)
        except OSError as error:
            return _failed(error)
        return _exchange(sock, protocol, expected, farewell)


def visits(count: int, ask: Callable[[], Visit]) -> tuple[int, Visit]:
    """Ask so often, one after the other, until one is not served. Returns: how many were, and the last visit."""
    last = Visit("served")
    for number in range(count):
        last = ask()
        if not last.served:
            return number, last
    return count, last


def crowd(count: int, ask: Callable[[], Visit]) -> Visit:
    """Ask so often, all at once. Returns: a visit that was not served, where there is one."""
    with ThreadPoolExecutor(count) as customers:
        found = [one.result() for one in [customers.submit(ask) for _ in range(count)]]
    return next((one for one in found if not one.served), found[0])


def visit_among_silent(silent: int, endpoint: Endpoint, ask: Callable[[], Visit], source: str | None = None) -> Visit:
    """Ask while so many others have connected and say nothing."""
    with contextlib.ExitStack() as held:
        for _ in range(silent):
            sock = held.enter_context(socket.socket(endpoint.family))
            if source:
                sock.bind((source, 0))
            sock.setblocking(False)
            sock.connect_ex(guard.destination(endpoint).sockaddr)
        time.sleep(2 * FAREWELL)  # so that they are there first
        return ask()


def _exchange(sock: socket.socket, protocol: str, expected: str, farewell: float) -> Visit:
    try:
        sock.sendall(WANTED)
        said = sock.recv(65536)
        if protocol == "tcp":
            while said and not said.endswith(b"\n") and (more := sock.recv(65536)):
                said += more
            sock.settimeout(farewell)
            with contextlib.suppress(OSError):
                sock.recv(1)
    except TimeoutError:
        return Visit("no answer" if protocol == "tcp" else "silence")
    except OSError as error:
        return _failed(error)
    if not said:
        return Visit("closed")
    text = said.decode(errors="replace").strip()
    return Visit("served" if text == expected else "another answer", text)


def _failed(error: OSError) -> Visit:
    if error.errno == errno.EADDRINUSE:  # of a bind to a customer's own address: every port there is taken
        error = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    refused = refusal(error)
    return Visit(OUTCOMES.get(refused.name, "failed"), refused=refused)
