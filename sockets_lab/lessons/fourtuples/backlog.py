"""The queue between `connect` and `accept`: what waits in it, how long it is, and what a full one does to a client.

Nothing here blocks. Where the queue is full, Linux leaves a client without an answer, and the client's kernel asks
again about a second later; other systems may refuse it. Both are results. Source: listen(2), tcp(7).
"""

import time
from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.kernel.connecting import WAIT
from sockets_lab.lessons.fourtuples.listener import Listener
from sockets_lab.model import whole_number

LARGEST = 64  # connections; the lesson needs two or three
SPARE = 8  # systems add something of their own to the backlog that was asked for
PATIENCE = 8.0  # seconds; a client that got no answer asks again after 1, and then after 2 or 3 (RFC 6298)


@dataclass(frozen=True)
class QueueStep:
    """One thing done to the queue, and how things stood right after it.

    did: "listen", "connect", "accept" or "ask again"; number: the connection's, None for "listen".
    outcome: the state of its client, or what refused it.
    waiting, limit: connections in the queue, and allowed to be; None where this system does not tell.
    seconds: since the first step.
    """

    did: str
    number: int | None
    outcome: str | Refused | None
    waiting: int | None
    limit: int | None
    seconds: float


@dataclass(frozen=True)
class BacklogRun:
    """How one queue was filled until a client found no room, and what became of that client.

    asked: the backlog passed to `listen`. steps: in the order of time.
    """

    asked: int
    steps: tuple[QueueStep, ...]

    @property
    def limit(self) -> int | None:
        """The limit that the kernel keeps: the backlog, unless the system allows less (somaxconn); None = not told."""
        return self.steps[0].limit


def fill_queue(backlog: int = 2, wait: float = WAIT) -> BacklogRun | Refused:
    """Let clients connect and accept none until one finds no room; then accept one, and watch the other go on.

    Args: backlog: 0-64 connections; wait: seconds for a connect.
    Returns: what happened, step by step; Refused where not even the first client got in.
    """
    whole_number(backlog, 0, LARGEST, "a backlog to try")
    with Listener(backlog=backlog) as listener:
        diary = _Diary(listener)
        diary.write("listen", None, None)
        held_back = None
        for count in range(1 + 2 * backlog + SPARE):
            client = listener.add_client(wait=wait)
            if isinstance(client, Refused):
                if not count:
                    return client
                diary.write("connect", None, client)
                break
            diary.write("connect", client.number, client.client.state)
            if not listener.is_connected(client.number):
                held_back = client.number
                break
        accepted = listener.accept(wait)
        if isinstance(accepted, Refused):
            return accepted
        diary.write("accept", accepted.number, accepted.server.state)
        if held_back is not None:
            there = listener.is_connected(held_back, PATIENCE)
            state = listener.connection(held_back).client.state
            diary.write("ask again", held_back, there if isinstance(there, Refused) else state)
        return BacklogRun(backlog, tuple(diary.steps))


class _Diary:
    """The steps so far, each with the listener's queue as the kernel shows it right after."""

    def __init__(self, listener: Listener) -> None:
        self.listener, self.started = listener, time.monotonic()
        self.steps: list[QueueStep] = []

    def write(self, did: str, number: int | None, outcome: str | Refused | None) -> None:
        row = self.listener.row()
        waiting, limit = (row.receive_queue, row.send_queue) if row else (None, None)
        self.steps.append(QueueStep(did, number, outcome, waiting, limit, time.monotonic() - self.started))
