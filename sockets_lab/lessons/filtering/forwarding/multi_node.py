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
from sockets_lab.kernel import table
from sockets_lab.lab import Lab
from sockets_lab.lab.firewall import Service, services
from sockets_lab.lab.firewall.reaching import let_go, reach_and_keep
from sockets_lab.lessons.filtering.forwarding.forwarder import Forwarder
from sockets_lab.lessons.filtering.forwarding.pair import CONNECTING, Forwarded
from sockets_lab.model import Endpoint, SocketRow

DEADLINE = 2.0  # seconds
TICK = 0.01  # seconds

T = TypeVar("T")


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
        undo.callback(middle.run, services.stop, number)
        undo.callback(client.run, let_go)
        answer = client.run(reach_and_keep, client.address, entrance, DEADLINE)
        if isinstance(answer, Refused):
            return answer
        known = soon(lambda: middle.run(connection, number))
        onward = known.target.reversed() if known and known.target else None
        names = [name for name in (known.client, known.target) if name] if known else []
        both = tuple(row for name in names if (row := middle.call(table.find, name)))
        here = client.call(table.find, answer.four_tuple)
        there = soon(lambda: server.call(table.find, onward)) if onward else None
        return Between(entrance, program.endpoint, here, both, there, known)


def soon(look: Callable[[], T | None]) -> T | None:
    """Look until there is something, or the deadline has passed."""
    until = time.monotonic() + DEADLINE
    while (found := look()) is None and time.monotonic() < until:
        time.sleep(TICK)
    return found


def start(listen: Endpoint, target: Endpoint, source: str) -> tuple[int, Endpoint]:
    """Start a forwarder in this process. Returns: a number to stop it by, and where it listens. Raises: OSError."""
    forwarder = Forwarder(listen, target, source)
    return services.keep(forwarder), forwarder.endpoint


def connection(number: int) -> Forwarded | None:
    """Return the first connection of a forwarder of this process, once it is no longer on its way to the target."""
    return next((one for one in services.running[number].connections() if one.state != CONNECTING), None)
