"""Where a daemon lives: the address of a host, and how sockets are made in its network stack.

The daemon runs in the notebook, with sockets that the node handed over.
"""

import socket as sockets
from collections.abc import Callable
from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.lab import Lab, Node, NodeError, firewall
from sockets_lab.lab.capture import make_socket
from sockets_lab.lab.firewall import Ruleset
from sockets_lab.netns.cables import INTERFACE

RING = 1 << 20  # bytes: 512 packets wait until somebody looks


def _no_filter(_: Ruleset) -> Refused:
    return Refused("ENOSYS", "no packet filter of a kernel is yours to change here")


@dataclass(frozen=True)
class Place:
    """A host to live on.

    socket: makes sockets of its stack. tap: makes a socket that gets a copy of what crosses its cable, with a ring of
    RING bytes; None where nothing can be captured. filter: gives its kernel's packet filter a ruleset in the place of
    the one before, an empty one too; it returns what the kernel refused.
    """

    address: str
    socket: Callable[[int, int], sockets.socket]
    tap: Callable[[], sockets.socket] | None = None
    filter: Callable[[Ruleset], Refused | None] = _no_filter

    def bound(self, kind: int, port: int, exact: bool = False) -> sockets.socket:
        """Make a socket that never blocks, bound to this port, or where it is taken, to one that the kernel chooses.

        Args: kind: SOCK_STREAM or SOCK_DGRAM; exact: no other port will do. Raises: OSError.
        """
        sock = self.socket(sockets.AF_INET, kind)
        try:
            sock.setblocking(False)
            if kind == sockets.SOCK_STREAM:
                sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
            try:
                sock.bind((self.address, port))
            except OSError:
                if exact:
                    raise
                sock.bind((self.address, 0))
        except BaseException:
            sock.close()
            raise
        return sock


def place_of(lab: Lab, node: Node) -> Place:
    """Return the place of a node, for a daemon that runs in the notebook."""
    if not node.own_stack:
        return Place(node.address, node.socket)

    def tap() -> sockets.socket:
        return node.call(make_socket, INTERFACE, RING)

    def give_rules(ruleset: Ruleset) -> Refused | None:
        try:
            return firewall.apply(node, ruleset)
        except NodeError as gone:
            return Refused("unknown", str(gone))

    filters = firewall.decides(node) == "kernel"  # a simulated firewall would not meet those who try the door
    return Place(node.address, node.socket, tap, give_rules if filters else _no_filter)
