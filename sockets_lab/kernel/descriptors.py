"""Read this process's descriptor table: which numbers are open, and what stands behind each."""

import os
import socket
import stat
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass

from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel import table as socket_table
from sockets_lab.kernel.machine import descriptor_limits
from sockets_lab.model import Endpoint, SocketRow, protocol_of, whole_number

PROBED = 4096  # numbers tried one by one, where the system does not list a process's descriptors
LISTS = ("/proc/self/fd", "/dev/fd")  # proc(5) on Linux; macOS and the BSDs


@dataclass(frozen=True)
class Entry:
    """One row of the descriptor table.

    kind: "socket", "file", "directory", "pipe", "device" or "other"; inode: the number of the thing behind it, which
    two descriptors of one socket have in common; type: of a socket "local" or the title of its protocol ("TCP", "UDP",
    "MPTCP", "raw"); local, remote: a socket's names where it has them. The number in those of a raw socket is no port
    but its IP protocol.
    """

    number: int
    kind: str
    inode: int
    type: str = ""
    local: Endpoint | None = None
    remote: Endpoint | None = None

    @property
    def is_internet(self) -> bool:
        return self.kind == "socket" and self.type != "local"


def table() -> tuple[Entry, ...]:
    """List this process's open descriptors by number. Source: proc(5), fstat(2).

    On Windows a socket is a handle and not a file descriptor, so only files, pipes and devices appear there.
    """
    entries = (attempt(_entry, number) for number in _numbers())
    return tuple(entry for entry in entries if isinstance(entry, Entry))


def _numbers() -> list[int]:
    for place in LISTS:
        with suppress(OSError):
            return sorted(int(name) for name in os.listdir(place))
    return list(range(min(descriptor_limits()[0], PROBED)))


def _entry(number: int) -> Entry:
    status = os.fstat(number)
    kinds = {stat.S_IFSOCK: "socket", stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFIFO: "pipe",
             stat.S_IFCHR: "device", stat.S_IFBLK: "device"}  # fmt: skip
    kind = kinds.get(stat.S_IFMT(status.st_mode), "other")
    if kind != "socket":
        return Entry(number, kind, status.st_ino)
    with closing(socket.socket(fileno=os.dup(number))) as again:  # a second descriptor, so closing it harms nobody
        if again.family not in (socket.AF_INET, socket.AF_INET6):
            return Entry(number, kind, status.st_ino, "local")
        local, remote = attempt(again.getsockname), attempt(again.getpeername)
        return Entry(number, kind, status.st_ino, protocol_of(again).title, _endpoint(local), _endpoint(remote))


def _endpoint(name: object) -> Endpoint | None:
    return Endpoint.of(name) if isinstance(name, tuple) else None


def rows_behind(entries: Iterable[Entry]) -> dict[int, SocketRow]:
    """Find, for each socket among the entries, its row in the kernel's socket table: {inode: row}.

    A socket without a name has no row, and is left out.
    """
    found = {}
    for one in entries:
        with socket.socket(fileno=os.dup(one.number)) as again:
            found[one.inode] = socket_table.row_of(again)
    return {inode: row for inode, row in found.items() if row is not None}


def entry(number: int) -> Entry | Refused:
    """Return what one descriptor stands for, or Refused (EBADF) where it stands for nothing."""
    return attempt(_entry, checked_number(number))


def checked_number(number: object) -> int:
    return whole_number(number, 0, descriptor_limits()[0] - 1, "a descriptor that this process can have")


def lowest_free() -> int:
    """Return the number that the next descriptor gets by the rule of POSIX: the lowest one that is not in use."""
    used = {entry.number for entry in table()}
    return next(number for number in range(len(used) + 1) if number not in used)


def since(before: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the internet sockets among the descriptors that were opened after `before = table()`."""
    known = {(entry.number, entry.inode) for entry in before}
    return tuple(one for one in table() if one.is_internet and (one.number, one.inode) not in known)
