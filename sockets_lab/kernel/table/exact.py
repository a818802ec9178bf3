"""Find one TCP connection by its exact four-tuple. Read only."""

import socket
from collections.abc import Iterable

from sockets_lab.kernel.table import sock_diag
from sockets_lab.model import FourTuple, SocketRow


def find(four_tuple: FourTuple, kernel: socket.socket) -> SocketRow | None:
    """Ask the Linux kernel one question, through an open socket. Raises: OSError.

    A socket that is bound to a device does not answer to its names alone: where the question finds nothing, all rows
    with this local port are looked through.
    """
    row = sock_diag.get(four_tuple, kernel)
    found = same([row] if row else [], four_tuple)
    if found is None:
        messages = sock_diag.dump("tcp", port=four_tuple.local.port, through=kernel)
        found = same((sock_diag.row(message, "tcp", {}) for message in messages), four_tuple)
    return found


def same(rows: Iterable[SocketRow], four_tuple: FourTuple) -> SocketRow | None:
    """Return the row of this connection, with IPv4 inside IPv6 or without; the kernel may answer with a listener."""
    for row in rows:
        if row.four_tuple == four_tuple or (
            row.local.agrees_with(four_tuple.local) and row.remote.agrees_with(four_tuple.remote)
        ):
            return row
    return None
