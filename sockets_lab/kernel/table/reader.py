"""Read the Linux kernel's socket table again and again, through one netlink socket that stays open.

Whoever looks on while other code works must not take a descriptor meanwhile: the lowest free number belongs to that
code. The reader's own descriptor is taken once, and stands high above those.
"""

import os
import socket
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager

from sockets_lab.kernel.table import proc_table, sock_diag
from sockets_lab.model import TRANSPORTS, Endpoint, FourTuple, SocketRow

HIGH = 240  # the first number to try: above what programs hold, and below the 256 that some limits allow


def out_of_the_way(number: int) -> int:
    """Move a descriptor to a high number; return the number. Raises: OSError, where none is free there."""
    import fcntl  # not on Windows, where nobody comes here

    try:
        return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, HIGH)
    finally:
        os.close(number)


def find_exactly(four_tuple: FourTuple, kernel: socket.socket) -> SocketRow | None:
    """Ask the Linux kernel one question, through an open socket. Raises: OSError.

    A socket that is bound to a device does not answer to its names alone: where the question finds nothing, all rows
    with these ports are looked through.
    """
    row = sock_diag.get(four_tuple, kernel)
    if row is not None and _is(row, four_tuple):
        return row
    messages = sock_diag.dump("tcp", None, None, four_tuple.local.port, four_tuple.remote.port, kernel)
    return same_connection((sock_diag.row(message, "tcp", {}) for message in messages), four_tuple)


def same_connection(rows: Iterable[SocketRow], four_tuple: FourTuple) -> SocketRow | None:
    """Return the row of this connection, with IPv4 inside IPv6 or without; the kernel may answer with a listener."""
    return next((row for row in rows if _is(row, four_tuple)), None)


def _is(row: SocketRow, asked: FourTuple) -> bool:
    if row.local is asked.local and row.remote is asked.remote:
        return True
    return row.local.agrees_with(asked.local) and row.remote.agrees_with(asked.remote)


class Reader(AbstractContextManager):
    """One open question to the kernel. Raises: OSError, where sock_diag does not answer."""

    def __init__(self) -> None:
        self._kernel = self._opened()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> socket.socket:
        return socket.socket(fileno=out_of_the_way(sock_diag.opened().detach()))

    def rows(
        self, inodes: Collection[int], ports: Collection[int] = (), protocols: Iterable[str] = TRANSPORTS
    ) -> list[SocketRow]:
        """Read the rows of these sockets, and at their local ports, and at `ports`, those without a descriptor.

        Those have inode 0. Args: protocols: some that `table.snapshot` takes. Raises: OSError.
        """
        names = dict[tuple, Endpoint]()
        ours, others = [], []
        for protocol in protocols:
            if not sock_diag.works(protocol):
                ours += [row for row in proc_table.rows(protocol) if row.inode in inodes]
                continue
            messages = self._dump(protocol)
            for message, (port, inode) in zip(messages, map(sock_diag.BRIEF.unpack_from, messages), strict=True):
                if inode in inodes:
                    ours.append(sock_diag.row(message, protocol, names))
                elif not inode:
                    others.append((socket.ntohs(port), message, protocol))
        wanted = {*ports, *(row.local.port for row in ours)}
        return ours + [sock_diag.row(message, protocol, names) for port, message, protocol in others if port in wanted]

    def find(self, four_tuple: FourTuple) -> SocketRow | None:
        """Find one TCP connection by its exact four-tuple, as `table.find`, in half its time. Raises: OSError."""
        try:
            return find_exactly(four_tuple, self._kernel)
        except BaseException:
            self._reopen()
            raise

    def _dump(self, protocol: str) -> list[bytes]:
        try:
            return sock_diag.dump(protocol, through=self._kernel)
        except BaseException:
            self._reopen()
            raise

    def _reopen(self) -> None:
        """Take a new socket: the old one may hold the rest of an answer."""
        self.close()
        self._kernel = self._opened()

    def close(self) -> None:
        self._kernel.close()
