"""The route of an inquiry: what was looked at, and what it ruled out; its score, and what is kept of it."""

import re
from typing import Any

from sockets_lab.course import progress
from sockets_lab.errors import BadInput
from sockets_lab.lessons.detective.case import VISIT, Case, Fault
from sockets_lab.lessons.detective.case_assignment import FAULTS
from sockets_lab.model import TRANSPORTS

LESSON, KEPT = "14_port_detective", "case "  # the beginning of a key in the lesson's table of exercises
SERVED = "served"  # which rules out nothing: some faults come and go, and others are repaired by then
ENOUGH = 5  # solved cases that open the table of symptoms


def route(case: Case) -> tuple[tuple[str, tuple[Fault, ...], int], ...]:
    """Return the looks in their order: the view, which faults it ruled out, and how many were left."""
    other = TRANSPORTS[case.protocol == TRANSPORTS[0]]
    known = {"port": str(case.inner.port), "service": case.service_name, "other": other}
    left, steps = list(FAULTS), []
    for view, words in case.inquiry.seen:
        out = tuple(one for one in left if (
            words not in (SERVED, *one.finds) if view == VISIT else
            view in one.signs and not re.search(one.signs[view].format_map(known), words, re.DOTALL)))  # fmt: skip
        left = [one for one in left if one not in out]
        steps.append((view, out, len(left)))
    return tuple(steps)


def note_repairs(case: Case) -> None:
    """Note what was changed since the machine was noted last: the right part, or a wrong one."""
    now, before = case.state(), case.inquiry.before
    touched = {name for name in now if name in before and now[name] != before[name]}
    case.inquiry.before = now
    case.inquiry.right |= touched & case.culprits
    case.inquiry.wrong |= touched - case.culprits


def clue(case: Case, step: int = 1) -> str:
    """Give a clue to a case, which costs. Args: step: 1, where to look; 2, what is wrong. Raises: BadInput."""
    if step not in (1, 2):
        raise BadInput(f"There is no clue {step!r}: pass 1 to hear where to look, 2 to hear what is wrong.")
    case.inquiry.clues += 1
    return " And: ".join(one.clue if step == 1 else f"{one.diagnosis}" for one in case.faults)


def diagnoses(case: Case) -> list[str]:
    """Return what to choose from when the case is solved: what it was, and what looks alike."""
    alike = [one for one in FAULTS if set(one.finds) & set(case.faults[0].finds)]
    return sorted({one.diagnosis for one in (*case.faults, *alike)})


def par(case: Case) -> int:
    """Return how many looks are enough: at the machine, a visit, and what else shows its faults, and where it is."""
    return 2 + len({view for one in case.faults for view in one.signs}) + (case.level == 2) + (case.level == 4)


def score(case: Case) -> int:
    """Return what an inquiry cost: a look 1, a wrong repair 3, a clue 2."""
    return len(case.inquiry.seen) + 3 * len(case.inquiry.wrong) + 2 * case.inquiry.clues


def summary(case: Case) -> str:
    """Return a line to pass on, which gives nothing away."""
    looks, wrong, clues = len(case.inquiry.seen), len(case.inquiry.wrong), case.inquiry.clues
    words = [f"level {case.level}", f"{looks} look{'s' * (looks != 1)}", f"par {par(case)}",
             f"{wrong or 'no'} wrong repair{'s' * (wrong > 1)}"]  # fmt: skip
    words += [f"{clues} clue{'s' * (clues > 1)}"] if clues else []
    return f"Port detective, {case.title}: {', '.join(words)}"


def remember(case: Case) -> None:
    """Keep that a case was solved, how, and which faults it had; of a case that was solved before, the first time."""
    kept = progress.load(LESSON)["exercises"]
    if f"{KEPT}{case.title}" not in kept:
        progress.remember(LESSON, "exercises", f"{KEPT}{case.title}", {
            "faults": [one.key for one in case.faults], "score": score(case), "par": par(case), "said": summary(case),
        })  # fmt: skip


def solved() -> dict[str, dict[str, Any]]:
    """Return what was kept of solved cases, by their titles."""
    kept = progress.load(LESSON)["exercises"]
    return {key.removeprefix(KEPT): one for key, one in kept.items() if key.startswith(KEPT) and isinstance(one, dict)}


def met() -> list[Fault]:
    """Return the faults of all cases that were solved, in the order of FAULTS."""
    keys = {key for one in solved().values() for key in one.get("faults", ())}
    return [one for one in FAULTS if one.key in keys]


