"""Where a daemon lives: in the notebook, with sockets that a node hands over, of the node's network stack."""

import socket
from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.lab import Lab, Node, NodeError, firewall
from sockets_lab.lab.capture import make_socket
from sockets_lab.lab.firewall import Ruleset
from sockets_lab.netns.cables import INTERFACE

RING = 1 << 20  # bytes: 512 packets wait until somebody looks


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
