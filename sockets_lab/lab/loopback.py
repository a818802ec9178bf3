"""The lab for a machine that refuses network stacks of one's own: nodes on loopback addresses, in one common stack.

Each node has a process of its own and, where the system has more than one loopback address, an address of its own.
Not there: the lesson's own addresses, tables and cables of their own, capture, ports below 1024.
"""

import errno
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.kernel.machine import home_address
from sockets_lab.lab.capture import OCTETS, Capture
from sockets_lab.lab.launching import LabUnavailable, end, line, start
from sockets_lab.lab.node import Node
from sockets_lab.model import TRANSPORTS, SocketRow

LEASE = 65535  # a port that no lesson uses: where there are no abstract names, who holds it has leased the address
CHOICES = range(128, 254)  # for the second number of 127.x.y.z; learners' own addresses have 64 to 127 there
NO_CABLE = Refused("ENOSYS", "nodes on loopback have no cable that could be cut or slowed")


class LoopbackNode(Node):
    """A node without a stack of its own."""

    own_stack = False

    def socket(self, family: int = socket.AF_INET, type: int = socket.SOCK_STREAM, proto: int = 0) -> socket.socket:
        """Make a socket; where all share one stack, it may as well be made here. Bind it to this node's address."""
        made = socket.socket(family, type, proto)
        self._given.add(made)
        return made

    def table(self, protocols: Iterable[str] = TRANSPORTS, owners: bool = False) -> list[SocketRow]:
        """Read the rows of the machine's table whose local address is this node's; the lease's is none of them."""
        rows = table.snapshot(protocols, owners=owners)
        return [row for row in rows if row.local.address == self.address and row.local.port != LEASE]

    def capture(self, octets: int = OCTETS) -> Capture:
        raise LabUnavailable("capture", "ENOSYS", "nodes on loopback have no interface of their own to listen on")

    def _at_this_end(self, function: Callable[..., None], *arguments: Any) -> Refused | None:
        return NO_CABLE


def build(plan: list[dict[str, Any]], held: ExitStack) -> tuple[Node, ...]:
    """Lease an address and start a process for each node of a plan."""
    placed = [one | {"address": lease(held)} for one in plan]
    known = [{"name": one["name"], "address": one["address"]} for one in placed]
    lab = {"kind": "loopback", "path": sys.path, "nodes": known}
    nodes = []
    for place, one in enumerate(placed):
        with ExitStack() as far_ends:
            work, service = line(held, far_ends), line(held, far_ends)
            node = LoopbackNode(place, one["name"], one["address"], work[0], service[0], lambda *_: NO_CABLE)
            node.process = _start(lab, place, (work[1], service[1]), held)
        held.callback(node.close)
        nodes.append(node)
    return tuple(nodes)


def lease(held: ExitStack) -> str:
    """Find a loopback address that no other lab has, and keep it until `held` ends.

    The lease is a socket that never listens: however its process ends, the address is free again.
    Returns: 127.x.y.z; 127.0.0.1 where there is no other.
    """
    tail = home_address().split(".", 2)[2]
    # Where an earlier lab's connections are in TIME_WAIT, the lesson's ports are taken for a minute: those come last.
    waiting = {row.local.address for row in table.snapshot(("tcp",), states=("TIME_WAIT",))}
    for choice in sorted(CHOICES, key=lambda choice: f"127.{choice}.{tail}" in waiting):
        address = f"127.{choice}.{tail}"
        leased = attempt(_leased, address)
        if not isinstance(leased, Refused):
            held.callback(leased.close)
            return address
    return "127.0.0.1"


def _leased(address: str) -> socket.socket:
    """Return the socket that keeps an address from other labs. Raises: OSError, where it is kept, or there is none.

    Its name is an abstract one, or a program that has the lease's port at 0.0.0.0 would have all addresses.
    Source: unix(7), "Abstract sockets": Linux only.
    """
    with socket.socket() as there:
        there.bind((address, 0))
    with ExitStack() as unless:
        try:
            sock = unless.enter_context(socket.socket(socket.AF_UNIX))
            sock.bind(f"\0sockets_lab/{address}")
        except (AttributeError, OSError) as error:
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                raise
            sock = unless.enter_context(socket.socket())
            sock.bind((address, LEASE))
        unless.pop_all()
    return sock


def differs(nodes: tuple[Node, ...], missing: LabUnavailable) -> str:
    """Say what is different here and why, in one or two sentences."""
    places = " and ".join(f"{node.name} is {node.address}" for node in nodes)
    return (
        f"This machine refuses network stacks of one's own ({missing.step}: {missing.name}, {missing.because}). "
        f"So the nodes share its one stack here: {places}; they have one socket table, no cable, and no capture."
    )


def _start(lab: dict[str, Any], place: int, sockets: tuple[int, int], held: ExitStack) -> int:
    """Start a node's process, and hand its ends of the lines over. Returns: its process id."""
    windows = hasattr(socket.socket, "share")  # there a socket is handed over as bytes, to a process that runs already
    process = start("worker", place, [] if windows else list(sockets), subprocess.PIPE)
    held.callback(end, process)
    handed = [_shared(number, process.pid) for number in sockets] if windows else list(sockets)
    assert process.stdin is not None
    with process.stdin as told:
        told.write(json.dumps(lab | {"sockets": handed}).encode())
    return process.pid


def _shared(descriptor: int, process: int) -> str:
    """Pack a socket for another process. Windows only."""
    with socket.socket(fileno=descriptor) as sock:
        packed: bytes = sock.share(process)  # type: ignore[attr-defined]
        sock.detach()
        return packed.hex()
