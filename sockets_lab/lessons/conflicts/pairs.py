"""A pair of claims on one port: may both have it? Nothing here knows the rule; the kernel is asked.

A wildcard socket that listens can be reached from outside while it lives: here for well under a millisecond, or for as
long as the table is read where owners are asked for. Nobody accepts what comes.
"""

from collections.abc import Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import count, product

from sockets_lab.errors import BadInput
from sockets_lab.kernel import table
from sockets_lab.lessons.conflicts.bind_requests import BindRequest, Requester
from sockets_lab.lessons.conflicts.subprocess_peer import Party, SecondProgram
from sockets_lab.lessons.conflicts.trials import Trial, in_use, play, settled
from sockets_lab.model import Endpoint, SocketRow

PROTOCOLS = {"TCP": ("tcp", "tcp"), "UDP": ("udp", "udp"), "TCP, then UDP": ("tcp", "udp")}
PAIRS = {
    "same address": (BindRequest(), BindRequest()),
    "two loopback addresses": (BindRequest(), BindRequest(address="127.0.0.2")),
    "wildcard, then specific": (BindRequest(address="0.0.0.0"), BindRequest()),
    "specific, then wildcard": (BindRequest(), BindRequest(address="0.0.0.0")),
    "dual-stack ::, then 0.0.0.0": (BindRequest(address="::"), BindRequest(address="0.0.0.0")),
    "IPv6-only ::, then 0.0.0.0": (BindRequest(address="::", ipv6_only=True), BindRequest(address="0.0.0.0")),
    "::1, then 127.0.0.1": (BindRequest(address="::1"), BindRequest()),
}
SIDES = {"none": (False, False), "first": (True, False), "second": (False, True), "both": (True, True)}
LISTENING = {"no": ("no", "no"), "at once": ("before", "before"), "when both are bound": ("after", "after")}


@dataclass(frozen=True, kw_only=True)
class Outcome(Trial):
    """How two claims ended on one port; port: None where the first got none.

    holders: rows of the port while both stood, with owners; () unless asked for.
    """

    first: BindRequest
    second: BindRequest
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


def stage(
    first: BindRequest,
    second: BindRequest,
    two_programs: bool = False,
    owners: bool = False,
    program: SecondProgram | None = None,
) -> Outcome:
    """Let two claims meet on one port number, which the kernel gives to the first.

    Args:
        two_programs: the second claim is another process's, a real one.
        owners: read from the kernel's table who holds the port then; takes some milliseconds.
        program: the second program to use; it is left running. None = one is started for this, and ended.
    Returns: each step's outcome; what the kernel refuses is a `Refused` in its step.
    """
    plan = Outcome(first=first, second=second, two_programs=two_programs or program is not None)
    with ExitStack() as stack:
        one = stack.enter_context(Requester())
        if two_programs and program is None:
            program = stack.enter_context(SecondProgram())
        two, tries = program or stack.enter_context(Requester()), count()
        return settled(lambda: _trial(one, two, plan, owners, again=next(tries) > 0))


def vary_options(first: BindRequest, second: BindRequest) -> dict[tuple[str, str], Outcome]:
    """Stage a pair with every choice of SO_REUSEADDR and SO_REUSEPORT; the claims' own choice does not matter.

    Returns: (who sets SO_REUSEADDR, who sets SO_REUSEPORT), each one of SIDES -> the outcome; 16 trials.
    """
    return {
        (address, port): stage(
            replace(first, reuse_address=SIDES[address][0], reuse_port=SIDES[port][0]),
            replace(second, reuse_address=SIDES[address][1], reuse_port=SIDES[port][1]),
        )
        for address, port in product(SIDES, SIDES)
    }


def matrix(
    protocols: Iterable[str] = PROTOCOLS, pairs: Iterable[str] = PAIRS, listening: Iterable[str] = LISTENING
) -> tuple[Cell, ...]:
    """Stage every combination of the two options and of listening, for these protocols and pairs of addresses.

    Args: names from PROTOCOLS, PAIRS, LISTENING. UDP does not listen, so its cells stand under "no" only.
    Returns: one cell a trial, 784 with all names, in the order of the arguments; well under a second.
    Raises: BadInput, for an unknown name.
    """
    chosen = product(_known(protocols, PROTOCOLS), _known(pairs, PAIRS), _known(listening, LISTENING))
    return tuple(
        Cell(*where, *options, outcome=outcome)
        for where in chosen
        if where[0] != "UDP" or where[2] == "no"
        for options, outcome in vary_options(*requests_of(*where)).items()
    )


def _known(names: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    known, names = tuple(known), (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        if name not in known:
            raise BadInput(f"{name!r} is not in the matrix: pass some of {', '.join(map(repr, known))}.")
    return names


def requests_of(protocols: str, pair: str, listening: str) -> tuple[BindRequest, BindRequest]:
    """Spell out the two claims of a pair, without options. Args: names from PROTOCOLS, PAIRS, LISTENING."""
    first, second = (
        replace(
            PAIRS[pair][side], protocol=protocol, listens=LISTENING[listening][side] if protocol == "tcp" else "no"
        )
        for side, protocol in enumerate(PROTOCOLS[protocols])
    )
    return first, second


def _trial(one: Requester, two: Party, plan: Outcome, owners: bool = False, again: bool = False) -> Outcome:
    """Play one trial on a fresh port; `disturbed` where a claim does not even work alone on its number.

    Args: again: it is not the first one. The first refusal is never the last word, so nobody needs its owners.
    """
    pair = (plan.first, plan.second)
    steps, port = play((one, two), pair)
    told = again or not any(map(in_use, steps))
    held = who_holds(*pair, port, {one.pid, two.pid}) if owners and port and told else ()
    one.close()
    two.close()
    outcome = replace(plan, port=port, steps=steps, holders=held)
    if port and any(map(in_use, steps)):
        outcome = replace(outcome, disturbed=not all(_works_alone(claim, port) for claim in pair))
    return outcome


def _works_alone(claim: BindRequest, port: int) -> bool:
    with Requester() as alone:
        return not any(in_use(step) for step in play((alone,), (claim,), port)[0])


def who_holds(
    first: BindRequest, second: BindRequest, port: int, suspects: Collection[int] = ()
) -> tuple[SocketRow, ...]:
    """Read from the kernel's table who holds a port on the addresses of both claims, with owners.

    Args: suspects: the ids of the processes that made the claims; nobody else is looked at where these hold all of it.
    A row's `owners` is None where they are another user's. A bound TCP socket that does not listen may have no row.
    """
    places = sorted({(claim.protocol, claim.address) for claim in (first, second)})
    for among in (suspects, None) if suspects else (None,):
        rows = [row for protocol, address in places for row in table.holders(Endpoint(address, port), protocol, among)]
        if all(row.owners for row in rows):
            break
    return tuple(dict.fromkeys(rows))
