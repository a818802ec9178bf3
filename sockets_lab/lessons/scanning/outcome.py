"""What a scan has found: one word for each port, and how that was found out."""

from bisect import bisect_left
from dataclasses import dataclass, field

from sockets_lab.errors import BadInput

OPEN, REFUSED, FILTERED, OPEN_OR_FILTERED, UNDECIDED = "open", "refused", "filtered", "open or filtered", "undecided"
SILENT = {"tcp": FILTERED, "udp": OPEN_OR_FILTERED}  # what it means that no answer came


@dataclass(frozen=True)
class Scan:
    """The result of a scan. All ports stand in rising order; each that was asked for stands in just one place.

    protocol: "tcp" or "udp". order, seed: see `in_order`, which gives the order of asking again.
    open: somebody answered. refused: the machine said at once that nobody is there (TCP: a reset; UDP: ICMP).
    silent: no answer before the deadline: see `outcome`. other: errno name of a refusal of another kind -> ports.
    undecided: not asked, or not answered, when the scan was stopped.
    met_itself: ports that looked open because a socket of the scan met itself, or another of the scan, there: false
    opens. They were asked again, so they stand at their true place too. seconds: how long it took.
    reused: whether one socket went from port to port, as it may on this system; else each port took a new one.
    """

    address: str
    protocol: str
    order: str
    seed: int | str | None
    open: tuple[int, ...]
    refused: tuple[int, ...] = field(repr=False)
    silent: tuple[int, ...] = field(repr=False)
    other: tuple[tuple[str, tuple[int, ...]], ...] = field(repr=False)
    undecided: tuple[int, ...] = field(repr=False)
    met_itself: tuple[int, ...]
    seconds: float
    reused: bool

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
    """How far a scan has come. waiting: ports from which an answer may still come; open: the open ports so far."""

    decided: int
    waiting: int
    total: int
    open: tuple[int, ...]
    seconds: float
