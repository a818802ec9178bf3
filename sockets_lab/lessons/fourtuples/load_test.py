"""A crowd: as many connections to one port as you like, and what one of them costs.

A process has a limit of descriptors, and a connection inside one machine takes two. So the guests are in processes of
their own; and where this one cannot hold all that is accepted, other hosts accept at the same listener.
Source: getrlimit(2), RLIMIT_NOFILE; proc_meminfo(5), Slab: the kernel's own data structures, of the whole machine.
"""

import os
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sockets_lab.errors import BadInput
from sockets_lab.kernel import machine, table
from sockets_lab.kernel.connecting import listening, reset_on_close
from sockets_lab.lessons.fourtuples.load_roles import AT_ONCE, Host
from sockets_lab.lessons.fourtuples.load_worker import Member
from sockets_lab.lessons.fourtuples.port_search import SPARE, more_descriptors
from sockets_lab.model import Endpoint, whole_number

MEMORY = Path("/proc/meminfo")
LARGEST = 200_000  # connections
MOST = 16  # processes of one role
BACKLOG = 4096  # connections; systems may allow fewer (Linux: net.core.somaxconn)
SECONDS = 30.0  # for all of them; fifty thousand take one or two
FEW = 16  # descriptors that a process of the crowd needs beside its share
A_PAIR = 6  # descriptors that a process of each role takes here: the ends of its pipes, and those of its start


@dataclass(frozen=True)
class Crowd:
    """Connections to one port, all open at once, and what they cost.

    made: connections along which a byte went to and fro; here: those of them that this process accepted.
    processes: the others that took part. seconds: from the first connect until the last byte was back.
    python_bytes: memory that Python takes for one accepted socket; None where nobody weighed it.
    kernel_bytes: memory that the kernel takes for one connection, both ends; None where it does not tell. It tells of
    the whole machine, so for a few connections this is a rough figure.
    ended_early: "no more descriptors", "DEADLINE", or the errno name of a refusal; None where all were made.
    """

    wanted: int
    made: int
    here: int
    endpoint: Endpoint
    processes: int
    seconds: float
    python_bytes: float | None
    kernel_bytes: float | None
    ended_early: str | None


