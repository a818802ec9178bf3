"""Who scans here? Attempts go in, alarms come out; no socket is touched, and the only clock is the attempts' own.

A client asks for the few services that it uses; a scan asks for many ports. So the detector counts, for each source
address, how many different ports it asked for within a window of time, and raises an alarm at a threshold. Who asks
slowly enough stays below it: that is a limit of the method, not of the code.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

from sockets_lab.errors import BadInput
from sockets_lab.lessons.scanning.scan_options import checked_seconds
from sockets_lab.model import MAX_PORT, Endpoint, whole_number


@dataclass(frozen=True, order=True)
class Attempt:
    """Somebody asked for a port: a TCP segment with SYN alone, or a UDP datagram. time: seconds since 1970."""

    time: float
    source: Endpoint
    port: int
    protocol: str = "tcp"


@dataclass(frozen=True, order=True)
class Alarm:
    """A source asked for as many ports as the threshold. first: when it asked for the first of them."""

    time: float
    source: str
    ports: int
    first: float


@dataclass(frozen=True)
class Visit:
    """Who really scanned, and when: what alarms are judged by. Times in seconds since 1970."""

    source: str
    began: float
    ended: float


@dataclass(frozen=True)
class Judgement:
    """What a detector was worth: the scans that it found and missed, and its alarms at nobody who scanned."""

    found: tuple[Visit, ...]
    missed: tuple[Visit, ...]
    false_alarms: tuple[Alarm, ...]

    def __str__(self) -> str:
        return f"{len(self.found)} found, {len(self.missed)} missed, {len(self.false_alarms)} false alarms"


class Detector:
    """Tells scans from visits by the number of different ports that a source asks for.

    Args: threshold: ports, 2-65535; window: seconds, 0.001-86400. A source is told once, and again only after it has
    stayed below the threshold in between. Raises: BadInput.
    """

    def __init__(self, threshold: int = 15, window: float = 10.0) -> None:
        self.threshold = whole_number(threshold, 2, MAX_PORT, "a threshold")
        self.window = checked_seconds(window, "window", 0.001, 86400)
        self._recent: dict[str, deque[Attempt]] = {}  # by source, the earliest first
        self._counts: dict[str, Counter[tuple[str, int]]] = {}  # how often a port stands among them
        self._told: set[str] = set()
        self._now = float("-inf")

    def feed(self, attempt: Attempt) -> Alarm | None:
        """Take one attempt more; they come in the order of time. Returns: the alarm that it raises, if it does."""
        if attempt.time < self._now:
            raise BadInput("attempts go into a detector in the order of time: sort them first.")
        self._now = attempt.time
        source = attempt.source.address
        recent = self._recent.setdefault(source, deque())
        counts = self._counts.setdefault(source, Counter())
        recent.append(attempt)
        counts[attempt.protocol, attempt.port] += 1
        self._forget(recent, counts)
        if len(counts) < self.threshold:
            self._told.discard(source)
        elif source not in self._told:
            self._told.add(source)
            return Alarm(attempt.time, source, len(counts), recent[0].time)
        return None

    def ports(self, source: str) -> int:
        """Return how many different ports a source asked for within the window that ended at its latest attempt."""
        return len(self._counts.get(source, ()))

    def first(self, source: str) -> float:
        """Return when it asked for the first of these. Raises: BadInput, where it never asked."""
        if source not in self._recent:
            raise BadInput(f"{source} asked for nothing: pass the address of a source that did.")
        return self._recent[source][0].time

    def _forget(self, recent: deque[Attempt], counts: Counter[tuple[str, int]]) -> None:
        while recent[0].time <= self._now - self.window:
            old = recent.popleft()
            counts[old.protocol, old.port] -= 1
            if not counts[old.protocol, old.port]:
                del counts[old.protocol, old.port]


def alarms(attempts: Iterable[Attempt], threshold: int = 15, window: float = 10.0) -> tuple[Alarm, ...]:
    """Return the alarms that a new detector raises for these attempts, in whatever order they are given."""
    detector = Detector(threshold, window)
    return tuple(alarm for one in sorted(attempts) if (alarm := detector.feed(one)))


def judge(raised: Iterable[Alarm], truth: Iterable[Visit], window: float = 10.0) -> Judgement:
    """Hold alarms against what really happened.

    Args: truth: all scans that there were; window: the detector's, in seconds, as an alarm may come that late.
    Returns: a scan is found if an alarm names its source at its time; an alarm that names no scan is false.
    """
    raised, truth = tuple(raised), tuple(truth)
    right = {(alarm, scan) for alarm in raised for scan in truth
             if alarm.source == scan.source and alarm.first <= scan.ended and scan.began <= alarm.time
             and alarm.time <= scan.ended + window}  # fmt: skip
    caught, named = {scan for _, scan in right}, {alarm for alarm, _ in right}
    return Judgement(
        tuple(scan for scan in truth if scan in caught),
        tuple(scan for scan in truth if scan not in caught),
        tuple(alarm for alarm in raised if alarm not in named),
    )


@dataclass(frozen=True, slots=True)
class Level:
    """How many different ports a source had asked for within the window, at the time of one of its attempts.

    time, first: seconds since 1970; first: when it asked for the first of them.
    """

    time: float
    source: str
    ports: int
    first: float


def levels(attempts: Iterable[Attempt], window: float = 10.0) -> tuple[Level, ...]:
    """Count as a `Detector` does, whatever its threshold; one level for each attempt, by time. Raises: BadInput."""
    detector = Detector(MAX_PORT, window)
    found = []
    for one in sorted(attempts, key=lambda attempt: attempt.time):
        detector.feed(one)
        source = one.source.address
        found.append(Level(one.time, source, detector.ports(source), detector.first(source)))
    return tuple(found)


def alarms_at(counted: Iterable[Level], threshold: int) -> tuple[Alarm, ...]:
    """Return the alarms that a detector with this threshold raises, the same as `alarms`. Raises: BadInput."""
    whole_number(threshold, 2, MAX_PORT, "a threshold")
    told: set[str] = set()
    raised = []
    for one in counted:
        if one.ports < threshold:
            told.discard(one.source)
        elif one.source not in told:
            told.add(one.source)
            raised.append(Alarm(one.time, one.source, one.ports, one.first))
    return tuple(raised)
