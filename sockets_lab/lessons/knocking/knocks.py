"""The values of this lesson: a knock, a knock that was heard, and what a lock says to it. They open nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused
from sockets_lab.model import checked_port

TCP, UDP = "tcp", "udp"
LONGEST = 1e9  # seconds
MOST_KNOCKS = 32  # in one sequence; knockd takes as many
OPENED, SHUT = "opened", "shut"  # what every lock says
STEP, WRONG, LATE = "step", "wrong", "late"  # what a lock with a sequence says
REFUSED = "refused"  # what a lock with a key says, and why stands beside it


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
