"""Multicast and broadcast on loopback: one datagram, several receivers, each of which gets a copy of its own.

A group is an address at which no machine lives. Receivers join it on one interface; whoever sends to it needs not.
Here that interface is always the loopback one (see `guard`), and the group is one of this learner's own.
Source: ip(7), RFC 1112, RFC 2365 section 6.1.
"""

import socket
import sys
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel.connecting import closed_on_failure
from sockets_lab.lessons.datagrams.sending import IP_RECVTTL, QUIET, WAIT, Datagram, arrivals, bound, receive
from sockets_lab.model import Endpoint

IP_MULTICAST_ALL = 49 if sys.platform == "linux" else None  # Python does not name it; elsewhere there is none


def member(group: str, port: int = 0, join: bool = True, all_groups: bool | None = False) -> socket.socket:
    """Return a datagram socket at a group's address and port, which shares that name with whoever asks for it too.

    Args: group: one of `machine.home_group`; port: 0 = the kernel chooses one that nobody has; join: become a member
        on the loopback interface; all_groups: IP_MULTICAST_ALL, None = as the system sets it.
    Raises: OSError, where this system's loopback knows no groups.
    """
    endpoint = guard.group(Endpoint(group, port))
    with closed_on_failure(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.setblocking(False)
        if port:
            share(sock)
        try:
            sock.bind(endpoint.sockaddr)
        except OSError:  # Windows binds to no group's address
            sock.bind(("127.0.0.1", port))
        share(sock)  # only now, where the kernel chose the port: it must be one that nobody else has
        if IP_MULTICAST_ALL is not None and all_groups is not None:
            sock.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, int(all_groups))
        if IP_RECVTTL is not None:
            attempt(sock.setsockopt, socket.IPPROTO_IP, IP_RECVTTL, 1)
        if join:
            join_group(sock, group)
        return sock


def share(sock: socket.socket) -> None:
    """Let others have this socket's name too; systems differ in which option that takes (lesson 04)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform != "linux" and hasattr(socket, "SO_REUSEPORT"):  # on Linux that would spread datagrams among them
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def join_group(sock: socket.socket, group: str) -> None:
    """Become a member of the group, on the loopback interface. Raises: OSError (EADDRINUSE: it is one already)."""
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, guard.membership(Endpoint(group, 0)))


def leave_group(sock: socket.socket, group: str) -> None:
    """Leave the group. Raises: OSError (EADDRNOTAVAIL: it is no member)."""
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, guard.membership(Endpoint(group, 0)))


def is_member(sock: socket.socket, group: str) -> bool:
    """Tell whether a socket is a member, by asking the kernel to let it join: that is refused to a member."""
    answer = attempt(join_group, sock, group)
    if answer is None:
        leave_group(sock, group)
    return isinstance(answer, Refused) and answer.name == "EADDRINUSE"


def gets_all_groups(sock: socket.socket) -> bool | None:
    """Tell whether a socket gets what others on this machine joined; None where the kernel has no such option."""
    if IP_MULTICAST_ALL is None:
        return None
    return bool(sock.getsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL))


def send_to_group(sender: socket.socket, data: bytes, to: Endpoint) -> int:
    """Send one datagram to a group, on the loopback interface. Raises: OSError; BadInput (see `guard.to_group`)."""
    return sender.sendto(data, guard.to_group(sender, to).sockaddr)


@dataclass(frozen=True)
class Everyone:
    """One datagram to the loopback network's broadcast address, 127.255.255.255.

    without, allowed: what `sendto` answered without SO_BROADCAST, and with it; watched: the addresses to which
    sockets were bound at that port; heard: those of them that got a copy; came: the copy.
    """

    without: int | Refused
    allowed: int | Refused
    watched: tuple[str, ...]
    heard: tuple[str, ...]
    came: Datagram | None


def everyone() -> Everyone | Refused:
    """Broadcast on loopback, without the permission and with it. Source: ip(7) and socket(7), SO_BROADCAST."""
    address = str(guard.EVERYONE)
    with ExitStack() as stack:
        sender = stack.enter_context(bound())
        wide = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        wide.setblocking(False)
        answer = attempt(wide.bind, (address, 0))
        if isinstance(answer, Refused):
            return answer
        to = Endpoint.of(wide.getsockname())
        narrow = attempt(bound, "127.0.0.1", to.port)  # another program may have that name, and then it is not tried
        socks = {address: wide}
        if not isinstance(narrow, Refused):
            socks["127.0.0.1"] = stack.enter_context(narrow)

        def send_it() -> int:
            return sender.sendto(b"to everyone", guard.to_everyone(sender, to).sockaddr)

        without = attempt(send_it)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        allowed = attempt(send_it)
        there = arrivals(socks.values(), wait=QUIET if isinstance(allowed, Refused) else WAIT)
        heard = tuple(name for name, sock in socks.items() if sock.fileno() in there)
        came = receive(wide, wait=0) if address in heard else None
        return Everyone(without, allowed, tuple(socks), heard, came)
