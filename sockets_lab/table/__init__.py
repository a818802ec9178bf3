"""The kernel's socket table: what sockets this machine has now, and who holds them. Read only."""

from sockets_lab.table.lookup import (
    PROTOCOLS,
    UDP_STATES,
    at_port,
    covers_machine,
    find,
    holders,
    row_of,
    snapshot,
    source,
)
from sockets_lab.table.reader import Reader

__all__ = [
    "PROTOCOLS", "UDP_STATES", "Reader", "at_port", "covers_machine", "find", "holders", "row_of", "snapshot", "source",
]  # fmt: skip
