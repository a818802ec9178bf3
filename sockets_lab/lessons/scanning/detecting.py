"""Who scans here? Attempts go in, alarms come out; no socket is touched, and the only clock is the attempts' own.

A client asks for the few services that it uses; a scan asks for many ports. So the detector counts, for each source
address, how many different ports it asked for within a window of time, and raises an alarm at a threshold. Who asks
slowly enough stays below it: that is a limit of the method, not of the code.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from sockets_lab.lessons.scanning.scan_options import checked_seconds
from sockets_lab.model import MAX_PORT, Endpoint, whole_number


@dataclass(frozen=True, order=True)
class Attempt:
    """Somebody asked for a port: a TCP segment with SYN alone, or a UDP datagram. time: seconds since 1970."""

    time: float
    source: Endpoint
    port: int
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class Level:
    """How many different ports a source had asked for within the window, at the time of one of its attempts.

    time, first: seconds since 1970; first: when it asked for the first of them. An alarm is a level at the threshold.
    """

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
    false_alarms: tuple[Level, ...]

    def __str__(self) -> str:
        return f"{len(self.found)} found, {len(self.missed)} missed, {len(self.false_alarms)} false alarms"


def levels(attempts: Iterable[Attempt], window: float = 10.0) -> tuple[Level, ...]:
    """Count the ports of each source; one level for each attempt, by time. With them a threshold is tried at once.

    Args: window: seconds, 0.001-86400. Raises: BadInput.
    """
    window = checked_seconds(window, "window", 0.001, 86400)
    recent: defaultdict[str, deque[Attempt]] = defaultdict(deque)  # by source, the earliest first
    counts: defaultdict[str, Counter[tuple[str, int]]] = defaultdict(Counter)  # how often a port stands among them
    found = []
    for one in sorted(attempts, key=lambda attempt: attempt.time):
        source = one.source.address
        mine, ports = recent[source], counts[source]
        mine.append(one)
        ports[one.protocol, one.port] += 1
        while mine[0].time <= one.time - window:
            old = mine.popleft()
            ports[old.protocol, old.port] -= 1
            if not ports[old.protocol, old.port]:
                del ports[old.protocol, old.port]
        found.append(Level(one.time, source, len(ports), mine[0].time))
    return tuple(found)


def alarms_at(counted: Iterable[Level], threshold: int = 15) -> tuple[Level, ...]:
    """Return the levels that raise an alarm: a source is told once, and again only after it was below in between.

    Args: threshold: ports, 2-65535. Raises: BadInput.
    """
    whole_number(threshold, 2, MAX_PORT, "a threshold")
    told: set[str] = set()
    raised = []
    for one in counted:
        if one.ports < threshold:
            told.discard(one.source)
        elif one.source not in told:
            told.add(one.source)
            raised.append(one)
    return tuple(raised)


def alarms(attempts: Iterable[Attempt], threshold: int = 15, window: float = 10.0) -> tuple[Level, ...]:
    """Return the alarms for attempts, in whatever order they are given. Args: as for `alarms_at` and `levels`."""
    return alarms_at(levels(attempts, window), threshold)


def judge(raised: Iterable[Level], truth: Iterable[Visit], window: float = 10.0) -> Judgement:
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
