"""What `connect` costs while the ephemeral range fills: the kernel's search for a free port, measured.

Thousands of connections to one remote endpoint are started and never finished, so the other end costs nothing. All of
them are closed before the answer is returned. Source: ip-sysctl, ip_local_port_range; getrlimit(2), RLIMIT_NOFILE.
"""

import os
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice

from sockets_lab import guard
from sockets_lab.errors import refusal
from sockets_lab.kernel import machine
from sockets_lab.kernel.connecting import UNDER_WAY, listening
from sockets_lab.model import Endpoint

BATCH = 32  # connects that share one point of the curve
PAST_HALF = 5 * BATCH  # how far to go beyond half of the range: each of these may take a millisecond
MOST = 20_000  # connects, where the system does not tell its range
STEEP = 3  # points at the end of the curve that are surely beyond half
SPARE = 64  # descriptors that are left to the rest of this process


@dataclass(frozen=True)
class ConnectCost:
    """What one connect costs while more and more ports are in use toward one remote endpoint: one point a batch.

    ports: the size of the system's range; None where it does not tell. used: connections at the end of the batch.
    microseconds: the median of the batch's connects. even: the share, 0-1, of its ports that are even.
    ended_early: why it stopped before half of the range was passed: "no more descriptors", "timed out", or the errno
    name of a refusal; None where it did not.
    """

    ports: int | None
    used: tuple[int, ...]
    microseconds: tuple[float, ...]
    even: tuple[float, ...]
    ended_early: str | None

    @property
    def rise(self) -> float | None:
        """How many times as much the last connects cost as the usual one; None where half was not passed."""
        if self.ended_early or len(self.microseconds) < 2 * STEEP:
            return None
        return statistics.median(self.microseconds[-STEEP:]) / statistics.median(self.microseconds)


def connect_cost(seconds: float = 60.0, most: int | None = None) -> ConnectCost:
    """Start connections to one endpoint until half of the system's range is used, and time each `connect`.

    Args: seconds: stop after so long (the usual is 0.5); most: connects, None = just past half of the range.
    """
    told = machine.ephemeral_range()
    ports = told[1] - told[0] + 1 if told else None
    wanted = most or (ports // 2 + PAST_HALF if ports else MOST)
    with more_descriptors(wanted + 2 * SPARE) as limit, ExitStack() as stack:
        # Room for one connection only: the others get no answer, and stay in SYN_SENT until they are closed.
        remote = Endpoint.of(stack.enter_context(listening(Endpoint("127.0.0.1", 0), 0)).getsockname())
        return _measure(_connects(stack, remote, limit), ports, wanted, time.monotonic() + seconds)


@contextmanager
def more_descriptors(wanted: int) -> Iterator[int]:
    """Raise this process's soft limit of descriptors toward `wanted`, as far as the hard one lets it, for a while.

    Yields: the limit that now holds.
    """
    soft, hard = machine.descriptor_limits()
    try:
        import resource
    except ImportError:  # no such limit on this system
        yield soft
        return
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(soft, min(wanted, hard))
    try:
        if limit > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    except (OSError, ValueError):  # some systems allow less than they say
        limit = soft
    try:
        yield limit
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _connects(stack: ExitStack, remote: Endpoint, limit: int) -> Iterator[tuple[float, int]]:
    """Start one connection after the other: microseconds, and the port that it got. Raises: OSError."""
    guard.destination(remote)
    while True:
        sock = stack.enter_context(socket.socket(remote.family, socket.SOCK_STREAM))
        if sock.fileno() >= limit - SPARE:  # a new descriptor is the lowest free number, so most below are in use
            return
        sock.setblocking(False)
        started = time.perf_counter()
        code = sock.connect_ex(remote.sockaddr)
        microseconds = (time.perf_counter() - started) * 1e6
        if code not in UNDER_WAY:
            raise OSError(code, os.strerror(code))
        yield microseconds, sock.getsockname()[1]


def _measure(connects: Iterator[tuple[float, int]], ports: int | None, wanted: int, deadline: float) -> ConnectCost:
    used: list[int] = []
    medians: list[float] = []
    shares: list[float] = []
    count = 0
    ended: str | None = None
    while count < wanted:
        try:
            batch = list(islice(connects, min(BATCH, wanted - count)))
        except OSError as error:
            ended = refusal(error).name
            break
        if not batch:
            ended = "no more descriptors"
            break
        count += len(batch)
        used.append(count)
        medians.append(statistics.median(cost for cost, _ in batch))
        shares.append(sum(port % 2 == 0 for _, port in batch) / len(batch))
        if time.monotonic() > deadline:
            ended = "timed out"
            break
    return ConnectCost(ports, tuple(used), tuple(medians), tuple(shares), ended)
