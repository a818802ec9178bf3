"""What a sequence of knocks opens, or one signed request: for the one who knocked or asked, and for nobody else.

No socket and no clock: knocks go in with their time, events come out.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused
from sockets_lab.lessons.knocking.authorization import ACCEPTED, LONGEST, Verifier
from sockets_lab.lessons.scanning.scan_options import checked_seconds
from sockets_lab.model import checked_port

TCP, UDP = "tcp", "udp"
MOST_KNOCKS = 32  # in one sequence; knockd takes as many
OPENED, SHUT = "opened", "shut"  # what every lock says
STEP, WRONG, LATE = "step", "wrong", "late"  # what a lock with a sequence says
REFUSED = "refused"  # what a lock with a key says, and why stands beside it
OPEN_FOR = 30.0  # seconds that a port stays open, unless told otherwise
WINDOW = 10.0  # seconds from the first knock to the last, unless told otherwise
REQUEST_PORT = 62201  # where requests are sent; fwknop's usual port
MOST_SOURCES = 1000  # whose progress is remembered: source addresses can be made up, memory cannot


@dataclass(frozen=True, order=True)
class Knock:
    """One attempt to reach a port: with the first segment of a TCP connection, or with a UDP datagram.

    Args: port: 1-65535; protocol: "tcp" or "udp". Raises: BadInput.
    """

    port: int
    protocol: str = TCP

    def __post_init__(self) -> None:
        object.__setattr__(self, "port", checked_port(self.port))
        if self.port == 0:
            raise BadInput("nobody can knock at port 0: pass a port from 1 to 65535.")
        if self.protocol not in (TCP, UDP):
            raise BadInput(f"{self.protocol!r} has no ports to knock at: pass 'tcp' or 'udp'.")

    @classmethod
    def parse(cls, text: str) -> "Knock":
        """Read "7000" (TCP) or "7000:udp", as knock(1) writes them."""
        port, _, protocol = str(text).strip().partition(":")
        return cls(checked_port(port), protocol.lower() or TCP)

    def __str__(self) -> str:
        return f"{self.port}:{self.protocol}"


@dataclass(frozen=True)
class Heard:
    """A knock as it came: when (seconds since 1970), from which IP address, and what the datagram carried."""

    time: float
    source: str
    knock: Knock
    payload: bytes = b""


@dataclass(frozen=True)
class Event:
    """What a lock made of a knock, or of time that went by.

    what: "step", "wrong", "late", "opened", "shut" or "refused". place: how many knocks of the sequence this source has
    right now. because: a word or a sentence; refused: what the system answered when the gate was to follow.
    """

    time: float
    source: str
    what: str
    place: int = 0
    knock: Knock | None = None
    because: str = ""
    refused: Refused | None = None

    @property
    def verdict(self) -> str:
        return self.because if self.what == REFUSED else self.what


def sequence_of(knocks: "str | Iterable[Knock | str | int]") -> tuple[Knock, ...]:
    """Read a sequence of 1-32 knocks: "7000:udp 8000 9000:tcp", or these one by one. Raises: BadInput."""
    if isinstance(knocks, str):
        knocks = knocks.replace(",", " ").split()
    if not isinstance(knocks, Iterable):
        raise BadInput(f"{knocks!r} is no sequence of knocks: write it as '7000:udp 8000 9000'.")
    sequence = tuple(one if isinstance(one, Knock) else Knock.parse(str(one)) for one in knocks)
    if not 1 <= len(sequence) <= MOST_KNOCKS:
        raise BadInput(f"a sequence has 1 to {MOST_KNOCKS} knocks, not {len(sequence)}: write it as '7000:udp 8000'.")
    return sequence


class Openings:
    """The sources for which a port is open. Args: open_for: seconds until it shuts again, above 0.

    Where the clock is set back, it stays open for at most twice its time: by more than that, and it is shut at once.
    """

    def __init__(self, open_for: float = OPEN_FOR) -> None:
        self.open_for = checked_seconds(open_for, "time for a port to stay open", 0.001, LONGEST)
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
        self.window = checked_seconds(window, "window for a sequence", 0, LONGEST)
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

    def _remember(self, source: str, place: int, begun: float) -> None:
        if len(self._progress) >= MOST_SOURCES:
            del self._progress[next(iter(self._progress))]  # of whom nothing was heard for the longest time
        self._progress[source] = (place, begun)


class KeyLock:
    """The lock that one signed request opens. Args: door: the port that it guards; at: the port where requests come."""

    def __init__(self, verifier: Verifier, door: int, at: int = REQUEST_PORT, open_for: float = OPEN_FOR) -> None:
        self.verifier, self.door, self.at = verifier, door, Knock(at, UDP)
        self.openings = Openings(open_for)

    def hear(self, heard: Heard) -> Event | None:
        """Judge a request: "opened", or "refused" and the verdict's name. Anything else is no matter of this lock."""
        if heard.knock != self.at:
            return None
        verdict = self.verifier.verify(heard.payload, heard.source, heard.time)
        name, what = verdict.name, REFUSED
        if name == ACCEPTED and verdict.request and verdict.request.port != self.door:
            name = "another port"
        if name == ACCEPTED:
            what = OPENED
            self.openings.open(heard.source, heard.time)
        return Event(heard.time, heard.source, what, 0, heard.knock, name)
