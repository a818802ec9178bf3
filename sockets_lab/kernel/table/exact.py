"""Find one TCP connection by its exact four-tuple. Read only."""

import socket
from collections.abc import Iterable

from sockets_lab.kernel.table import sock_diag
from sockets_lab.model import FourTuple, SocketRow


def find(four_tuple: FourTuple, kernel: socket.socket) -> SocketRow | None:
    """Ask the Linux kernel one question, through an open socket. Raises: OSError.

    A socket that is bound to a device does not answer to its names alone: where the question finds nothing, all rows
    with these ports are looked through.
    """
    row = sock_diag.get(four_tuple, kernel)
    if row is not None and _is(row, four_tuple):
        return row
    messages = sock_diag.dump("tcp", None, None, four_tuple.local.port, four_tuple.remote.port, kernel)
    return same((sock_diag.row(message, "tcp", {}) for message in messages), four_tuple)


def same(rows: Iterable[SocketRow], four_tuple: FourTuple) -> SocketRow | None:
    """Return the row of this connection, with IPv4 inside IPv6 or without; the kernel may answer with a listener."""
    return next((row for row in rows if _is(row, four_tuple)), None)


def _is(row: SocketRow, asked: FourTuple) -> bool:
    if row.local is asked.local and row.remote is asked.remote:
        return True
    return row.local.agrees_with(asked.local) and row.remote.agrees_with(asked.remote)