@contextmanager
def crowd(count: int = 1000, weigh: bool = True, seconds: float = SECONDS) -> Iterator[Crowd]:
    """Have so many connections to one port of this machine, for as long as the `with` lasts.

    Args: count: 1-200,000; weigh: also trace this process's memory, which takes time; seconds: for all of it.
    Yields: what was reached: as many as the limits of descriptors allow.
    Raises: BadInput; ChildProcessError, where a process of the crowd cannot start.
    """
    whole_number(count, 1, LARGEST, "a number of connections")
    until = time.monotonic() + seconds
    with more_descriptors(count + 2 * SPARE) as limit, ExitStack() as stack:
        host = stack.enter_context(Host(listener()))
        free = limit - host.listener.fileno()  # a new descriptor is the lowest free number
        hosts, guests = shares(count, free - SPARE, limit - FEW, min(MOST, (free - FEW) // A_PAIR))
        if len(guests) > (room := accept_queue(host.listener) + 1):
            raise BadInput(f"{count} connections come from {len(guests)} processes, and the accept queue has room for "
                           f"{room}: pass at most {room * guests[0]}, or raise net.core.somaxconn.")  # fmt: skip
        others = [stack.enter_context(Member(*role, until)) for role in roles(host.listener, hosts[1:], guests, until)]
        for one in others:
            one.wait_until_ready()
        yield _gathered(host, others, count, hosts, weigh, until)


def listener() -> socket.socket:
    """Return a socket that listens and never blocks. What it accepts is closed by a reset, and so leaves no row."""
    sock = listening(Endpoint("127.0.0.1", 0), BACKLOG)
    reset_on_close(sock)
    return sock


def accept_queue(sock: socket.socket) -> int:
    """Return how many connections may wait at a listener, as the kernel's table tells; BACKLOG where it does not."""
    row = table.row_of(sock)
    return BACKLOG if row is None or row.send_queue is None else row.send_queue


def shares(count: int, here: int, there: int, most: int) -> tuple[list[int], list[int]]:
    """Divide a crowd among processes.

    Args: here, there: sockets that this process can hold, and any other one; most: processes of one role.
    Returns: the shares of the hosts, of which this process is the first, and those of the processes of guests.
    """
    # Where a listener cannot be handed to another process, this one is the only host.
    hosted = max(0, here) + there * (most - 1 if os.name == "posix" else 0)
    total = max(0, min(count, hosted, there * most))
    own = min(total, max(0, here))
    return [own, *divided(total - own, there)], divided(total, there)


def divided(total: int, most: int) -> list[int]:
    """Divide a number evenly, into as few shares as can be. Args: most: of one share; 0 = there is none."""
    parts = -(-total // most) if most > 0 else 0
    return [total // parts + (part < total % parts) for part in range(parts)]


def roles(
    sock: socket.socket, hosts: list[int], guests: list[int], until: float
) -> Iterator[tuple[list[str], list[int]]]:
    """Say for every share what its process plays at this listener, and which descriptors it inherits, for `Member`."""
    descriptor, endpoint = sock.fileno(), Endpoint.of(sock.getsockname())
    at_once = max(1, min(AT_ONCE, accept_queue(sock) // max(1, len(guests))))
    for share in hosts:
        yield ["host", str(share), str(until), str(descriptor)], [descriptor]
    for number, share in enumerate(guests):
        yield ["guests", str(share), str(until), str(endpoint), str(at_once), *sources(number, share)], []


def sources(number: int, share: int) -> list[str]:
    """Name the addresses from which a process's guests come, so that none gets near half of the ephemeral range.

    Returns: none, where there is only one loopback address.
    """
    if not machine.loopback_addresses():
        return []
    low, high = machine.ephemeral_range() or (49152, 65535)
    needed = len(divided(share, max(1, (high - low + 1) // 4)))
    return [f"127.{64 + number}.{one // 250}.{1 + one % 250}" for one in range(needed)]


def _gathered(host: Host, others: list[Member], wanted: int, hosts: list[int], weigh: bool, until: float) -> Crowd:
    with python_memory(weigh) as python_bytes:
        before, begun = kernel_memory(), time.monotonic()
        for one in others:
            one.begin()
        host.play(hosts[0], until)
        kept = python_bytes()
    outcomes = [(host.done, host.ended_early), *(one.outcome() for one in others)]
    seconds, after = time.monotonic() - begun, kernel_memory()
    made = min(sum(done for done, _ in part) for part in (outcomes[: len(hosts)], outcomes[len(hosts) :]))
    reasons = [why for _, why in outcomes if why] + ["no more descriptors"] * (sum(hosts) < wanted)
    reasons.sort(key="DEADLINE".__eq__)  # one who was refused lets all others wait in vain
    return Crowd(
        wanted, made, host.done, Endpoint.of(host.listener.getsockname()), len(others), seconds,
        kept / host.done if kept and host.done else None,
        (after - before) / made if before and after and made else None,
        reasons[0] if reasons else None,
    )  # fmt: skip


def kernel_memory() -> int | None:
    """Return how many bytes the kernel's own data structures take now; None where this system does not tell."""
    try:
        lines = MEMORY.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Slab:")), None)


@contextmanager
def python_memory(weigh: bool = True) -> Iterator[Callable[[], int | None]]:
    """Trace the memory that Python takes in this process, which is then slower. Args: weigh: False = do not.

    Yields: a function that tells how many bytes more there are than when it began; None where nobody weighs.
    """
    starts = weigh and not tracemalloc.is_tracing()  # somebody else's tracing goes on
    if starts:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        yield lambda: tracemalloc.get_traced_memory()[0] - before if weigh else None
    finally:
        if starts:
            tracemalloc.stop()
