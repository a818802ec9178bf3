"""The sockets of a bench: who they are, and where the kernel has them in its table."""

import socket
from collections.abc import Callable
from dataclasses import dataclass

from sockets_lab.bench.places import Place
from sockets_lab.model import Endpoint, FourTuple, SocketRow

Key = tuple[str, int, str, int]  # a connection's name in plain parts, quick to compare: local, then foreign

WAITING = ("LISTEN", "CLOSE", "SYN_SENT")  # of a TCP socket that does not know its other end


@dataclass
class Seat:
    """One socket under the name that its variable has in the log.

    protocol: "TCP" or "UDP"; serves: it listens, or `accept` made it. local, foreign: its names at the last `look`.
    """

    name: str
    place: Place
    sock: socket.socket
    protocol: str
    inode: int
    serves: bool = False
    listens: bool = False
    local: Endpoint | None = None
    foreign: Endpoint | None = None
    key: Key | None = None  # the name of its connection; None where it has none, or does not know it yet

    def look(self) -> bool:
        """Ask the kernel for the socket's names again, and tell whether they are others than before."""
        before = self.key
        self.local = _renewed(self.local, self.sock.getsockname)
        # A connection that has ended keeps its name here: in TIME_WAIT the table still shows it under that name.
        self.foreign = _renewed(self.foreign, self.sock.getpeername) or self.foreign
        if self.protocol == "TCP" and self.local and self.foreign:
            self.key = (self.local.address, self.local.port, self.foreign.address, self.foreign.port)
        return self.key != before

    def row(self) -> SocketRow | None:
        """Find its row in the table of its place; None where there is none."""
        if self.local is None:
            return None
        if self.foreign is not None and self.protocol == "TCP":
            row = self.place.find(FourTuple(self.local, self.foreign))
            ours = row is not None and (row.inode in (None, self.inode) or row.state == "TIME_WAIT")
            return row if ours else None
        states = None if self.protocol == "UDP" else ("LISTEN",) if self.listens else WAITING
        rows = self.place.at_port(self.protocol.lower(), self.local.port, states)
        return next((row for row in rows if row.inode == self.inode or self._fits(row)), None)

    def _fits(self, row: SocketRow) -> bool:
        """Compare names, where the table tells no inode."""
        return row.inode is None and row.local == self.local and (row.foreign == self.foreign or not row.foreign.port)


@dataclass(frozen=True)
class Left:
    """What the kernel may still keep of a connection whose descriptor is closed."""

    name: str
    place: Place
    local: Endpoint
    foreign: Endpoint
    serves: bool

    @property
    def key(self) -> Key:
        return (self.local.address, self.local.port, self.foreign.address, self.foreign.port)

    def row(self) -> SocketRow | None:
        """Find what is left in the table of its place."""
        return self.place.find(FourTuple(self.local, self.foreign))


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
