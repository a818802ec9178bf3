"""A fault as a value: what it is called, how it is made, and what a machine must have for it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from sockets_lab.lab import Lab, LabUnavailable
from sockets_lab.lessons.detective.case import CUSTOMER, Case


@dataclass(frozen=True)
class Fault:
    """One way to break a machine.

    key: a short name; diagnosis: a sentence. make: brings a case's machine up, broken; what is left to chance it draws
    from the case's lot. clues: for whoever is stuck: where to look, and then what to do. missing: why this machine
    cannot have the fault, in a sentence; "" where it can.
    """

    key: str
    diagnosis: str
    make: Callable[[Case], None]
    clues: tuple[str, str]
    missing: Callable[[], str] = lambda: ""


@cache
def has_stacks() -> bool:
    """Tell whether nodes have network stacks of their own here, by making one."""
    try:
        with Lab(A=CUSTOMER, aside=True):
            return True
    except LabUnavailable:
        return False
