"""Which machine has which fault, for this learner: drawn by lot from the learner's name, and the same on every run."""

import weakref
from random import Random

from sockets_lab.errors import BadInput
from sockets_lab.kernel.machine import learner
from sockets_lab.lessons.detective.case import Case, Fault
from sockets_lab.lessons.detective.faults_listening import LISTENING
from sockets_lab.lessons.detective.faults_network import NETWORK

FAULTS: tuple[Fault, ...] = (*LISTENING, *NETWORK)  # ten ways in which a machine is broken, each made for real
PLACES = ("bakery", "library", "cinema", "station", "museum", "harbor", "garden", "theater", "school", "clinic")

_open: list[weakref.ref[Case]] = []  # the latest last


def fault_of(place: str, who: str | None = None) -> Fault:
    """Return what is wrong at a place. In the place of a fault that cannot be had here stands the next that can.

    Args: who: the learner, None = this one. Raises: BadInput.
    """
    if place not in PLACES:
        raise BadInput(f"There is no case {place!r}: choose one of {', '.join(PLACES)}.")
    lot = list(FAULTS)
    Random(f"{who or learner()}/detective").shuffle(lot)
    first = PLACES.index(place)
    return next(fault for fault in lot[first:] + lot[:first] if not fault.missing())


def place_with(key: str, who: str | None = None) -> str | None:
    """Return the first place that has the fault of that key; None where this machine cannot have it."""
    return next((place for place in PLACES if fault_of(place, who).key == key), None)


def clue(place: str, step: int = 1) -> str:
    """Give a clue to this learner's case. Args: step: 1, where to look; 2, what to do. Raises: BadInput."""
    if step not in (1, 2):
        raise BadInput(f"There is no clue {step!r}: pass 1 to hear where to look, 2 to hear what to do.")
    return fault_of(place).clues[step - 1]


def take(place: str, who: str | None = None, aside: bool = False) -> Case:
    """Take a case: make the machine of that place, broken as it is for this learner. The case before is closed.

    Args: who: the learner, None = this one; aside: let the case before be, and leave `%%node` to it.
    Returns: the case; close it, or use it in a `with`. Raises: BadInput.
    """
    fault = fault_of(place, who)
    if not aside and (before := opened()):
        before.close()
    case = Case(place, f"{who or learner()}/{place}", aside)
    try:
        fault.make(case)
    except BaseException:
        case.close()
        raise
    if not aside:
        _open.append(weakref.ref(case))
    return case


def opened() -> Case | None:
    """Return the case that was taken last and is not closed, or None."""
    _open[:] = [one for one in _open if (case := one()) is not None and not case.closed]
    return _open[-1]() if _open else None
