"""Read the Linux kernel's socket table again and again, through one netlink socket that stays open.

Whoever looks on while other code works must not take a descriptor meanwhile: the lowest free number belongs to that
code. The reader's own descriptor is taken once, and stands high above those.
"""

import os
import socket
from collections.abc import Collection

from sockets_lab.kernel.table import exact, sock_diag
from sockets_lab.model import Endpoint, FourTuple, SocketRow

HIGH = 240  # the first number to try: above what programs hold, and below the 256 that some limits allow


def out_of_the_way(number: int) -> int:
    """Move a descriptor to a high number; return the number. Raises: OSError, where none is free there."""
    import fcntl  # not on Windows, where nobody comes here

    try:
        return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, HIGH)
    finally:
        os.close(number)


class Reader:
    """One open question to the kernel. Raises: OSError, where sock_diag does not answer."""

    def __init__(self) -> None:
        self._kernel = self._opened()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> socket.socket:
        return socket.socket(fileno=out_of_the_way(sock_diag.opened().detach()))

    def rows(self, inodes: Collection[int], ports: Collection[int] = ()) -> list[SocketRow]:
        """Read the rows of these sockets, and at their local ports, and at `ports`, those without a descriptor.

        Those have inode 0. Raises: OSError.
        """
        names = dict[tuple, Endpoint]()
        ours, others = [], []
        for protocol in sock_diag.PROTOCOLS:
            for message in self._dump(protocol):
                inode = sock_diag.inode_of(message)
                if inode in inodes:
                    ours.append(sock_diag.row(message, protocol, names))
                elif not inode:
                    others.append((message, protocol))
        wanted = {*ports, *(row.local.port for row in ours)}
        return ours + [sock_diag.row(*one, names) for one in others if sock_diag.port_of(one[0]) in wanted]

    def find(self, four_tuple: FourTuple) -> SocketRow | None:
        """Find one TCP connection by its exact four-tuple, as `table.find`, in half its time. Raises: OSError."""
        try:
            return exact.find(four_tuple, self._kernel)
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
