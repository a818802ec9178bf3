"""Find one TCP connection by its exact four-tuple. Read only."""

import socket
from collections.abc import Iterable

from sockets_lab.kernel.table import sock_diag
from sockets_lab.model import Endpoint, FourTuple, SocketRow

MAPPED = "::ffff:"  # an IPv4 address inside an IPv6 socket. Source: RFC 4291 section 2.5.5.2


def find(four_tuple: FourTuple, kernel: socket.socket) -> SocketRow | None:
    """Ask the Linux kernel one question, through an open socket. Raises: OSError."""
    row = sock_diag.get(four_tuple, kernel)
    if row is None or (row.local, row.remote) == (four_tuple.local, four_tuple.remote):
        return row
    return same([row], four_tuple)


def same(rows: Iterable[SocketRow], four_tuple: FourTuple) -> SocketRow | None:
    """Return the row of this connection, with IPv4 inside IPv6 or without; the kernel may answer with a listener."""
    wanted = [unmapped(four_tuple.local), unmapped(four_tuple.remote)]
    for row in rows:
        if [unmapped(row.local), unmapped(row.remote)] == wanted:
            return row
    return None


def unmapped(endpoint: Endpoint) -> Endpoint:
    """Return the IPv4 endpoint that stands inside an IPv6 one; any other as it is."""
    if endpoint.address.startswith(MAPPED):
        return Endpoint(endpoint.address.removeprefix(MAPPED), endpoint.port)
    return endpoint
