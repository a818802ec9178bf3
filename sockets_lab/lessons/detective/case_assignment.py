"""Which machine has which faults: for a learner drawn by lot from the learner's name, for a day from its date."""

import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date
from random import Random

from sockets_lab.errors import BadInput
from sockets_lab.kernel.machine import learner
from sockets_lab.lab.firewall import apply, port_forward
from sockets_lab.lessons.detective import stories
from sockets_lab.lessons.detective.case import Case, Fault, no_translation
from sockets_lab.lessons.detective.faults_listening import LISTENING
from sockets_lab.lessons.detective.faults_network import NETWORK
from sockets_lab.lessons.detective.faults_use import IN_USE

FAULTS: tuple[Fault, ...] = (*LISTENING, *NETWORK, *IN_USE)  # ways in which a machine is broken, each made for real
PLACES = ("bakery", "library", "cinema", "station", "museum", "harbor", "garden", "theater", "school", "clinic")
LEVELS = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4)  # of the places
COLORS = ("blue", "green")  # two releases on one machine, of which the customers come to one
AT_TIMES = ("shared-port", "source-port", "lossy", "short-queue")  # come and go
FAR = 1500  # ports from one release to the other

_open: list[weakref.ref[Case]] = []  # the latest last


def fault(key: str) -> Fault:
    """Return the fault of that key. Raises: BadInput."""
    found = next((one for one in FAULTS if one.key == key), None)
    if found is None:
        raise BadInput(f"There is no fault {key!r}: choose one of {', '.join(one.key for one in FAULTS)}.")
    return found


def possible(level: int) -> list[Fault]:
    """Return the faults that a case of this level can have on this machine, in their order."""
    here = [one for one in FAULTS if not one.missing()]
    if level == 2:
        return [one for one in here if not no_translation() and neighbors(one)]
    if level == 3:
        return [one for one in here if one.kind == "service" and one.key != "shared-port"]
    return [one for one in here if level == 1 or one.key in AT_TIMES]


def neighbors(one: Fault) -> list[Fault]:
    """Return the faults that a customer cannot tell from this one, and that may be had beside it on one machine."""
    alike = [other for other in FAULTS if other.finds[0] == one.finds[0] and other.key not in AT_TIMES
             and other.kind != "whole" and not other.missing()]  # fmt: skip
    return [other for other in alike if other is not one] if one in alike else []


def drawn(seed: str, level: int) -> tuple[int, tuple[Fault, ...]]:
    """Draw the faults of a case, of level 2 also its neighbor. Returns: the level that can be had here, and them."""
    lot = Random(f"{seed}/faults")
    while not possible(level):
        level -= 1
    first = lot.choice(possible(level))
    others = {2: neighbors(first), 3: [one for one in FAULTS if one.kind == "rules" and not one.missing()]}
    return level, (first, lot.choice(others[level])) if level in others else (first,)


def make(
    name: str, seed: str, level: int, faults: Sequence[Fault], aside: bool = False, live: int | None = None
) -> Case:
    """Make a broken machine.

    Args: faults: of level 2 the customers' release's and the other's, of level 3 both; live: of level 2, which release
    the customers come to, 0 or 1, None = drawn by lot.
    """
    nodes = {node for one in faults for node in one.nodes} | ({"G"} if level == 2 else set())
    with ExitStack() as unless:
        case = unless.enter_context(Case(name, seed, aside, nodes))
        case.level, case.title = level, name
        if level == 2:
            _make_two(case, faults, case.random.randrange(2) if live is None else live)
        else:
            for one in faults:
                one.make(case)
        case.faults = tuple(faults[: 2 if level == 3 else 1])
        for one in case.faults:
            case.culprits |= {case.service_name if part == "service" else part for part in one.touches}
        case.inquiry.before = case.state()
        case.report = stories.report(case, faults, Random(f"{seed}/story"))
        unless.pop_all()
    return case


def _make_two(case: Case, faults: Sequence[Fault], live: int) -> None:
    """Put two releases on B, each with its fault, and let the gateway lead the customers to one of them."""
    ports = (case.inner.port, case.inner.port + FAR)
    sides = [case.side(color, port) for color, port in zip(COLORS, ports, strict=True)]
    for side, one in zip(sides, faults if live == 0 else faults[::-1], strict=True):
        one.make(side)
    case.service_name, case.inner, case.size = sides[live].service_name, sides[live].inner, sides[live].size
    case.culprits |= sides[live].culprits
    if refused := apply(case.lab["G"], port_forward(case.endpoint.port, case.inner)):
        raise BadInput(f"This machine cannot be made: the gateway's firewall refused its rules. {refused}.")


def given(place: str, who: str | None = None) -> tuple[int, tuple[Fault, ...]]:
    """Return the level of a learner's case at this place, and its faults. Raises: BadInput."""
    if place not in PLACES:
        raise BadInput(f"There is no case {place!r}: choose one of {', '.join(PLACES)}.")
    number = PLACES.index(place)
    if (level := LEVELS[number]) > 1:
        return drawn(f"{who or learner()}/{place}", level)
    lot = possible(1)  # so that a learner meets other faults each time
    Random(f"{who or learner()}/detective").shuffle(lot)
    return 1, (lot[number % len(lot)],)


def take(place: str, who: str | None = None, aside: bool = False) -> Case:
    """Take a case: make the machine of that place, broken as it is for this learner. The case before is closed.

    Args: who: the learner, None = this one; aside: let the case before be, and leave `%%node` to it.
    Returns: the case; close it, or use it in a `with`. Raises: BadInput.
    """
    return _opened(lambda: make(place, f"{who or learner()}/{place}", *given(place, who), aside), aside)


def today(day: str | None = None, aside: bool = False) -> Case:
    """Take the case of the day, the same for everybody who takes it on that date; otherwise as `take`.

    Args: day: as "2026-12-01"; None = today. Raises: BadInput.
    """
    try:
        when = date.fromisoformat(day) if day else date.today()
    except (ValueError, TypeError):
        raise BadInput(f"{day!r} is no date: pass such as '2026-12-01'.") from None
    lot = Random(f"{when}")
    place, level = lot.choice(PLACES), lot.choice((1, 2, 2, 3, 3, 4))
    case = _opened(lambda: make(place, f"{when}", *drawn(f"{when}", level), aside), aside)
    case.title = f"{when}"
    return case


def example(key: str, aside: bool = False) -> Case:
    """Make the machine with that fault that is the same for everybody. Raises: BadInput."""
    return _opened(lambda: make("market", "example", 1, (fault(key),), aside), aside)


def place_with(key: str) -> str | None:
    """Return where the example of a fault is; None where this machine cannot have it."""
    return None if fault(key).missing() else "market"


def _opened(made: Callable[[], Case], aside: bool) -> Case:
    if not aside and (before := opened()):
        before.close()
    case = made()
    if not aside:
        _open.append(weakref.ref(case))
    return case


def opened() -> Case | None:
    """Return the case that was taken last and is not closed, or None."""
    _open[:] = [one for one in _open if (case := one()) is not None and not case.closed]
    return _open[-1]() if _open else None
