"""Loss, made on purpose: a receiver that does not read, a buffer that fills, and a sender that is told nothing."""

import socket
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.lessons.datagrams.sending import QUIET, bound, drops, receive_all, send
from sockets_lab.model import Endpoint, whole_number

MOST = 2000  # datagrams a round
LARGEST = 1400  # bytes
SMALL = 8192  # bytes asked for the receiver's buffer


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
