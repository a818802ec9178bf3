"""The lock that a sequence of knocks opens, for the one who knocked and for nobody else.

No socket and no clock: knocks go in with their time, events come out. Whoever hears knocks and moves a gate stands in
`hearing`, `gate` and `daemon`.
"""

from collections.abc import Iterable

from sockets_lab.lessons.knocking.knocks import (
    LATE,
    OPENED,
    STEP,
    WRONG,
    Event,
    Heard,
    Knock,
    checked_seconds,
    sequence_of,
)
from sockets_lab.lessons.knocking.openings import OPEN_FOR, Openings

WINDOW = 10.0  # seconds from the first knock to the last, unless told otherwise
MOST_SOURCES = 1000  # whose progress is remembered: source addresses can be made up, memory cannot


class Lock:
    """A lock that opens for a source address which knocks at the right ports, in the right order, in time.

    Each source has a progress of its own. A wrong knock throws it back to the beginning; so does a knock after the
    window. A knock that does not fit but is the sequence's first counts as that: somebody begins anew.
    Args: sequence: 1-32 knocks, as `sequence_of` reads them; window: seconds from the first knock to the last;
        open_for: seconds until the port is shut again.
    Raises: BadInput.
    """

    def __init__(
        self, sequence: str | Iterable[Knock | str | int], window: float = WINDOW, open_for: float = OPEN_FOR
    ) -> None:
        self.sequence = sequence_of(sequence)
        self.window = checked_seconds(window, "the window for a sequence")
        self.openings = Openings(open_for)
        self._progress: dict[str, tuple[int, float]] = {}  # source -> knocks that were right, time of the first

    def hear(self, heard: Heard) -> Event:
        """Take one knock in, and return what came of it: "step", "wrong", "late" or "opened"."""
        place, begun = self._progress.pop(heard.source, (0, heard.time))
        late = place > 0 and not 0 <= heard.time - begun <= self.window
        fits = not late and heard.knock == self.sequence[place]
        if not fits:
            place, begun = 0, heard.time
        if fits or heard.knock == self.sequence[0]:
            place += 1
        what = LATE if late else STEP if fits else WRONG
        if fits and place == len(self.sequence):
            what, place = OPENED, 0
            self.openings.open(heard.source, heard.time)
        if place:
            self._remember(heard.source, place, begun)
        return Event(heard.time, heard.source, what, place, heard.knock)

    def progress(self, source: str, now: float) -> int:
        """Return how many knocks of the sequence a source has right, one after the other, and still in time."""
        place, begun = self._progress.get(source, (0, now))
        return place if 0 <= now - begun <= self.window else 0

    def is_open(self, source: str, now: float) -> bool:
        """Whether the port is open for this source."""
        return self.openings.is_open(source, now)

    def expire(self, now: float) -> tuple[Event, ...]:
        """Let time go by. Returns: an event "shut" for each for whom the port was open, and whose time is over."""
        return self.openings.expire(now)

    def next_time(self) -> float | None:
        """Return when `expire` will have somebody to shut out; None where the port is open for nobody."""
        return self.openings.next_time()

    def _remember(self, source: str, place: int, begun: float) -> None:
        if len(self._progress) >= MOST_SOURCES:
            del self._progress[next(iter(self._progress))]  # of whom nothing was heard for the longest time
        self._progress[source] = (place, begun)
