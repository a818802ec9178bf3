"""A datagram stays one piece: what goes out in one `sendto` comes in with one `recvfrom`, or not at all."""

import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.lessons.datagrams.sending import FIELD, Datagram, bound, receive, send
from sockets_lab.model import Endpoint

MOST = 32  # datagrams; they must all find room in the receiver's buffer


@dataclass(frozen=True)
class Boundaries:
    """Datagrams as they were sent, one after the other, and what each receive call returned, with `room` bytes each.

    A receive call may be refused: Windows has an error for a buffer that is too small (EMSGSIZE).
    """

    sent: tuple[bytes, ...]
    room: int
    received: tuple[Datagram | Refused, ...]


def boundaries(parts: Iterable[bytes], room: int = FIELD) -> Boundaries:
    """Send each part with one `sendto`, then receive as often. Args: room: bytes a receive call offers, 0-65535."""
    sent = tuple(parts)
    if len(sent) > MOST:
        raise BadInput(f"{len(sent)} datagrams are too many for the receiver's buffer: pass at most {MOST}.")
    with bound() as receiver, bound() as sender:
        to = Endpoint.of(receiver.getsockname())
        for part in sent:
            send(sender, part, to)
        received = [attempt(receive, receiver, room) for _ in sent]
    return Boundaries(sent, room, tuple(received))


@dataclass(frozen=True)
class Largest:
    """The largest datagram that this system sends on loopback, in bytes of data, and how one byte more is refused.

    received: how many bytes of the largest one came out at the other end.
    """

    size: int
    received: int | Refused
    beyond: Refused


def largest_datagram() -> Largest | Refused:
    """Search for the largest datagram that `sendto` takes. Source: RFC 768 (a length field of 16 bits), RFC 791."""
    with ExitStack() as stack:
        receiver, sender = stack.enter_context(bound()), stack.enter_context(bound())
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):  # as much as the system gives: the buffer is not the point
            for sock in (receiver, sender):
                attempt(sock.setsockopt, socket.SOL_SOCKET, option, 4 * FIELD)
        to = Endpoint.of(receiver.getsockname())
        low, high, beyond = -1, FIELD + 1, Refused("unknown", "it was not tried")
        while high - low > 1:
            middle = (low + high) // 2
            answer = attempt(send, sender, bytes(middle), to)
            if isinstance(answer, Refused):
                high, beyond = middle, answer
            else:
                low = middle
                attempt(receive, receiver)
        if low < 0:
            return beyond
        attempt(send, sender, bytes(low), to)
        came = attempt(receive, receiver)
        return Largest(low, came if isinstance(came, Refused) else len(came.data), beyond)
