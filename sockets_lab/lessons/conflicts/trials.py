"""A trial: claims that meet on one port, step by step, and the care that its answer is the kernel's about the claims.

The one thing to guard against is a stranger: another program that happens to hold the same number. It can only cause
a refusal, so each refusal is checked: every claim must work alone on that number (`disturbed` where it does not), and
a second trial on another number must end alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sockets_lab.errors import Refused
from sockets_lab.lessons.conflicts.bind_requests import BindRequest
from sockets_lab.lessons.conflicts.subprocess_peer import Party

TRIES = 100  # trials on different numbers before we say that strangers disturb all of them


@dataclass(frozen=True)
class CallStep:
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

    steps: tuple[CallStep, ...] = ()
    disturbed: bool = False

    @property
    def refused(self) -> CallStep | None:
        """The first step that was refused, or None."""
        return next((step for step in self.steps if step.refused), None)

    @property
    def ending(self) -> str:
        """ "all worked", or which step was refused first: "bind 2", "listen 1", ..."""
        return self.refused.name if self.refused else "all worked"


T = TypeVar("T", bound=Trial)


def settled(trial: Callable[[], T]) -> T:
    """Repeat a trial until its answer is the claims' own and not a stranger's, as said at the top of this module."""
    before = None
    for _ in range(TRIES):
        result = trial()
        if not any(map(in_use, result.steps)):
            return result
        if not result.disturbed:
            steps = [(step.name, step.refused) for step in result.steps]
            if steps == before:
                return result
            before = steps
    return result


def in_use(step: CallStep) -> bool:
    """Tell whether a step was refused for another socket's sake. Windows calls some of these EACCES."""
    return bool(step.refused and step.refused.name in ("EADDRINUSE", "EACCES"))


def play(
    parties: Sequence[Party], wanted: Sequence[BindRequest], port: int = 0
) -> tuple[tuple[CallStep, ...], int | None]:
    """Let each party make its claim to one port, in order, and leave the sockets open.

    Args: port: 0 = the kernel gives the first one a number, and the others ask for the same.
    Returns: the steps taken, and the port; None where the first got none, and then nobody else tries.
    """
    steps: list[CallStep] = []
    out: set[int] = set()
    for number, calls in _order(wanted):
        if number in out or (number > 1 and port == 0):
            continue
        answers = parties[number - 1].perform(calls, wanted[number - 1], port)
        for call, answer in zip(calls, answers, strict=False):  # after a refusal no more was tried
            refused = answer if isinstance(answer, Refused) else None
            if refused:
                out.add(number)
            elif call == "bind" and isinstance(answer, int):
                port = answer
            if call != "open" or refused:  # creating a socket is no news, unless it fails
                steps.append(CallStep(call, number, refused))
    return tuple(steps), port or None


def _order(wanted: Sequence[BindRequest]) -> list[tuple[int, tuple[str, ...]]]:
    """List whose turn it is, and for which calls."""
    order, late = [], []
    for number, claim in enumerate(wanted, 1):
        at_once = ("listen",) if claim.listens == "before" else ()
        order.append((number, ("open", "bind", *at_once)))
        late += [(number, ("listen",))] if claim.listens == "after" else []
    return order + late
