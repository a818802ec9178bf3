"""False opens: a socket that connects to its own name, so that it looks as if somebody listened there."""

import contextlib
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sockets_lab.errors import Refused, attempt, describe
from sockets_lab.lab import Node
from sockets_lab.lessons.scanning.outcome import Scan
from sockets_lab.lessons.scanning.tcp import scan

HOME = "127.0.0.1"
SETTING = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST, LAST = 40000, 40007  # so few ports that a scan's own socket must soon have the one that it asks for
MOST = 40  # scans


def connect_to_itself() -> str:
    """Connect a TCP socket to the very address and port to which it is bound; nobody listens there.

    Returns: "itself" for a connection whose two ends are this one socket, "other" for another connection, or the errno
    name. Source: RFC 9293 section 3.5 (simultaneous open).
    """

    def connect() -> str:
        with socket.socket() as sock:
            sock.settimeout(1)
            sock.bind((HOME, 0))
            sock.connect(sock.getsockname())
            return "itself" if sock.getsockname() == sock.getpeername() else "other"

    found = attempt(connect)
    return describe(found)


def meet_itself(node: Node) -> Scan | Refused:
    """Let a node scan itself while its kernel has only eight ports to give, until a socket of the scan meets itself.

    Returns: the scan in which it happened, or the latest; Refused, where the range cannot be changed. Nodes on loopback
    share the machine's range, which is not to be changed: they scan with the range that is there.
    """
    found: Scan | Refused = attempt(node.run, partial(_meet, node.address))
    return found


def _meet(address: str) -> Scan | Refused:
    """Scan until it happens, in the node."""
    alone = not address.startswith("127.")
    with narrowed() if alone else contextlib.nullcontext():
        for _ in range(MOST):
            found = scan(HOME, (range(FIRST - 10, LAST + 11)), deadline=0.2)
            if not alone or isinstance(found, Refused) or found.met_itself:
                break
    return found


@contextlib.contextmanager
def narrowed() -> Iterator[None]:
    """Leave this network's kernel a few ports to give. Raises: OSError."""
    before = SETTING.read_text()
    SETTING.write_text(f"{FIRST} {LAST}")
    try:
        yield
    finally:
        SETTING.write_text(before)
