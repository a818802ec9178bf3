"""Ports that stay silent: a firewall's rule drops what comes for them, or a full queue takes its place."""

import select
import socket
from contextlib import ExitStack
from typing import Self

from sockets_lab.lab import Node
from sockets_lab.lab.firewall import Rule, apply, clear, decides, incoming
from sockets_lab.model import checked_port

MOST = 20  # clients until a queue must be full
SHORT = 0.15  # seconds without an answer that show it


class Silence:
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
    for _ in range(MOST):
        client = held.enter_context(node.socket())
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        if not select.select([], [client], [], SHORT)[1]:
            return
