"""Look at this process's datagram sockets, and leave what waits there where it is."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing

from sockets_lab.kernel import descriptors
from sockets_lab.model import Endpoint


def datagram_sockets() -> Iterator[socket.socket]:
    """Yield each bound IPv4 datagram socket of this process once, under a descriptor that is closed after its use."""
    seen = set()
    for entry in descriptors.table():
        if entry.type == "UDP" and entry.inode not in seen and entry.local and ":" not in entry.local.address:
            seen.add(entry.inode)
            with closing(socket.socket(fileno=os.dup(entry.number))) as sock:
                yield sock


def peek(address: str) -> Iterator[tuple[bytes, Endpoint]]:
    """Yield the first datagram that waits at each datagram socket of this process with that address; it stays there."""
    for sock in datagram_sockets():
        if sock.getsockname()[0] == address:
            try:
                data, who = sock.recvfrom(65536, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except OSError:
                continue
            yield data, Endpoint.of(who)
