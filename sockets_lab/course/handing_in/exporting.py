"""Write one file with what a learner has done: predictions, results with their evidence, the machine's passport."""

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sockets_lab.course import progress
from sockets_lab.course.handing_in import schema
from sockets_lab.course.handing_in.evidence import evidence, kind, now, numbers_of, passport_lines
from sockets_lab.course.handing_in.sealing import fits, sealed
from sockets_lab.course.lessons import LESSONS, Lesson, by_table
from sockets_lab.course.questions import Exercise
from sockets_lab.errors import BadInput
from sockets_lab.kernel.machine import Ticket, is_name, learner, passport, ticket
from sockets_lab.lab import NodeError


@dataclass(frozen=True)
class HandedIn:
    """What was written where. left_out: what could not be handed in, a sentence each."""

    path: Path
    content: schema.HandIn
    left_out: tuple[str, ...]

    def results(self, live: bool) -> list[str]:
        """Name the exercises that the kernel showed live, in this moment, or the others, which it showed earlier."""
        return [f"{lesson.name[:2]} {key}" for lesson in LESSONS
                for key, one in self.content.of(lesson).results.items() if one.live == live]  # fmt: skip


def hand_in(folder: str | Path = ".", lesson: str = "") -> HandedIn:
    """Check once more what was solved before, and write the learner's file. Raises: BadInput, OSError.

    Args: folder, where the file goes; an earlier one of the same learner there is replaced. lesson: the one that is
    open, whose exercises are looked at even if they were not solved before. Of the others nothing is looked for that
    the learner has not solved: what is built for one lesson may be what another one asks, by chance.
    """
    who, own = learner(), ticket()
    if not is_name(who):
        raise BadInput(f"{who!r} is no learner's name: set SOCKETS_LAB_LEARNER to 1 to 64 characters that can be seen.")
    if own and own.learner != who:
        raise BadInput(f"Your ticket says {own.learner!r}, but SOCKETS_LAB_LEARNER says {who!r}: unset one of them.")
    left_out: list[str] = []
    parts = by_table((one, _part(one, who, own, one.name == lesson, left_out)) for one in LESSONS)
    data = sealed(own, schema.KIND, {
        "kind": schema.KIND,
        "version": schema.VERSION,
        "course": course_version(),
        "learner": who,
        "passport": passport_lines(passport()),
        "lessons": parts,
        "moment": now(),
    })  # fmt: skip
    path = Path(folder) / file_name(who)
    content = schema.shaped(data)
    draft = path.with_suffix(".part")
    try:
        draft.write_text(json.dumps(data, indent=1), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return HandedIn(path, content, tuple(left_out))


def course_version() -> str:
    """Return the version of the course as it is installed."""
    try:
        return version("sockets_lab")
    except PackageNotFoundError:
        return "unknown"


def file_name(who: str) -> str:
    """Return the name of a learner's file; names that differ in more than letters and digits stay apart."""
    safe = re.sub(r"[^a-z0-9]+", "-", who.lower()).strip("-")
    tail = "" if safe == who else f"-{sha256(who.encode()).hexdigest()[:6]}"
    return f"hand-in-{safe or 'learner'}{tail}.json"


def _part(one: Lesson, who: str, own: Ticket | None, is_open: bool, left_out: list[str]) -> dict[str, Any]:
    results, kept = {}, progress.load(one.name)["exercises"]
    for task in one.questions().EXERCISES:
        if is_open or kept.get(task.key):
            entry = _result(one, task, who, own, left_out)
            if entry is not None:
                results[task.key] = entry
    predictions = {}
    for key, pair in progress.load(one.name)["predictions"].items():
        try:
            predictions[key] = list(schema.prediction(one.table(key), key, pair))
        except schema.NotBelieved as fault:
            left_out.append(f"{one.name[:2]} {key}: {fault}.")
    return {"predictions": predictions, "exercises": results}


def _result(one: Lesson, task: Exercise, who: str, own: Ticket | None, left_out: list[str]) -> dict[str, Any] | None:
    """Look into the kernel again; where the sockets are gone, take what was kept when they stood."""
    try:
        found = task.check()
    except (OSError, BadInput, NodeError):
        found = None  # the kernel, or a node, cannot be asked now
    if found and found.done:
        seen: Any = evidence(one.name, task.key, found)
        progress.remember(one.name, "exercises", task.key, seen)
    else:
        seen = progress.load(one.name)["exercises"].get(task.key)
    fault = _fault(one.table(task.key), task.key, seen, who, own) if seen else None
    if fault:
        left_out.append(f"{one.name[:2]} {task.key}: {fault}. Solve and check it again.")
    return None if fault or not seen else {"live": bool(found and found.done), "evidence": seen}


def _fault(table: str, key: str, seen: Any, who: str, own: Ticket | None) -> str | None:
    """Say why a kept evidence cannot be handed in, or None."""
    if seen is True:
        return "it was solved before the course kept evidence"
    try:
        result = schema.result(seen)
    except schema.NotBelieved as fault:
        return str(fault)
    if result.learner != who or result.numbers != numbers_of(who, table):
        return "it was solved under another name (after a new ticket, restart the kernel)"
    if result.sealed and own and not fits(own.key, kind(table, key), seen):
        return "it was changed since, or sealed with another ticket"
    return None
