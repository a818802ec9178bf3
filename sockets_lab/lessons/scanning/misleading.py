"""What misleads a scan: ports that stay silent, and false opens.

Silent: a firewall's rule drops what comes for a port, or a full queue takes its place. False opens: a socket connects
to its own name, so that it looks as if somebody listened there.
"""

import contextlib
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from sockets_lab.errors import Refused, attempt
from sockets_lab.lab import Node
from sockets_lab.lab.firewall import Rule, apply, clear, decides, incoming
from sockets_lab.lessons.scanning.outcome import Scan
from sockets_lab.lessons.scanning.tcp import scan
from sockets_lab.model import Closing, checked_port
from sockets_lab.netns.settings import are_read_only

MOST_CLIENTS = 20  # until a queue must be full
SHORT = 0.15  # seconds without an answer that show it
HOME = "127.0.0.1"
SETTING = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST, LAST = 40000, 40007  # so few ports that a scan's own socket must soon have the one that it asks for
MOST_SCANS = 40


class Silence(Closing):
    """TCP ports of a node from which no answer comes, until `close`, the end of `with`, or the end of the lab.

    A rule of the node's own packet filter does it, in the place of the rules that the node has. Where there is no such
    filter, a listener whose queue of connections is full: to whoever asks, its kernel does not answer either.
    how: the rules, or a sentence about the listeners. Raises: BadInput; OSError, where a listener's port is taken.
    """

    def __init__(self, node: Node, *ports: int) -> None:
        self.node, self._held = node, ExitStack()
        rules = [Rule("drop", "tcp", port=checked_port(port)) for port in ports]
        if decides(node) == "kernel" and not apply(node, incoming(*rules)):
            self.how = "\n".join(map(str, rules))
            self._held.callback(self._clear)
            return
        self.how = "Listeners whose queues are full take the place of a rule that drops: they give no answer either."
        with ExitStack() as held:
            for port in ports:
                _full(node, port, held)
            self._held = held.pop_all()

    def close(self) -> None:
        self._held.close()

    def _clear(self) -> None:
        if not self.node.closed:
            clear(self.node)


def _full(node: Node, port: int, held: ExitStack) -> None:
    """Listen at a port and fill the queue, from the node itself. Raises: OSError."""
    listener = held.enter_context(node.socket())
    if hasattr(socket, "SO_REUSEPORT"):  # else the option would let others take a live port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((node.address, port))
    listener.listen(0)
    for _ in range(MOST_CLIENTS):
        client = held.enter_context(node.socket())
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        if not select.select([], [client], [], SHORT)[1]:
            return


def meet_itself(node: Node) -> Scan | Refused:
    """Let a node scan itself while its kernel has only eight ports to give, until a socket of the scan meets itself.

    Returns: the scan in which it happened, or the latest; Refused, where the range cannot be changed. Nodes on loopback
    share the machine's range, which is not to be changed, and some containers let nobody change a setting: then the
    scan has the range that is there.
    """
    found: Scan | Refused = attempt(node.run, partial(_meet, node.address))
    return found


def _meet(address: str) -> Scan | Refused:
    """Scan until it happens, in the node."""
    alone = not address.startswith("127.") and not are_read_only()
    with narrowed() if alone else contextlib.nullcontext():
        for _ in range(MOST_SCANS):
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
