"""Send one datagram, receive one datagram, and read what the kernel lost. Nothing waits without a deadline.

Source: udp(7), recv(2), RFC 768.
"""

import random
import selectors
import socket
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import machine
from sockets_lab.kernel.connecting import closed_on_failure, ready
from sockets_lab.model import Endpoint, whole_number

HOME = "127.0.0.1"
WAIT = 2.0  # seconds; on loopback a datagram that comes, comes at once, so this is only waited for in vain
QUIET = 0.15  # seconds after the last arrival, until nothing more is expected
TRIES = 16  # ports, before giving up
FIELD = 65535  # the UDP header's length field holds no more, so no datagram is larger
IP_RECVTTL = getattr(socket, "IP_RECVTTL", 12 if sys.platform == "linux" else None)  # Python names few of Linux's
SO_MEMINFO = 55 if sys.platform == "linux" else None  # sk_getsockopt; nine 32-bit numbers
MEMINFO_LIMIT, MEMINFO_DROPS = 1, 8


@dataclass(frozen=True)
class Datagram:
    """What one receive call returned.

    sender: who sent it; cut: True where the buffer was too small and the rest is gone; ttl: the time to live with
    which it came, 0-255, None where nobody asked.
    """

    data: bytes
    sender: Endpoint
    cut: bool = False
    ttl: int | None = None


def bound(address: str = HOME, port: int = 0, buffer: int | None = None) -> socket.socket:
    """Return a datagram socket with a name on loopback; it never blocks. Args: buffer: bytes asked with SO_RCVBUF."""
    endpoint = guard.destination(Endpoint(address, port))
    with closed_on_failure(socket.socket(endpoint.family, socket.SOCK_DGRAM)) as sock:
        sock.setblocking(False)
        if buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.bind(endpoint.sockaddr)
        return sock


def vacant() -> Endpoint:
    """Return an endpoint on loopback that nobody has.

    It lies outside the range from which the kernel hands out ports, so nobody gets it by chance a moment later.
    """
    told = machine.ephemeral_range()
    outside = [port for port in range(1024, 65536) if told and not told[0] <= port <= told[1]]
    for port in [*random.sample(outside, min(TRIES, len(outside))), 0]:
        sock = attempt(bound, HOME, port)
        if not isinstance(sock, Refused):
            with sock:
                return Endpoint.of(sock.getsockname())
    return Endpoint(HOME, 1)  # not one could be bound, so nobody could be asked


def send(sock: socket.socket, data: bytes, to: Endpoint | None = None) -> int:
    """Send one datagram to an endpoint on loopback, or along a connected socket; return the bytes that were taken.

    Raises: OSError, where the kernel refuses (EMSGSIZE, ECONNREFUSED, EDESTADDRREQ, ...).
    """
    if to is not None:
        return sock.sendto(checked_data(data), guard.destination(to).sockaddr)
    peer = attempt(sock.getpeername)
    if isinstance(peer, tuple):
        guard.destination(Endpoint.of(peer))
    return sock.send(checked_data(data))


def receive(sock: socket.socket, size: int = FIELD, wait: float = WAIT) -> Datagram:
    """Receive one datagram. Args: size: bytes of room, 0-65535; wait: seconds.

    Raises: TimeoutError, where none came; OSError, where the kernel has an error to tell (ECONNREFUSED).
    """
    whole_number(size, 0, FIELD, "a number of bytes")
    if not ready([sock], selectors.EVENT_READ, wait):
        raise TimeoutError("no datagram came")
    if not hasattr(sock, "recvmsg"):  # Windows
        data, sender = sock.recvfrom(size)
        return Datagram(data, Endpoint.of(sender))
    data, notes, flags, sender = sock.recvmsg(size, socket.CMSG_SPACE(4))
    ttl = next((int.from_bytes(note, sys.byteorder) for level, _, note in notes if level == socket.IPPROTO_IP), None)
    return Datagram(data, Endpoint.of(sender), bool(flags & socket.MSG_TRUNC), ttl)


def receive_all(sock: socket.socket, wait: float = 0) -> tuple[Datagram, ...]:
    """Receive what waits in the socket, in the order in which it comes out, until nothing came for `wait` seconds."""
    found = []
    while isinstance(datagram := attempt(receive, sock, FIELD, wait), Datagram):
        found.append(datagram)
    return tuple(found)


def arrivals(socks: Iterable[socket.socket], wait: float = WAIT) -> tuple[int, ...]:
    """Wait until something has come to one of the sockets, and a moment more; return the descriptors to which it did.

    That nothing comes can only be seen by waiting: `wait` seconds, where it came to nobody.
    """
    socks = list(socks)
    found: tuple[int, ...] = ()
    while waiting := [sock for sock in socks if sock.fileno() not in found]:
        more = ready(waiting, selectors.EVENT_READ, QUIET if found else wait)
        if not more:
            break
        found += more
    return tuple(sorted(found))


def drops(sock: socket.socket) -> int | None:
    """Ask the kernel how many datagrams it threw away at this socket; None where it does not tell.

    Source: Linux, SO_MEMINFO; the same number stands in the last column of /proc/net/udp.
    """
    if SO_MEMINFO is None:
        return None
    told = attempt(sock.getsockopt, socket.SOL_SOCKET, SO_MEMINFO, 64)
    if not isinstance(told, bytes) or len(told) < 4 * (MEMINFO_DROPS + 1):
        return None
    fields = struct.unpack(f"{len(told) // 4}I", told)
    # On a few machines the option has another number: the limit of the buffer, known otherwise, shows the right one.
    right = fields[MEMINFO_LIMIT] == sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return fields[MEMINFO_DROPS] if right else None


def checked_data(data: bytes) -> bytes:
    """Return the data, or say what is wrong with it."""
    if not isinstance(data, bytes) or len(data) > FIELD + 1:
        raise BadInput(f"that is no datagram: pass bytes, at most {FIELD + 1} of them.")
    return data
