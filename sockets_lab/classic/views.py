"""What each node of a lab holds: the numbers of its process, and the rows of its kernel's socket table."""

from collections.abc import Mapping
from dataclasses import dataclass

from sockets_lab.descriptors import Entry
from sockets_lab.model import SocketRow
from sockets_lab.nodes import Lab, Node


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


def look(node: Node, cable: str = "") -> Host:
    """Read one node's two tables, also while its process runs a cell."""
    # The rows come last: a socket that the process opens in between is then at most one row too many.
    return Host(node.name, node.address, node.call("sockets_lab.classic.ends", "sockets"), rows_at(node), cable)


def rows_at(node: Node) -> tuple[SocketRow, ...]:
    """Return the rows of a node's socket table, the listeners first, then by their names."""
    rows = node.table()
    return tuple(sorted(rows, key=lambda row: (row.state != "LISTEN", row.protocol, row.local.port, row.foreign)))


def hosts(lab: Lab, cables: Mapping[str, str] | None = None) -> View:
    """Read the tables of all nodes, one after the other. Args: cables: node's name -> what was done to its cable."""
    return View(lab.kind, tuple(look(node, (cables or {}).get(node.name, "")) for node in lab.nodes))


def _same(entry: Entry, row: SocketRow) -> bool:
    if row.inode is not None:
        return entry.inode == row.inode
    foreign = row.foreign if row.foreign.port else None
    return (entry.type.lower(), entry.local, entry.foreign) == (row.protocol, row.local, foreign)
