"""A playground's sockets, and where they live: in this machine's network stack, or in that of a node of a lab."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import BadInput
from sockets_lab.kernel import table
from sockets_lab.lab import Lab, Node
from sockets_lab.model import Endpoint, FourTuple, SocketRow

HERE = "this machine"
NODES = {"A": "10.20.30.40", "B": "50.60.70.80"}
LAB_CODE = "Lab({}, fallback=True)".format(", ".join(f'{name}="{one}"' for name, one in NODES.items()))

Key = tuple[str, int, str, int]  # a connection's name in plain parts, quick to compare: local, then remote

WAITING = ("LISTEN", "CLOSE", "SYN_SENT")  # of a TCP socket that does not know its other end


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


@dataclass
class Seat:
    """One socket under the name that its variable has in the log; also when its descriptor is closed.

    protocol: "TCP" or "UDP"; serves: it listens, or `accept` made it. local, remote: its names at the last `look`.
    """

    name: str
    place: Place
    sock: socket.socket
    protocol: str
    inode: int
    serves: bool = False
    listens: bool = False
    local: Endpoint | None = None
    remote: Endpoint | None = None
    key: Key | None = None  # the name of its connection; None where it has none, or does not know it yet

    @property
    def closed(self) -> bool:
        return self.sock.fileno() == -1

    def look(self) -> bool:
        """Ask the kernel for the socket's names again, and tell whether they are others than before."""
        if self.closed:
            return False
        before = self.key
        self.local = _renewed(self.local, self.sock.getsockname)
        # A connection that has ended keeps its name here: in TIME_WAIT the table still shows it under that name.
        self.remote = _renewed(self.remote, self.sock.getpeername) or self.remote
        if self.protocol == "TCP" and self.local and self.remote:
            self.key = (self.local.address, self.local.port, self.remote.address, self.remote.port)
        return self.key != before

    def row(self) -> SocketRow | None:
        """Find its row in the table of its place; None where there is none."""
        if self.local is None:
            return None
        if self.remote is not None and self.protocol == "TCP":
            row = self.place.find(FourTuple(self.local, self.remote))
            ours = row and (self.closed or row.inode in (None, self.inode) or row.state == "TIME_WAIT")
            return row if ours else None
        states = None if self.protocol == "UDP" else ("LISTEN",) if self.listens else WAITING
        rows = self.place.at_port(self.protocol.lower(), self.local.port, states)
        return next((row for row in rows if row.inode == self.inode or self._fits(row)), None)

    def _fits(self, row: SocketRow) -> bool:
        """Compare names, where the table tells no inode."""
        return row.inode is None and row.local == self.local and (row.remote == self.remote or not row.remote.port)


def mirrored(key: Key) -> Key:
    """Return the same connection's name as the other end has it."""
    return (*key[2:], *key[:2])


def _renewed(known: Endpoint | None, ask: Callable[[], tuple]) -> Endpoint | None:
    """Return what the kernel says now, the same object where nothing changed. Port 0 stands for no name at all."""
    try:
        address, port = ask()[:2]
    except OSError:
        return None
    if known is not None and known.port == port and known.address == address:
        return known
    return Endpoint.trusted(address, port) if port else None
