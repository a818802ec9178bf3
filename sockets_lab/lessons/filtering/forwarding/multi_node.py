"""A forwarder between two nodes: the client in A, the forwarder in B, the program behind it in C.

Three socket tables hold four rows then, and no row tells of all three nodes. Only the forwarder knows what belongs
together.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.lab import Lab, Node
from sockets_lab.lab.firewall.reaching import let_go, reach_and_keep
from sockets_lab.lab.firewall.services import Service
from sockets_lab.lessons.filtering.forwarding.forwarder import Forwarder
from sockets_lab.lessons.filtering.forwarding.values import CONNECTING, Forwarded
from sockets_lab.model import Endpoint, FourTuple, SocketRow

DEADLINE = 2.0  # seconds
TICK = 0.01  # seconds

T = TypeVar("T")
_running: dict[int, Forwarder] = {}  # in the node's process


@dataclass(frozen=True)
class Between:
    """A forwarded connection, as the tables of all three nodes know it while it is open.

    entrance: where the forwarder listens; target: where it takes connections on to. client, server: the rows of the
    client's and of the program's end, or None; forwarder: the rows of the forwarder's own two sockets.
    known: what the forwarder tells of it, or None.
    """

    entrance: Endpoint
    target: Endpoint
    client: SocketRow | None
    forwarder: tuple[SocketRow, ...]
    server: SocketRow | None
    known: Forwarded | None

    @property
    def seen_by_server(self) -> str:
        """The address that the server takes for its client's; "" where it has no client."""
        return self.server.remote.address if self.server else ""


def between(lab: Lab, port: int = 0) -> Between | Refused:
    """Forward a port of a lab's second node to a program in the third, and let the first connect to it.

    Args: port: where the forwarder listens; 0 = the kernel chooses. All of it is closed again afterwards.
    Returns: Refused, where a port cannot be had. Raises: BadInput.
    """
    if len(lab.nodes) < 3:
        raise BadInput(f"{len(lab.nodes)} nodes are too few: pass a lab of three, a client, a forwarder and a server.")
    client, middle, server = lab.nodes[:3]
    with Service(server) as program, ExitStack() as undo:
        if isinstance(program.endpoint, Refused):
            return program.endpoint
        started = attempt(middle.run, start, Endpoint(middle.address, port), program.endpoint, middle.address)
        if isinstance(started, Refused):
            return started
        number, entrance = started
        undo.callback(middle.run, stop, number)
        undo.callback(client.run, let_go)
        answer = client.run(reach_and_keep, client.address, entrance, DEADLINE)
        if isinstance(answer, Refused):
            return answer
        known = soon(lambda: middle.run(connection, number))
        onward = known.as_target_sees_it if known else None
        both = tuple(row for name in (known.client, known.target) if (row := row_of(middle, name))) if known else ()
        here, there = row_of(client, answer.four_tuple), soon(lambda: row_of(server, onward))
        return Between(entrance, program.endpoint, here, both, there, known)


def row_of(node: Node, name: FourTuple | None) -> SocketRow | None:
    """Find a TCP connection in a node's table by its name there."""
    return next((row for row in node.table(("tcp",)) if row.four_tuple == name), None) if name else None


def soon(look: Callable[[], T | None]) -> T | None:
    """Look until there is something, or the deadline has passed."""
    until = time.monotonic() + DEADLINE
    while (found := look()) is None and time.monotonic() < until:
        time.sleep(TICK)
    return found


def start(listen: Endpoint, target: Endpoint, source: str) -> tuple[int, Endpoint]:
    """Start a forwarder in this process. Returns: a number to stop it by, and where it listens. Raises: OSError."""
    forwarder = Forwarder(listen, target, source)
    number = max(_running, default=0) + 1
    _running[number] = forwarder
    return number, forwarder.endpoint


def connection(number: int) -> Forwarded | None:
    """Return the first connection of a forwarder of this process, once it is no longer on its way to the target."""
    return next((one for one in _running[number].connections() if one.state != CONNECTING), None)


def stop(number: int) -> None:
    """Stop a forwarder."""
    _running.pop(number).close()
