"""Broadcast on loopback: one datagram to whoever has the port, and the permission that it needs."""

import socket
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import Refused, attempt
from sockets_lab.lessons.datagrams.sending import QUIET, WAIT, Datagram, arrivals, bound, receive
from sockets_lab.model import Endpoint


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
