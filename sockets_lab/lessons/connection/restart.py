"""Restart a server: what a closed connection leaves in the kernel, and whether the next server gets the port.

The end that closes first keeps the connection's four-tuple in TIME_WAIT, a minute on Linux, with no process behind it.
Source: RFC 9293 section 3.6.1 (there 2 MSL); tcp(7).
"""

import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from sockets_lab import guard
from sockets_lab.errors import BadInput
from sockets_lab.kernel import table
from sockets_lab.kernel.connecting import reset_on_close
from sockets_lab.lessons.conflicts.bind_requests import BindRequest, Requester
from sockets_lab.lessons.conflicts.trials import Trial, in_use, play, settled
from sockets_lab.model import Endpoint, FourTuple, SocketRow

CLOSES_FIRST = ("server", "client", "nobody")
DEADLINE = 2.0  # seconds for one step over the loopback
BLIND_WAIT = 0.05  # seconds for the last segments where the table does not show them


@dataclass(frozen=True, kw_only=True)
class AfterClose(Trial):
    """A server ends, and a new one claims its port at once; socket 1 is the old server's, socket 2 the new one's.

    closes_first: which end of the one connection; "nobody": only the old listener closed, the connection lives on.
    connection: as the server saw it. server_end, client_end: what the table said of it just before the new claim;
    None = no row (any more). shown: False where this system's table does not show the connection at all. claimed: only
    where it does not: whether a bind without any option was refused just before the new claim.
    """

    closes_first: str
    old_reuse_address: bool
    new_reuse_address: bool
    connection: FourTuple | None = None
    server_end: SocketRow | None = None
    client_end: SocketRow | None = None
    shown: bool = False
    claimed: bool = False

    @property
    def unseen(self) -> str:
        """Say why the ending tells nothing of TIME_WAIT, because no such connection was seen; "" where one was."""
        row = self.client_end if self.closes_first == "client" else self.server_end
        if self.closes_first == "nobody" or self.claimed or (row and row.state == "TIME_WAIT"):
            return ""
        if self.shown:
            return ("the kernel kept no connection in TIME_WAIT (on Linux net.ipv4.tcp_max_tw_buckets limits how many, "
                    "and none are kept beyond that)")  # fmt: skip
        return "the socket table of this system does not show whether a connection is in TIME_WAIT"


def after_close(
    closes_first: str = "server", old_reuse_address: bool = False, new_reuse_address: bool = False
) -> AfterClose:
    """Serve one client, close everything in the order asked for, then bind and listen on the same port again.

    Args: closes_first: one of CLOSES_FIRST; the rest: whether each server sets SO_REUSEADDR.
    Leaves: one TIME_WAIT row in the kernel's table, which ends by itself.
    Raises: BadInput.
    """
    if closes_first not in CLOSES_FIRST:
        raise BadInput(f"{closes_first!r} cannot close first: pass {', '.join(map(repr, CLOSES_FIRST))}.")
    plan = AfterClose(
        closes_first=closes_first, old_reuse_address=old_reuse_address, new_reuse_address=new_reuse_address
    )
    return settled(partial(_serve_and_return, plan))


def rebinding() -> tuple[AfterClose, ...]:
    """Try every order of closing with every choice of SO_REUSEADDR: 12 trials."""
    return tuple(after_close(*case) for case in product(CLOSES_FIRST, (False, True), (False, True)))


def _serve_and_return(plan: AfterClose) -> AfterClose:
    old_claim = BindRequest(reuse_address=plan.old_reuse_address, listens="before")
    new_claim = BindRequest(reuse_address=plan.new_reuse_address, listens="before")
    with ExitStack() as stack:
        old, new = stack.enter_context(Requester()), stack.enter_context(Requester())
        steps, port = play((old,), (old_claim,))
        if port is None or steps[-1].refused:
            return replace(plan, steps=steps)
        client = stack.enter_context(socket.socket())
        client.settimeout(DEADLINE)
        client.connect(guard.destination(Endpoint(old_claim.address, port)).sockaddr)
        server = stack.enter_context(_accept_from(old.sock, client.getsockname()))
        connection = FourTuple.of(server)
        shown = table.find(connection) is not None
        old.close()
        if plan.closes_first == "nobody":
            reset_on_close(client)  # at the end of the trial
        else:
            _close_in_order(*((server, client) if plan.closes_first == "server" else (client, server)))
            _wait_for_time_wait(connection, plan.closes_first, shown)
        rows = (table.find(connection), table.find(connection.reversed()))
        claimed = not shown and any(map(in_use, play((new,), (BindRequest(),), port)[0]))
        steps += tuple(replace(step, socket=2) for step in play((new,), (new_claim,), port)[0])
    return replace(
        plan, steps=steps, connection=connection, server_end=rows[0], client_end=rows[1], shown=shown, claimed=claimed
    )


def _accept_from(listener: socket.socket, name: tuple) -> socket.socket:
    """Accept our own client's connection, and close a stranger's. Raises: TimeoutError."""
    listener.settimeout(DEADLINE)
    while True:
        accepted, peer = listener.accept()
        if peer == name:
            accepted.settimeout(DEADLINE)
            return accepted
        accepted.close()


def _close_in_order(first: socket.socket, second: socket.socket) -> None:
    first.close()
    second.recv(1)  # b"": the first one's FIN has come
    second.close()


def _wait_for_time_wait(connection: FourTuple, closed_first: str, shown: bool) -> None:
    """Wait until the last segments are through: one end in TIME_WAIT, the other gone; at most until the deadline."""
    if not shown:
        time.sleep(BLIND_WAIT)
        return
    waits, ends = connection, connection.reversed()
    if closed_first == "client":
        waits, ends = ends, waits
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        row = table.find(waits)
        if row and row.state == "TIME_WAIT" and table.find(ends) is None:
            return
        time.sleep(0.001)
