"""What UDP delivers: a datagram in one piece, or not at all, and then nobody is told.

What goes out in one `sendto` comes in with one `recvfrom`, or the kernel drops it because the buffer is full.
"""

import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.lessons.datagrams.sending import FIELD, QUIET, Datagram, bound, drops, receive, receive_all, send
from sockets_lab.model import Endpoint, whole_number

MOST_PARTS = 32  # datagrams; they must all find room in the receiver's buffer
MOST = 2000  # datagrams a round
LARGEST = 1400  # bytes
SMALL = 8192  # bytes asked for the receiver's buffer


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
    if len(sent) > MOST_PARTS:
        raise BadInput(f"{len(sent)} datagrams are too many for the receiver's buffer: pass at most {MOST_PARTS}.")
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


@dataclass(frozen=True)
class Loss:
    """Numbered datagrams to a receiver that reads only after each round.

    rounds: how many were sent in each; size: bytes of each; asked, limit: bytes of the receiver's buffer, as asked and
    as the kernel keeps it. taken: how many `sendto` took without a word. refusals: the names of what the others got.
    received: the numbers that came, 1 = the first sent, in the order in which they came.
    waiting: bytes of the buffer in use after the first round; dropped: what the kernel says it threw away at this
    socket. Both None where it does not tell.
    """

    rounds: tuple[int, ...]
    size: int
    asked: int
    limit: int
    taken: int
    refusals: tuple[str, ...]
    received: tuple[int, ...]
    waiting: int | None
    dropped: int | None

    @property
    def lost(self) -> tuple[int, ...]:
        """The numbers that were sent and never came."""
        return tuple(sorted(set(range(1, sum(self.rounds) + 1)) - set(self.received)))

    @property
    def in_order(self) -> bool:
        """Tell whether those that came, came in the order in which they were sent."""
        return list(self.received) == sorted(self.received)


def overflow(rounds: tuple[int, ...] = (60, 60), size: int = 100, buffer: int = SMALL) -> Loss:
    """Send rounds of numbered datagrams to a socket that reads only between the rounds.

    Args: rounds: datagrams in each, 1-2000; size: bytes of each, 8-1400; buffer: bytes asked with SO_RCVBUF; the
        kernel may keep more or less (Linux: twice as much, for its own bookkeeping, socket(7)).
    """
    for what, value, low, high in (("size", size, 8, LARGEST), ("buffer", buffer, 1, 1 << 20)):
        whole_number(value, low, high, f"a {what} in bytes")
    if not rounds or any(not isinstance(count, int) or not 1 <= count <= MOST for count in rounds):
        raise BadInput(f"{rounds!r} will not do as rounds: pass some numbers of datagrams, each from 1 to {MOST}.")
    with bound(buffer=buffer) as receiver, bound() as sender:
        to = Endpoint.of(receiver.getsockname())
        received: list[int] = []
        answers: list[int | Refused] = []
        waiting = None
        for place, count in enumerate(rounds):
            for _ in range(count):
                answers.append(attempt(send, sender, str(len(answers) + 1).encode().rjust(size), to))
            if place == 0:
                row = table.row_of(receiver)
                waiting = None if row is None else row.receive_queue
            received += [int(datagram.data) for datagram in receive_all(receiver, QUIET)]
        refusals = {answer.name for answer in answers if isinstance(answer, Refused)}
        taken = sum(not isinstance(answer, Refused) for answer in answers)
        limit = receiver.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        return Loss(tuple(rounds), size, buffer, limit, taken, tuple(sorted(refusals)), tuple(received), waiting,
                    drops(receiver))  # fmt: skip
