"""Where a socket of a playground lives: in this machine's network stack, or in that of a node of a lab."""

import socket
from collections.abc import Sequence

from sockets_lab import guard
from sockets_lab.errors import BadInput
from sockets_lab.kernel import table
from sockets_lab.lab import Lab, Node
from sockets_lab.model import Endpoint, FourTuple, SocketRow

HERE = "this machine"
NODES = {"A": "10.20.30.40", "B": "50.60.70.80"}
LAB_CODE = "Lab({}, fallback=True)".format(", ".join(f'{name}="{one}"' for name, one in NODES.items()))


class Here:
    """This machine's own network stack. Where its table cannot be asked for single rows, it is read once a look.

    name: as one chooses it; address: where its sockets are bound if nobody says otherwise; code: who makes them.
    """

    name, address, code = HERE, "127.0.0.1", "socket"

    def __init__(self) -> None:
        self._rows: list[SocketRow] | None = None

    def socket(self, family: int, type: int) -> socket.socket:
        return socket.socket(family, type)

    def destination(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint if it may be sent to. Raises: BadInput."""
        return guard.destination(endpoint)

    def find(self, name: FourTuple) -> SocketRow | None:
        """Find one TCP connection by its exact name."""
        if table.source() == "netlink":
            return table.find(name)
        return next((row for row in self._all() if row.protocol == "tcp" and row.four_tuple == name), None)

    def at_port(self, protocol: str, port: int, states: Sequence[str] | None = None) -> list[SocketRow]:
        """List the rows with this local port, in these states."""
        if table.source() == "netlink":
            return table.at_port(port, protocol, states)
        rows = (row for row in self._all() if row.protocol == protocol and row.local.port == port)
        return [row for row in rows if states is None or row.state in states]

    def look_anew(self) -> None:
        """Forget what was read for the last look."""
        self._rows = None

    def _all(self) -> list[SocketRow]:
        if self._rows is None:
            self._rows = table.snapshot()
        return self._rows


class OnNode:
    """A node's network stack. The node itself is asked: what it may send to, and what its table says."""

    def __init__(self, node: Node) -> None:
        self.node, self.name, self.address, self.code = node, node.name, node.address, f"lab.{node.name}"

    def socket(self, family: int, type: int) -> socket.socket:
        return self.node.socket(family, type)

    def destination(self, endpoint: Endpoint) -> Endpoint:
        return self.node.run(guard.destination, endpoint)

    def find(self, name: FourTuple) -> SocketRow | None:
        return self.node.call(table.find, name)

    def at_port(self, protocol: str, port: int, states: Sequence[str] | None = None) -> list[SocketRow]:
        return self.node.call(table.at_port, port, protocol, states)


Place = Here | OnNode


class Places:
    """All places of a playground. The lab is made when the first socket is put there."""

    def __init__(self) -> None:
        self.lab: Lab | None = None
        self._here = Here()
        self._nodes: dict[str, OnNode] = {}

    def __getitem__(self, name: str) -> Place:
        """Return a place by its name. Raises: BadInput."""
        if name == HERE:
            return self._here
        if name not in NODES:
            raise BadInput(f"{name!r} is no place of this playground: pass {', '.join(map(repr, (HERE, *NODES)))}.")
        if self.lab is None:
            self.lab = Lab(fallback=True, aside=True, **NODES)
            self._nodes = {node.name: OnNode(node) for node in self.lab.nodes}
            for node in self._nodes.values():  # the first thing that a node does takes a moment: now, not in mid-play
                node.destination(Endpoint(node.address, 0))
        return self._nodes[name]

    def look_anew(self) -> None:
        """Let the next question be answered by the table as it is then."""
        self._here.look_anew()

    def at(self, address: str, beside: Place) -> Place:
        """Return the place with this address: a node, else the place from which one looks."""
        return next((node for node in self._nodes.values() if node.address == address), beside)

    def code(self, address: str) -> str:
        """Write an address in Python: a node is asked for its own, which is another one without namespaces."""
        named = [node for node in self._nodes.values() if node.address == address]
        return f"{named[0].code}.address" if named else f'"{address}"'

    def close(self) -> None:
        """End the lab, if there is one."""
        if self.lab is not None:
            self.lab.close()
        self.lab, self._nodes = None, {}
