"""Look at datagrams that wait at this process's sockets, and leave them there."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing

from sockets_lab.kernel import descriptors
from sockets_lab.model import Endpoint


def peek(address: str) -> Iterator[tuple[bytes, Endpoint]]:
    """Yield the first datagram that waits at each datagram socket of this process with that address; it stays there."""
    for entry in descriptors.table():
        if entry.type == "UDP" and entry.local and entry.local.address == address:
            with closing(socket.socket(fileno=os.dup(entry.number))) as sock:
                try:
                    data, who = sock.recvfrom(65536, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                except OSError:
                    continue
                yield data, Endpoint.of(who)
