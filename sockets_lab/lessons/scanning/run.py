"""One scan on its way: what is decided so far, how fast it may go, who is told, and whether to stop."""

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from sockets_lab.errors import refusal
from sockets_lab.lessons.scanning.outcome import Progress, Scan
from sockets_lab.lessons.scanning.scan_options import Stop

TICK = 0.05  # seconds between looking up from the work: to tell the progress, and to stop
BATCH = 128  # ports asked before looking at the clock; on loopback that takes about a millisecond


class Run:
    """What a scan has found so far. Lists of ports, in the order in which they were decided."""

    def __init__(
        self, total: int, rate: float | None, progress: Callable[[Progress], object] | None, stop: Stop | None
    ) -> None:
        self.total, self.rate, self._progress, self._stop = total, rate, progress, stop
        self.open: list[int] = []
        self.refused: list[int] = []
        self.silent: list[int] = []
        self.other: dict[str, list[int]] = {}
        self.met_itself: list[int] = []
        self.waiting = 0
        self.is_over = False  # it was told to stop
        self._began = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

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
        """Tell the progress to whoever wants to know."""
        self._told = time.monotonic()
        if self._progress is not None:
            count = len(self.open) + len(self.refused) + len(self.silent) + sum(map(len, self.other.values()))
            self._progress(Progress(count, self.waiting, self.total, tuple(sorted(self.open)), self.seconds))

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

    def result(
        self, address: str, protocol: str, order: str, seed: int | str | None, todo: Iterable[int], reused: bool
    ) -> Scan:
        """Sum up."""
        self.waiting = 0
        self.tell()
        other = {name: _sorted(ports) for name, ports in sorted(self.other.items())}
        undecided: tuple[int, ...] = ()
        if self.is_over:
            known = {*self.open, *self.refused, *self.silent, *(port for ports in other.values() for port in ports)}
            undecided = _sorted(set(todo) - known)
        return Scan(
            address, protocol, order, seed, _sorted(self.open), _sorted(self.refused), _sorted(self.silent),
            tuple(other.items()), undecided, _sorted(set(self.met_itself)), self.seconds, reused,
        )  # fmt: skip


def _sorted(ports: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(ports))
