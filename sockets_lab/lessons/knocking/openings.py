"""For whom a port is open, and until when. Time is passed in, so that nothing here needs a clock.

Where the clock is set back, a port stays open for at most twice its time: by more than that, and it is shut at once.
"""

from sockets_lab.lessons.knocking.knocks import SHUT, Event, checked_seconds

OPEN_FOR = 30.0  # seconds that a port stays open, unless told otherwise


class Openings:
    """The sources for which a port is open. Args: open_for: seconds until it shuts again, above 0."""

    def __init__(self, open_for: float = OPEN_FOR) -> None:
        self.open_for = checked_seconds(open_for, "the time that a port stays open", 0.001)
        self._until: dict[str, float] = {}

    def open(self, source: str, now: float) -> None:
        """Open for a source from now on; where it is open already, the time begins anew."""
        self._until[source] = now + self.open_for

    def is_open(self, source: str, now: float) -> bool:
        return source in self._until and self._lasts(self._until[source], now)

    def expire(self, now: float) -> tuple[Event, ...]:
        """Forget those whose time is over. Returns: an event "shut" for each, the first that was due first."""
        over = sorted((until, source) for source, until in self._until.items() if not self._lasts(until, now))
        for _, source in over:
            del self._until[source]
        return tuple(Event(min(until, now), source, SHUT, because="its time is over") for until, source in over)

    def next_time(self) -> float | None:
        """Return when the next one is to be shut; None where it is open for nobody."""
        return min(self._until.values(), default=None)

    def _lasts(self, until: float, now: float) -> bool:
        return 0 < until - now < 2 * self.open_for
