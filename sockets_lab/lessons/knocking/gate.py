"""Where a daemon lives, and what its lock moves there: a gate before one port, open for some and shut for others.

The daemon runs in the notebook, with sockets of the node's network stack that the node hands over.
"""

import contextlib
import errno
import socket

from sockets_lab.kernel.connecting import reset_on_close
from sockets_lab.lab import Lab, Node
from sockets_lab.lessons.packets.examples import bound

MOST_INSIDE = 64  # connections at once
ROOM = 4096  # bytes


def place_of(_: Lab, node: Node) -> Node:
    """Return where a daemon is to live: its sockets are this node's."""
    return node


def waiting(node: Node, kind: int, port: int) -> socket.socket:
    """Make a socket that never blocks, bound to this port, or where it is taken, to another. Raises: OSError."""
    sock = bound(node, kind, port)
    sock.setblocking(False)
    return sock


class UserspaceGate:
    """A gate without a firewall: a program that holds the port, listens only while somebody may come in, and throws
    everybody else out.

    Shut for all, the port is closed as the kernel sees it, and refuses. Open for one, others are connected for a
    moment, because a listener cannot choose whose handshake the kernel completes; then they are thrown out unheard.
    That is what a firewall does better. Who is let in hears a greeting, and stays until they leave.
    Args: port: where it is taken, the kernel chooses another: see `port`. Raises: OSError.
    """

    about = "a gate in userspace: its program accepts, looks who it is, and throws strangers out"

    def __init__(self, node: Node, port: int = 0) -> None:
        self._node = node
        self._door = waiting(node, socket.SOCK_STREAM, port)  # bound, and not listening: nobody else gets the port
        self.port: int = self._door.getsockname()[1]
        self.admitted: set[str] = set()
        self._inside: list[socket.socket] = []
        self._listening = False

    def open_for(self, source: str) -> None:
        """Let a source through to the port. Raises: OSError, where the system refuses."""
        if not self._listening:
            self._door.listen()
            self._listening = True
        self.admitted.add(source)

    def shut(self, source: str) -> None:
        """Let a source through no more; what is open already stays. Raises: OSError."""
        self.admitted.discard(source)
        if self._listening and not self.admitted:
            self._listening = False
            self._door.close()
            self._door = waiting(self._node, socket.SOCK_STREAM, self.port)
            if self._door.getsockname()[1] != self.port:
                self._door.close()
                raise OSError(errno.EADDRINUSE, "another program has the port by now")

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """Return the sockets that wake the gate."""
        return (self._door, *self._inside) if self._listening else tuple(self._inside)

    def attend(self) -> None:
        """See to those who stand before the gate. Never waits."""
        for connection in list(self._inside):
            if _has_left(connection):
                self._inside.remove(connection)
                connection.close()
        while self._listening:
            try:
                connection, (source, _) = self._door.accept()
            except OSError:  # nobody is there, or nobody any more
                return
            self._meet(connection, source)

    def _meet(self, connection: socket.socket, source: str) -> None:
        with contextlib.ExitStack() as held:
            held.enter_context(connection)
            if source not in self.admitted or len(self._inside) >= MOST_INSIDE:
                reset_on_close(connection)
                return
            connection.setblocking(False)
            with contextlib.suppress(OSError):  # gone already
                connection.send(f"welcome, {source}\n".encode())
                self._inside.append(connection)
                held.pop_all()

    def close(self) -> None:
        for sock in (self._door, *self._inside):
            sock.close()
        self._inside.clear()
        self._listening = False


def _has_left(connection: socket.socket) -> bool:
    """Whether the other end closed, or gave up. What it says is read and thrown away."""
    try:
        return not connection.recv(ROOM)
    except BlockingIOError:
        return False
    except OSError:
        return True
