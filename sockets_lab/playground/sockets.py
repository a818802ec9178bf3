"""The sockets of a playground: who they are, and where the kernel has them in its table."""

import socket
from collections.abc import Callable
from dataclasses import dataclass

from sockets_lab.model import Endpoint, FourTuple, SocketRow
from sockets_lab.playground.places import Place

Key = tuple[str, int, str, int]  # a connection's name in plain parts, quick to compare: local, then remote

WAITING = ("LISTEN", "CLOSE", "SYN_SENT")  # of a TCP socket that does not know its other end


@dataclass
class Seat:
    """One socket under the name that its variable has in the log; also when its descriptor is closed.

    protocol: "TCP" or "UDP"; serves: it listens, or `accept` made it. local, remote: its names at the last `look`.
    """

    name: str
    place: Place
    sock: socket.socket
    protocol: str
    inode: int
    serves: bool = False
    listens: bool = False
    local: Endpoint | None = None
    remote: Endpoint | None = None
    key: Key | None = None  # the name of its connection; None where it has none, or does not know it yet

    @property
    def closed(self) -> bool:
        return self.sock.fileno() == -1

    def look(self) -> bool:
        """Ask the kernel for the socket's names again, and tell whether they are others than before."""
        if self.closed:
            return False
        before = self.key
        self.local = _renewed(self.local, self.sock.getsockname)
        # A connection that has ended keeps its name here: in TIME_WAIT the table still shows it under that name.
        self.remote = _renewed(self.remote, self.sock.getpeername) or self.remote
        if self.protocol == "TCP" and self.local and self.remote:
            self.key = (self.local.address, self.local.port, self.remote.address, self.remote.port)
        return self.key != before

    def row(self) -> SocketRow | None:
        """Find its row in the table of its place; None where there is none."""
        if self.local is None:
            return None
        if self.remote is not None and self.protocol == "TCP":
            row = self.place.find(FourTuple(self.local, self.remote))
            ours = row and (self.closed or row.inode in (None, self.inode) or row.state == "TIME_WAIT")
            return row if ours else None
        states = None if self.protocol == "UDP" else ("LISTEN",) if self.listens else WAITING
        rows = self.place.at_port(self.protocol.lower(), self.local.port, states)
        return next((row for row in rows if row.inode == self.inode or self._fits(row)), None)

    def _fits(self, row: SocketRow) -> bool:
        """Compare names, where the table tells no inode."""
        return row.inode is None and row.local == self.local and (row.remote == self.remote or not row.remote.port)


def mirrored(key: Key) -> Key:
    """Return the same connection's name as the other end has it."""
    return (*key[2:], *key[:2])


def _renewed(known: Endpoint | None, ask: Callable[[], tuple]) -> Endpoint | None:
    """Return what the kernel says now, the same object where nothing changed. Port 0 stands for no name at all."""
    try:
        address, port = ask()[:2]
    except OSError:
        return None
    if known is not None and known.port == port and known.address == address:
        return known
    return Endpoint.trusted(address, port) if port else None
