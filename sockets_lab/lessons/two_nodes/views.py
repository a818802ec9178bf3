"""What each node of a lab holds: the numbers of its process, and the rows of its kernel's socket table."""

from collections.abc import Mapping
from dataclasses import dataclass

from sockets_lab.kernel.descriptors import Entry
from sockets_lab.lab import Lab, Node
from sockets_lab.lessons.two_nodes import ends
from sockets_lab.model import SocketRow


@dataclass(frozen=True)
class Host:
    """One node from outside.

    entries: the internet sockets in its process's descriptor table; rows: its socket table; cable: what was done to its
    cable ("cut", "slow", "lossy"), "" for a whole one.
    """

    name: str
    address: str
    entries: tuple[Entry, ...] = ()
    rows: tuple[SocketRow, ...] = ()
    cable: str = ""

    def number_of(self, row: SocketRow) -> tuple[int, ...]:
        """Return the descriptors of this node's process that stand for a row's socket, the lowest first."""
        return tuple(entry.number for entry in self.entries if _same(entry, row))

    def row_at(self, number: int) -> SocketRow | None:
        """Return the row of the socket behind a descriptor of this node's process."""
        found = (row for entry in self.entries if entry.number == number for row in self.rows if _same(entry, row))
        return next(found, None)


@dataclass(frozen=True)
class View:
    """All nodes of a lab at one moment. kind: "namespaces" (stacks of their own, a switch) or "loopback"."""

    kind: str
    hosts: tuple[Host, ...]

    def __getitem__(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)


def look(node: Node) -> Host:
    """Read one node's two tables, also while its process runs a cell."""
    # The rows come last: a socket that the process opens in between is then at most one row too many.
    return _host(node, node.call(ends.sockets), node.table())


def hosts(lab: Lab, cables: Mapping[str, str] | None = None) -> View:
    """Read the tables of all nodes. Args: cables: node's name -> what was done to its cable.

    Nodes with stacks of their own read both themselves, all at the same time.
    """
    if lab.kind == "loopback":
        return View(lab.kind, tuple(look(node) for node in lab.nodes))
    done = cables or {}
    found = zip(lab.nodes, lab.call(ends.holdings), strict=True)
    hosts = (_host(node, entries, rows, done.get(node.name, "")) for node, (entries, rows) in found)
    return View(lab.kind, tuple(hosts))


def _host(node: Node, entries: tuple[Entry, ...], rows: list[SocketRow], cable: str = "") -> Host:
    """Put the listeners first, then the rows by their names."""
    rows = sorted(rows, key=lambda row: (row.state != "LISTEN", row.protocol, row.local.port, row.remote))
    return Host(node.name, node.address, entries, tuple(rows), cable)


def _same(entry: Entry, row: SocketRow) -> bool:
    if row.inode is not None:
        return entry.inode == row.inode
    remote = row.remote if row.remote.port else None
    return (entry.type.lower(), entry.local, entry.remote) == (row.protocol, row.local, remote)
