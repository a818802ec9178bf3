"""What a scan has found: one word for each port; and the scan on its way: who is told, and whether to stop."""

import errno
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event

from sockets_lab import guard
from sockets_lab.errors import BadInput, refusal
from sockets_lab.lessons.scanning.scan_options import Ports, checked_rate, checked_seconds, in_order
from sockets_lab.model import Endpoint

TICK = 0.05  # seconds between looking up from the work: to tell the progress, and to stop
BATCH = 128  # ports asked before looking at the clock; on loopback that takes about a millisecond
OPEN, REFUSED, FILTERED, OPEN_OR_FILTERED, UNDECIDED = "open", "refused", "filtered", "open or filtered", "undecided"
SILENT = {"tcp": FILTERED, "udp": OPEN_OR_FILTERED}  # what it means that no answer came


@dataclass(frozen=True)
class Scan:
    """The result of a scan. All ports stand in rising order; each that was asked for stands in just one place.

    protocol: "tcp" or "udp".
    open: somebody answered. refused: the machine said at once that nobody is there (TCP: a reset; UDP: ICMP).
    silent: no answer before the deadline: see `outcome`. other: errno name of a refusal of another kind -> ports.
    undecided: not asked, or not answered, when the scan was stopped.
    met_itself: ports that looked open because a socket of the scan met itself, or another of the scan, there: false
    opens. They were asked again, so they stand at their true place too. seconds: how long it took.
    """

    address: str
    protocol: str
    open: tuple[int, ...]
    refused: tuple[int, ...] = field(repr=False)
    silent: tuple[int, ...] = field(repr=False)
    other: tuple[tuple[str, tuple[int, ...]], ...] = field(repr=False)
    undecided: tuple[int, ...] = field(repr=False)
    met_itself: tuple[int, ...]
    seconds: float

    @property
    def outcomes(self) -> dict[str, tuple[int, ...]]:
        """The ports by outcome; outcomes without ports are left out."""
        found = {OPEN: self.open, REFUSED: self.refused, SILENT[self.protocol]: self.silent, **dict(self.other),
                 UNDECIDED: self.undecided}  # fmt: skip
        return {outcome: ports for outcome, ports in found.items() if ports}

    def outcome(self, port: int) -> str:
        """Say in a word what came of one port.

        Returns: "open"; "refused"; no answer at all: "filtered" (TCP: whoever lives there drops packets for this port)
            or "open or filtered" (UDP: a program need not answer a datagram); an errno name; "undecided".
        Raises: BadInput, where the port was not asked for.
        """
        for outcome, ports in self.outcomes.items():
            place = bisect_left(ports, port)  # a picture asks for every port
            if ports[place : place + 1] == (port,):
                return outcome
        raise BadInput(f"this scan did not ask for port {port!r}: pass one of the ports that it was given.")

    @property
    def count(self) -> int:
        """How many ports were to be asked."""
        return sum(map(len, self.outcomes.values()))

    @property
    def stopped(self) -> bool:
        """Whether it ended before every port was decided."""
        return bool(self.undecided)

    def __str__(self) -> str:
        told = ", ".join(f"{len(ports)} {outcome}" for outcome, ports in self.outcomes.items())
        return f"{self.protocol} scan of {self.address}, {self.count} ports: {told}"


@dataclass(frozen=True)
class Progress:
    """How far a scan has come: ports decided, ports in all, and the open ones so far."""

    decided: int
    total: int
    open: tuple[int, ...]


class Run:
    """What a scan was asked to do, and has found so far: lists of ports, in the order in which they were decided.

    Args: as for `tcp.scan`. Raises: BadInput, before any socket is touched.
    """

    def __init__(
        self, address: str, ports: Ports, deadline: float, order: str, rate: float | None,
        progress: Callable[[Progress], object] | None, stop: Event | None,
    ) -> None:  # fmt: skip
        self.target = guard.destination(Endpoint(address, 0))
        self.todo = in_order(ports, order)
        self.deadline = checked_seconds(deadline, "deadline", 0.01, 60)
        self.rate, self._progress, self._stop = checked_rate(rate), progress, stop
        self.open: list[int] = []
        self.refused: list[int] = []
        self.silent: list[int] = []
        self.other: dict[str, list[int]] = {}
        self.met_itself: list[int] = []
        self.is_over = False  # it was told to stop
        self._began = self._told = time.monotonic()

    def decided(self, port: int, code: int | None) -> None:
        """Note the outcome of a port: the errno number, None for open."""
        if code is None:
            self.open.append(port)
        elif code == errno.ECONNREFUSED:
            self.refused.append(port)
        elif code == errno.ETIMEDOUT:
            self.silent.append(port)
        else:
            self.other.setdefault(refusal(OSError(code, os.strerror(code))).name, []).append(port)

    def goes_on(self, attend: Callable[[float], None], seconds: float = TICK) -> bool:
        """Attend to the sockets that wait, so long at most; tell the progress; then tell whether to go on."""
        attend(seconds)
        if time.monotonic() - self._told >= TICK:
            self.tell()
        self.is_over = self.is_over or (self._stop is not None and self._stop.is_set())
        return not self.is_over

    def tell(self) -> None:
        self._told = time.monotonic()
        if self._progress is not None:
            count = len(self.open) + len(self.refused) + len(self.silent) + sum(map(len, self.other.values()))
            self._progress(Progress(count, len(self.todo), tuple(sorted(self.open))))

    def paced(self, ports: Sequence[int], attend: Callable[[float], None]) -> Iterator[int]:
        """Yield port after port, at the rate asked for, until the scan is stopped."""
        began = time.monotonic()
        size = BATCH if self.rate is None else 1
        for first in range(0, len(ports), size):
            while self.rate is not None and (early := began + first / self.rate - time.monotonic()) > 0:
                if not self.goes_on(attend, min(early, TICK)):
                    return
            if first % BATCH == 0 and not self.goes_on(attend, 0):
                return
            yield from ports[first : first + size]

    def pause(self, seconds: float, attend: Callable[[float], None]) -> bool:
        """Ask nothing for so long. Returns: whether to go on."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self.goes_on(attend, min(left, TICK)):
                return False
        return True

    def result(self, protocol: str) -> Scan:
        self.tell()
        other = {name: _sorted(ports) for name, ports in sorted(self.other.items())}
        undecided: tuple[int, ...] = ()
        if self.is_over:
            known = {*self.open, *self.refused, *self.silent, *(port for ports in other.values() for port in ports)}
            undecided = _sorted(set(self.todo) - known)
        return Scan(
            self.target.address, protocol, _sorted(self.open), _sorted(self.refused), _sorted(self.silent),
            tuple(other.items()), undecided, _sorted(set(self.met_itself)), time.monotonic() - self._began,
        )  # fmt: skip


def _sorted(ports: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(ports))
