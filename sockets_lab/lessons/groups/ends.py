"""What one node's process does in `between`: open a receiver, join, leave, send, collect. These run in the node.

Between two calls a socket is nothing but a number, the descriptor in that process: it travels where an object cannot.
"""

import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sockets_lab import guard
from sockets_lab.errors import Refused, attempt
from sockets_lab.lessons.datagrams.sending import FIELD, WAIT, Datagram, bound, receive
from sockets_lab.lessons.groups.membership import join_group, leave_group, member, send_to_group, share
from sockets_lab.model import Endpoint

KERNEL_GROUPS = Path("/proc/net/igmp")  # Linux: the groups of each interface of the reader's own network stack
Taken = tuple[tuple[int, ...], Refused | None]  # the numbers that sendto took, and what refused the next


def open_member(group: str, port: int, join: bool, all_groups: bool | None) -> tuple[int, int]:
    """Open a socket at a group's name. Args: all_groups: IP_MULTICAST_ALL, None = as the system sets it.

    Returns: descriptor, port.
    """
    with member(group, port, join, all_groups) as sock:
        return _left_open(sock)


def open_for_everyone(port: int) -> tuple[int, int]:
    """Open a socket at the address that a broadcast goes to. Returns: descriptor, port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        if port:
            share(sock)
        sock.bind((guard.everyone(), port))
        share(sock)  # only now, where the kernel chose the port: it must be one that nobody else has
        return _left_open(sock)


def set_membership(number: int, group: str, joined: bool) -> None:
    """Let a socket join the group on this node's interface, or leave it. Raises: OSError."""
    with _borrowed(number) as sock:
        (join_group if joined else leave_group)(sock, group)


def in_group(group: str) -> bool | None:
    """Tell whether any interface of this network stack is a member of a group; None where the kernel does not tell."""
    lines = attempt(KERNEL_GROUPS.read_text)
    if isinstance(lines, Refused):
        return None
    packed = int.from_bytes(socket.inet_aton(group), sys.byteorder)  # shown as this machine's own kind of number
    return f"{packed:08X}" in lines.split()


def send_to_members(address: str, to: Endpoint, numbers: Iterable[int], ttl: int, loop: bool) -> Taken:
    """Send one datagram to a group for each number, from a socket that is bound to this node's address."""
    with bound(address) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, int(loop))
        return _send(numbers, lambda data: send_to_group(sender, data, to))


def send_to_everyone(address: str, port: int, numbers: Iterable[int]) -> Taken:
    """Send one datagram to everyone for each number, from a socket that is bound to this node's address."""
    to = Endpoint(guard.everyone(), port)
    with bound(address) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        return _send(numbers, lambda data: sender.sendto(data, guard.to_everyone(sender, to).sockaddr))


def collect(number: int, last: bytes | None, quiet: float) -> tuple[Datagram, ...]:
    """Receive what comes to a socket, until nothing more has come for `quiet` seconds.

    Args: last: data for which it waits with patience, because this socket should get it; None = nothing in particular.
    """
    found: list[Datagram] = []
    end, missing = time.monotonic() + WAIT, last is not None
    with _borrowed(number) as sock:
        while True:
            wait = max(end - time.monotonic(), 0) if missing else quiet
            came = attempt(receive, sock, FIELD, wait)
            if isinstance(came, Refused):
                return tuple(found)
            found.append(came)
            missing = missing and came.data != last


def close(number: int) -> None:
    """Close a socket."""
    socket.socket(fileno=number).close()


def _send(numbers: Iterable[int], send_one: Callable[[bytes], int]) -> Taken:
    taken: list[int] = []
    for number in numbers:
        answer = attempt(send_one, b"%d" % number)
        if isinstance(answer, Refused):
            return tuple(taken), answer
        taken.append(number)
    return tuple(taken), None


def _left_open(sock: socket.socket) -> tuple[int, int]:
    port = sock.getsockname()[1]
    return sock.detach(), port


@contextmanager
def _borrowed(number: int) -> Iterator[socket.socket]:
    """Lend a socket object for a descriptor, which stays open afterwards."""
    sock = socket.socket(fileno=number)
    try:
        yield sock
    finally:
        sock.detach()
