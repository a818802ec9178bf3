"""Port detective: machines that are really broken, each learner's in another way, to examine and to repair."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sockets_lab.lessons.detective.acceptance import Inspected, inspect
    from sockets_lab.lessons.detective.case import Case, Fault
    from sockets_lab.lessons.detective.case_assignment import (
        FAULTS,
        PLACES,
        example,
        given,
        opened,
        place_with,
        take,
        today,
    )  # fmt: skip
    from sockets_lab.lessons.detective.customers import Visit
    from sockets_lab.lessons.detective.evidence import VIEWS, Scene, Seen, Symptom, ask_and_listen, look, symptoms
    from sockets_lab.lessons.detective.inquiry import clue, met, route, summary
    from sockets_lab.lessons.detective.programs import Program

_HOMES = {
    "acceptance": "Inspected inspect", "case": "Case Fault", "customers": "Visit", "programs": "Program",
    "case_assignment": "FAULTS PLACES example given opened place_with take today",
    "evidence": "VIEWS Scene Seen Symptom ask_and_listen look symptoms", "inquiry": "clue met route summary",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load what is used first when it is used: nodes load single modules of this folder, and have to be quick."""
    for home, names in _HOMES.items():
        if name in names.split():
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
