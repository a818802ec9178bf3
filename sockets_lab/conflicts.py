"""Port conflicts: who may hold a port together with whom, tried for real, pair by pair.

A socket's claim is its protocol, its address, its port and its options. Whether two claims go together is the kernel's
rule, which differs between systems; so nothing here knows it, everything asks. The one thing to guard against is a
stranger: another program that happens to hold the same number. It can only cause a refusal, so each refusal is
checked: both claims must work alone on that number, and a second trial on another number must end alike.

A wildcard socket that listens can be reached from outside while it lives: here for well under a millisecond, or for as
long as the table is read where owners are asked for. Nobody accepts what comes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import TypeVar

from sockets_lab import table
from sockets_lab.claims import Claim, Claimant, Party, SecondProgram
from sockets_lab.errors import BadInput, Refused
from sockets_lab.model import Endpoint, SocketRow

TRIES = 100  # trials on different numbers before we say that strangers disturb all of them

PROTOCOLS = {"TCP": ("tcp", "tcp"), "UDP": ("udp", "udp"), "TCP, then UDP": ("tcp", "udp")}
PAIRS = {
    "same address": (Claim(), Claim()),
    "two loopback addresses": (Claim(), Claim(address="127.0.0.2")),
    "wildcard, then specific": (Claim(address="0.0.0.0"), Claim()),
    "specific, then wildcard": (Claim(), Claim(address="0.0.0.0")),
    "dual-stack ::, then 0.0.0.0": (Claim(address="::"), Claim(address="0.0.0.0")),
    "IPv6-only ::, then 0.0.0.0": (Claim(address="::", ipv6_only=True), Claim(address="0.0.0.0")),
    "::1, then 127.0.0.1": (Claim(address="::1"), Claim()),
}
SIDES = {"none": (False, False), "first": (True, False), "second": (False, True), "both": (True, True)}
LISTENING = {"no": ("no", "no"), "at once": ("before", "before"), "when both are bound": ("after", "after")}


@dataclass(frozen=True)
class Step:
    """One call of one of the sockets (1 = the first, ...), and what the kernel answered: None = it worked."""

    call: str
    socket: int
    refused: Refused | None = None

    @property
    def name(self) -> str:
        return f"{self.call} {self.socket}"

    def __str__(self) -> str:
        return f"{self.name}: {self.refused or 'worked'}"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What every trial here leaves: its steps, in the order tried; a socket that was refused takes no further step.

    disturbed: strangers held every number that we tried, so a refusal here says nothing about the claims.
    """

    steps: tuple[Step, ...] = ()
    disturbed: bool = False

    @property
    def refused(self) -> Step | None:
        """The first step that was refused, or None."""
        return next((step for step in self.steps if step.refused), None)

    @property
    def ending(self) -> str:
        """ "all worked", or which step was refused first: "bind 2", "listen 1", ..."""
        return self.refused.name if self.refused else "all worked"


