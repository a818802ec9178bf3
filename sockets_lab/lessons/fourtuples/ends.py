"""What can be known of a connection and of one `send` along it: plain values, read from the kernel when asked."""

import socket
from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.kernel import table
from sockets_lab.model import FourTuple, SocketRow


@dataclass(frozen=True)
class ConnectionEnd:
    """One end of a connection: its name there, its descriptor (None: none yet, or closed), its row (None: gone)."""

    four_tuple: FourTuple
    descriptor: int | None
    row: SocketRow | None

    @property
    def state(self) -> str | None:
        return None if self.row is None else self.row.state

    @property
    def unread(self) -> int:
        """Count the bytes that have arrived and were not read. In CLOSE_WAIT the kernel counts the end mark as one."""
        waiting = (self.row and self.row.receive_queue) or 0
        return waiting - 1 if waiting and self.state == "CLOSE_WAIT" else waiting


@dataclass(frozen=True)
class Connection:
    """One connection to a `Listener`, by its number (1, 2, ...), seen from both ends."""

    number: int
    client: ConnectionEnd
    server: ConnectionEnd


@dataclass(frozen=True)
class Delivery:
    """What one `send` set off.

    along: the connection, as its sender names it. sender: the descriptor that sent. sent: bytes that the kernel took.
    woken: descriptors that became readable through it.
    received: what one `recv` there returned; None where no descriptor points there yet.
    """

    along: FourTuple
    sender: int
    sent: int
    woken: tuple[int, ...]
    received: bytes | Refused | None


def queued_at(name: FourTuple) -> int | None:
    """Count the bytes that lie unread at the local end of a connection."""
    row = table.find(name)
    return None if row is None else row.receive_queue


def end(name: FourTuple, sock: socket.socket | None) -> ConnectionEnd:
    return ConnectionEnd(name, None if sock is None else sock.fileno(), table.find(name))
