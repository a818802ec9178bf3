"""See which internet sockets this process holds, and their rows in the kernel's table, once.

On Linux an `Eye` takes no descriptor while it looks: a program that opens a socket at the same moment gets the number
that it would get if nobody looked. Elsewhere it takes some for a moment.
"""

import os
import select
import stat
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Protocol

from sockets_lab.kernel import descriptors, table
from sockets_lab.kernel.table.reader import out_of_the_way
from sockets_lab.model import PROTOCOLS, TRANSPORTS, FourTuple, SocketRow

KINDS = {"TCP": "tcp", "UDP": "udp", "MPTCP": "mptcp", "UDP-Lite": "udplite", "UDPLITE": "udplite", "RAW": "raw"}
AT_ONCE = 256  # numbers asked about in one call: no more than the process may have open (poll(2), EINVAL)


@dataclass(frozen=True)
class Held:
    """One socket: the descriptors of this process that lead to it (none: not yet, or no longer), its row or None.

    inode: None where no descriptor leads to it, or where the system does not tell.
    """

    numbers: tuple[int, ...]
    type: str
    inode: int | None
    row: SocketRow | None

    @property
    def ports(self) -> frozenset[int]:
        """Its local and its remote port; none where it has no name."""
        return frozenset((self.row.local.port, self.row.remote.port)) if self.row else frozenset()

    @property
    def name(self) -> tuple | None:
        """What tells it from others where no inode does: its protocol and four-tuple."""
        if self.row is None or not (self.row.remote.port or self.inode is None):
            return None
        return self.row.protocol, self.row.four_tuple


class Eye(Protocol):
    """What looks."""

    def look(self) -> list[Held]: ...
    def close(self) -> None: ...


def eye() -> Eye:
    """Make the eye that this system allows."""
    if all(table.source(protocol) == "netlink" for protocol in TRANSPORTS) and hasattr(os, "getxattr"):
        with suppress(OSError, AttributeError):
            return LinuxEye()
    return PlainEye()


class LinuxEye:
    """Looks by numbers that it holds from the beginning: one of /proc/self/status, one of netlink's."""

    def __init__(self) -> None:
        self._asked: list[select.poll] = []
        self._size = 0
        self._kinds: dict[int, str] = {}  # by inode: the protocol of a socket stays; "" = none of the internet
        self._ours: set[FourTuple] = set()  # connections that this process held
        with ExitStack() as held:
            self._status = out_of_the_way(os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC))
            held.callback(os.close, self._status)
            self._reader = held.enter_context(table.Reader())
            self.look()  # a system that cannot do this says so now
            self._held = held.pop_all()

    def look(self) -> list[Held]:
        """Read both tables. Raises: OSError."""
        behind: dict[int, list[int]] = defaultdict(list)
        for number in self._numbers():
            with suppress(OSError):  # closed since it was listed
                status = os.fstat(number)
                if stat.S_ISSOCK(status.st_mode) and self._kind(number, status.st_ino):
                    behind[status.st_ino].append(number)
        self._kinds = {inode: kind for inode, kind in self._kinds.items() if inode in behind or not kind}
        protocols = dict.fromkeys((*TRANSPORTS, *filter(None, self._kinds.values())))
        rows = self._reader.rows(behind, {names.local.port for names in self._ours}, protocols)
        found = {row.inode: row for row in rows if row.inode}  # a connection of MPTCP is in TCP's table, too
        held = [
            Held(tuple(numbers), PROTOCOLS[self._kinds[inode]].title, inode, found.get(inode))
            for inode, numbers in behind.items()
        ]
        return held + self._without_descriptor(found.values(), [row for row in rows if not row.inode])

    def _numbers(self) -> list[int]:
        """List the open numbers: `poll` says of every other one that it is not valid. Source: poll(2)."""
        text = os.pread(self._status, 1 << 13, 0)
        at = text.index(b"FDSize:") + 7
        size = int(text[at : text.index(b"\n", at)])  # how many numbers the kernel has room for now
        for number in range(self._size, size):
            if number % AT_ONCE == 0:
                self._asked.append(select.poll())
            self._asked[-1].register(number, 0)
        self._size = max(self._size, size)
        closed = {number for asked in self._asked for number, event in asked.poll(0) if event & select.POLLNVAL}
        return [number for number in range(self._size) if number not in closed]

    def _kind(self, number: int, inode: int) -> str:
        if inode not in self._kinds:
            name = os.getxattr(number, "system.sockprotoname").rstrip(b"\0").decode()
            self._kinds[inode] = KINDS.get(name.removesuffix("v6"), "")
        return self._kinds[inode]

    def _without_descriptor(self, ours: Iterable[SocketRow], others: list[SocketRow]) -> list[Held]:
        """Of the rows without inode keep those that wait for our `accept`, and what is left of our connections."""
        listeners = {row.local for row in ours if row.state == "LISTEN"}
        wildcards = {one.port for one in listeners if one.is_wildcard}
        self._ours &= {row.four_tuple for row in others}
        kept = [row for row in others
                if row.four_tuple in self._ours or row.local in listeners or row.local.port in wildcards]  # fmt: skip
        self._ours |= {row.four_tuple for row in (*ours, *kept) if row.remote.port}
        return [Held((), PROTOCOLS[row.protocol].title, None, row) for row in kept]

    def close(self) -> None:
        self._held.close()


class PlainEye:
    """Looks with what every system offers: the descriptor table, and psutil's rows with their owners."""

    def look(self) -> list[Held]:
        """Read both tables. Raises: OSError."""
        rows = {
            (owner.descriptor, row.four_tuple): row
            for row in table.snapshot(owners=True)
            for owner in row.owners or ()
            if owner.pid == os.getpid()
        }
        by_number = {number: row for (number, _), row in rows.items() if number >= 0}
        behind: dict[int, list[descriptors.Entry]] = defaultdict(list)
        for entry in descriptors.table():
            if entry.is_internet:
                behind[entry.inode or -entry.number].append(entry)
        held = [
            Held(tuple(one.number for one in same), same[0].type, inode if inode > 0 else None,
                 next((by_number[one.number] for one in same if one.number in by_number), None))
            for inode, same in behind.items()
        ]  # fmt: skip
        handles = [row for (number, _), row in rows.items() if number < 0]  # Windows: a handle is no descriptor
        return held + [Held((), PROTOCOLS[row.protocol].title, None, row) for row in handles]

    def close(self) -> None:
        """Nothing is held between two looks."""