@dataclass(frozen=True, kw_only=True)
class Outcome(Trial):
    """How two claims ended on one port; port: None where the first got none.

    holders: rows of the port while both stood, with owners; () unless asked for.
    """

    first: Claim
    second: Claim
    port: int | None = None
    two_programs: bool = False
    holders: tuple[SocketRow, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix: the names under which it stands, and what was measured there."""

    protocols: str
    pair: str
    listening: str
    reuse_address: str
    reuse_port: str
    outcome: Outcome = field(kw_only=True)


def stage(first: Claim, second: Claim, two_programs: bool = False, owners: bool = False) -> Outcome:
    """Let two claims meet on one port number, which the kernel gives to the first.

    Args:
        two_programs: the second claim is another process's, a real one.
        owners: read from the kernel's table who holds the port then; takes some milliseconds.
    Returns: each step's outcome; what the kernel refuses is a `Refused` in its step.
    """
    plan = Outcome(first=first, second=second, two_programs=two_programs)
    with Claimant() as one, SecondProgram() if two_programs else Claimant() as two:
        return settled(lambda: _trial(one, two, plan, owners))


def matrix(
    protocols: Iterable[str] = PROTOCOLS, pairs: Iterable[str] = PAIRS, listening: Iterable[str] = LISTENING
) -> tuple[Cell, ...]:
    """Stage every combination of the two options and of listening, for these protocols and pairs of addresses.

    Args: names from PROTOCOLS, PAIRS, LISTENING. UDP does not listen, so its cells stand under "no" only.
    Returns: one cell a trial, 784 with all names, in the order of the arguments; well under a second.
    Raises: BadInput, for an unknown name.
    """
    chosen = [_known(protocols, PROTOCOLS), _known(pairs, PAIRS), _known(listening, LISTENING)]
    with Claimant() as one, Claimant() as two:
        return tuple(
            Cell(*where, outcome=settled(partial(_trial, one, two, _plan(*where))))
            for where in product(*chosen, SIDES, SIDES)
            if where[0] != "UDP" or where[2] == "no"
        )


def _known(names: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    known, names = tuple(known), (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        if name not in known:
            raise BadInput(f"{name!r} is not in the matrix: pass some of {', '.join(map(repr, known))}.")
    return names


def claims(protocols: str, pair: str, listening: str, reuse_address: str, reuse_port: str) -> tuple[Claim, Claim]:
    """Spell out the two claims of one cell. Args: names from PROTOCOLS, PAIRS, LISTENING, SIDES and SIDES again."""
    first, second = (
        replace(
            PAIRS[pair][side],
            protocol=protocol,
            reuse_address=SIDES[reuse_address][side],
            reuse_port=SIDES[reuse_port][side],
            listens=LISTENING[listening][side] if protocol == "tcp" else "no",
        )
        for side, protocol in enumerate(PROTOCOLS[protocols])
    )
    return first, second


def _plan(*where: str) -> Outcome:
    first, second = claims(*where)
    return Outcome(first=first, second=second)


T = TypeVar("T", bound=Trial)


def settled(trial: Callable[[], T]) -> T:
    """Repeat a trial until its answer is the claims' own and not a stranger's, as said at the top of this module."""
    before = None
    for _ in range(TRIES):
        result = trial()
        if not in_use(result.refused):
            return result
        if not result.disturbed:
            if result.ending == before:
                return result
            before = result.ending
    return result


def in_use(step: Step | None) -> bool:
    """Tell whether a step was refused for another socket's sake. Windows calls some of these EACCES."""
    return bool(step and step.refused and step.refused.name in ("EADDRINUSE", "EACCES"))


def _trial(one: Claimant, two: Party, plan: Outcome, owners: bool = False) -> Outcome:
    """Play one trial on a fresh port; `disturbed` where a claim does not even work alone on its number."""
    pair = (plan.first, plan.second)
    steps, port = play((one, two), pair)
    held = who_holds(*pair, port) if owners and port else ()
    one.close()
    two.close()
    outcome = replace(plan, port=port, steps=steps, holders=held)
    if port and in_use(outcome.refused):
        outcome = replace(outcome, disturbed=not all(_works_alone(claim, port) for claim in pair))
    return outcome


def play(parties: Sequence[Party], wanted: Sequence[Claim], port: int = 0) -> tuple[tuple[Step, ...], int | None]:
    """Let each party make its claim to one port, in order, and leave the sockets open.

    Args: port: 0 = the kernel gives the first one a number, and the others ask for the same.
    Returns: the steps taken, and the port; None where the first got none, and then nobody else tries.
    """
    steps: list[Step] = []
    out: set[int] = set()
    for number, call in _order(wanted):
        if number in out or (number > 1 and port == 0):
            continue
        answer = _call(parties[number - 1], call, wanted[number - 1], port)
        refused = answer if isinstance(answer, Refused) else None
        if refused:
            out.add(number)
        elif call == "bind" and isinstance(answer, int):
            port = answer
        if call != "open" or refused:  # creating a socket is no news, unless it fails
            steps.append(Step(call, number, refused))
    return tuple(steps), port or None


def _order(wanted: Sequence[Claim]) -> list[tuple[int, str]]:
    order, late = [], []
    for number, claim in enumerate(wanted, 1):
        order += [(number, "open"), (number, "bind")]
        order += [(number, "listen")] if claim.listens == "before" else []
        late += [(number, "listen")] if claim.listens == "after" else []
    return order + late


def _call(party: Party, call: str, claim: Claim, port: int) -> int | Refused | None:
    return {"open": lambda: party.open(claim), "bind": lambda: party.bind(port), "listen": party.listen}[call]()


def _works_alone(claim: Claim, port: int) -> bool:
    with Claimant() as alone:
        return not any(in_use(step) for step in play((alone,), (claim,), port)[0])


def who_holds(first: Claim, second: Claim, port: int) -> tuple[SocketRow, ...]:
    """Read from the kernel's table who holds a port on the addresses of both claims, with owners.

    A row's `owners` is None where they are another user's. A bound TCP socket that does not listen may have no row.
    """
    places = {(claim.protocol, claim.address) for claim in (first, second)}
    rows = [row for protocol, address in sorted(places) for row in table.holders(Endpoint(address, port), protocol)]
    return tuple(dict.fromkeys(rows))
