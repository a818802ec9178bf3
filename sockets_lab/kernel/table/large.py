"""A large socket table as columns. Linux only, read only.

`snapshot` makes a value of every row. Here a row is made where you ask for it, and a column is cut out of the kernel's
own answer at once: worth it from some thousand rows on.

    big = table.columns("tcp")
    Counter(big.states)                                       # how many rows in each state
    Counter(big.remote_addresses).most_common(3)             # the busiest machines
    big.kept(port == 443 for port in big.local_ports)[:9]     # columns of fewer rows, and nine of these rows
"""

import socket
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from itertools import compress
from typing import Literal, overload

from sockets_lab.errors import BadInput
from sockets_lab.kernel.table import sock_diag
from sockets_lab.kernel.table.owners import Holdings
from sockets_lab.kernel.table.sock_diag import SIZE
from sockets_lab.model import Endpoint, Owner, SocketRow

# Where a field begins, in bytes. Source: inet_diag_msg in linux/inet_diag.h.
STATE, LOCAL_PORT, REMOTE_PORT, LOCAL, REMOTE, RECEIVE_QUEUE, SEND_QUEUE, INODE = 1, 4, 6, 8, 24, 56, 60, 68


class Columns(Sequence[SocketRow]):
    """Rows of one protocol: as a sequence those that `snapshot` gives, as columns the fields of all of them.

    Numbers come in arrays, which `numpy.asarray` takes as they are. holdings: None where owners were not asked for.
    """

    def __init__(self, protocol: str, packed: bytes, holdings: Holdings | None = None) -> None:
        """Args: packed: the kernel's messages without attributes, one behind the other, IPv4 first."""
        self.protocol = protocol
        self.holdings = holdings
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // SIZE

    @overload
    def __getitem__(self, place: int) -> SocketRow: ...
    @overload
    def __getitem__(self, place: slice) -> list[SocketRow]: ...
    def __getitem__(self, place: int | slice) -> SocketRow | list[SocketRow]:
        if isinstance(place, slice):
            return [self[number] for number in range(len(self))[place]]
        begin = SIZE * range(len(self))[place]
        return sock_diag.row(self._packed[begin : begin + SIZE], self.protocol, {}, self._owners)

    def __iter__(self) -> Iterator[SocketRow]:
        names: dict[tuple, Endpoint] = {}
        for message in self._messages():
            yield sock_diag.row(message, self.protocol, names, self._owners)

    def kept(self, flags: Iterable[object]) -> "Columns":
        """Keep the rows whose flag is true. Args: flags: one a row, in their order."""
        return Columns(self.protocol, b"".join(compress(self._messages(), flags)), self.holdings)

    @property
    def states(self) -> list[str]:
        names = [sock_diag.STATES[self.protocol].get(number, "CLOSE") for number in range(256)]
        return [names[number] for number in self._packed[STATE::SIZE]]

    @property
    def local_ports(self) -> "array[int]":
        return self._ports(LOCAL_PORT)

    @property
    def remote_ports(self) -> "array[int]":
        return self._ports(REMOTE_PORT)

    @property
    def local_addresses(self) -> list[str]:
        return self._addresses(LOCAL)

    @property
    def remote_addresses(self) -> list[str]:
        return self._addresses(REMOTE)

    @property
    def receive_queues(self) -> "array[int]":
        return self._numbers("I", RECEIVE_QUEUE)

    @property
    def send_queues(self) -> "array[int]":
        return self._numbers("I", SEND_QUEUE)

    @property
    def inodes(self) -> "array[int]":
        return self._numbers("I", INODE)

    @property
    def pids(self) -> list[int | None]:
        """One holder of each row, of which there may be more; None where none is known. Raises: BadInput."""
        if self.holdings is None:
            raise BadInput("Nobody asked for owners: read the columns with owners=True.")
        one = dict(zip(self.holdings.inodes, self.holdings.pids, strict=True))
        return [one.get(inode) for inode in self.inodes]

    @cached_property
    def _owners(self) -> dict[int, tuple[Owner, ...]] | None:
        return self.holdings.owners() if self.holdings else None

    def _messages(self) -> Iterator[bytes]:
        return (self._packed[begin : begin + SIZE] for begin in range(0, len(self._packed), SIZE))

    def _numbers(self, code: Literal["H", "I"], begin: int) -> "array[int]":
        """Cut one field out of all messages. Args: code: its C type; begin: in bytes."""
        numbers: array[int] = array(code)
        width = numbers.itemsize
        numbers.frombytes(memoryview(self._packed).cast(code)[begin // width :: SIZE // width].tobytes())
        return numbers

    def _ports(self, begin: int) -> "array[int]":
        ports = self._numbers("H", begin)
        if sys.byteorder == "little":
            ports.byteswap()  # they come in network byte order
        return ports

    def _addresses(self, begin: int) -> list[str]:
        """Read the addresses of all messages; what stands there often is written once."""
        short = self._packed[::SIZE].count(socket.AF_INET)
        packed4 = self._numbers("I", begin)[:short]
        packed6 = [self._packed[at : at + 16] for at in range(short * SIZE + begin, len(self._packed), SIZE)]
        return [*map(cache(_ipv4), packed4), *map(cache(_ipv6), packed6)]


def _ipv4(packed: int) -> str:
    return socket.inet_ntoa(packed.to_bytes(4, sys.byteorder))


def _ipv6(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET6, packed)
