"""What a detector counted at each attempt. With it a threshold is tried without counting all anew."""

from collections.abc import Iterable
from dataclasses import dataclass

from sockets_lab.lessons.scanning.detecting import Alarm, Attempt, Detector
from sockets_lab.model import MAX_PORT, whole_number


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
