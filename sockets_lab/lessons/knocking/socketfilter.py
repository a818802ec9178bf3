"""A gate that the kernel keeps, without a firewall: a filter on the listening socket itself. Linux only.

A small program stands before one socket and looks at each segment for it, before TCP does: where the source address is
not on its list, the segment is dropped, and whoever sent it hears nothing. In a node that takes no rights that the node
does not have. On loopback it works too, but some kernels refuse it there to ordinary users (EPERM; seen on Linux 6.18).
Source: socket(7), SO_ATTACH_FILTER; Documentation/networking/filter.rst in the kernel's sources.
"""

import errno
import socket
import struct
import sys
from collections.abc import Iterable

from sockets_lab.errors import BadInput
from sockets_lab.lessons.knocking.gate import UserspaceGate
from sockets_lab.lessons.knocking.place import Place
from sockets_lab.lessons.packets.bpf_filter import EQUAL, RETURN, attach

WORD = 0x20  # load 32 bits
SOURCE = 0xFFF00000 + 12  # SKF_NET_OFF: counted from the IP header, though the filter stands behind it; RFC 791: source
ALL, NOTHING = 0xFFFFFFFF, 0  # bytes of the segment that pass
MOST_SOURCES = 1000  # a filter has at most 4,096 steps


def program(sources: Iterable[str]) -> bytes:
    """Return the filter that lets segments from these IPv4 addresses pass, and no others."""
    steps = [(WORD, 0, 0, SOURCE)]
    for source in sorted(sources):
        address = int.from_bytes(socket.inet_aton(source))
        steps += [(EQUAL, 0, 1, address), (RETURN, 0, 0, ALL)]
    return b"".join(struct.pack("HBBI", *step) for step in [*steps, (RETURN, 0, 0, NOTHING)])


class SocketFilterGate(UserspaceGate):
    """A gate that drops what strangers send, in the kernel: to them the port is silent, whether it is open for others
    or shut for all.

    A connection keeps the filter that its listener had when it was made, so whoever is in stays in.
    Args: port: where it is taken, the kernel chooses another. Raises: OSError, where this system has no such filters.
    """

    about = "a filter on the listening socket: the kernel drops what strangers send"

    def __init__(self, place: Place, port: int = 0) -> None:
        super().__init__(place, port)
        try:
            self._filter()
            self._door.listen()
        except BaseException:
            self.close()
            raise
        self._listening = True

    def open_for(self, source: str, port: int) -> None:
        if len(self.admitted) >= MOST_SOURCES and source not in self.admitted:
            raise BadInput(f"this gate is open for {MOST_SOURCES} sources already: shut it for some first.")
        super().open_for(source, port)
        self._filter()

    def shut(self, source: str) -> None:
        self.admitted.discard(source)
        self._filter()

    def _filter(self) -> None:
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, "the number of this option is Linux's")
        attach(self._door, program(self.admitted))
