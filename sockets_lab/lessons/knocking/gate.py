"""Where a daemon lives, and what its lock moves there: a gate before one port, open for some and shut for others.

The daemon runs in the notebook, with sockets of the node's network stack that the node hands over.
"""

import contextlib
import socket
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel.connecting import reset_on_close
from sockets_lab.lab import Lab, Node, NodeError, firewall
from sockets_lab.lab.capture import make_socket
from sockets_lab.lab.firewall import Ruleset
from sockets_lab.netns.cables import INTERFACE

RING = 1 << 20  # bytes: 512 packets wait until somebody looks
MOST_INSIDE = 64  # connections at once
ROOM = 4096  # bytes


@dataclass(frozen=True)
class Place:
    """A node to live on."""

    node: Node

    def tap(self) -> socket.socket:
        """Make a socket that gets a copy of what crosses the cable, with a ring of RING bytes. Raises: OSError."""
        return self.node.call(make_socket, INTERFACE, RING)

    def filter(self, ruleset: Ruleset) -> Refused | None:
        """Give the kernel's filter a ruleset in the place of the one before. Returns: what the kernel refused."""
        try:
            if firewall.decides(self.node) == "kernel":  # a simulated one would not meet those who try the door
                return firewall.apply(self.node, ruleset)
        except NodeError as gone:
            return Refused("unknown", str(gone))
        return Refused("ENOSYS", "no packet filter of a kernel is yours to change here")

    def bound(self, kind: int, port: int, exact: bool = False) -> socket.socket:
        """Make a socket that never blocks, bound to this port, or where it is taken, to one that the kernel chooses.

        Args: kind: SOCK_STREAM or SOCK_DGRAM; exact: no other port will do. Raises: OSError.
        """
        sock = self.node.socket(socket.AF_INET, kind)
        try:
            sock.setblocking(False)
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((self.node.address, port))
            except OSError:
                if exact:
                    raise
                sock.bind((self.node.address, 0))
        except BaseException:
            sock.close()
            raise
        return sock


def place_of(_: Lab, node: Node) -> Place:
    """Return the place of a node of a lab."""
    return Place(node)


class UserspaceGate:
    """A gate without a firewall: a program that holds the port, listens only while somebody may come in, and throws
    everybody else out.

    Shut for all, the port is closed as the kernel sees it, and refuses. Open for one, others are connected for a
    moment, because a listener cannot choose whose handshake the kernel completes; then they are thrown out unheard.
    That is what a firewall does better. Who is let in hears a greeting, and stays until they leave.
    Args: port: where it is taken, the kernel chooses another: see `port`. Raises: OSError.
    """

    about = "a gate in userspace: its program accepts, looks who it is, and throws strangers out"

    def __init__(self, place: Place, port: int = 0) -> None:
        self._place = place
        self._door = place.bound(socket.SOCK_STREAM, port)  # bound, and not listening: nobody else gets the port
        self.port: int = self._door.getsockname()[1]
        self.admitted: set[str] = set()
        self._inside: list[socket.socket] = []
        self._listening = False

    def open_for(self, source: str, port: int) -> None:
        """Let a source through to the port. Raises: OSError, where the system refuses."""
        if port != self.port:
            raise BadInput(f"this gate stands before port {self.port}, not {port}: pass {self.port}.")
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
            self._door = self._place.bound(socket.SOCK_STREAM, self.port, exact=True)

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
