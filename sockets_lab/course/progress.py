"""What the learner has predicted and solved, one small JSON file for each table of a lesson (`Lesson.tables`).

The files are in the user's data folder, each replaced in one step, and by one kernel at a time, so that two notebooks
open at once cannot spoil or undo each other's. Where nothing can be written, progress lasts as long as the kernel; a
file that cannot be read is set aside, never thrown away.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sockets_lab.course.lessons import LESSONS, Lesson, lesson
from sockets_lab.course.questions import OLD_ANSWERS
from sockets_lab.kernel.machine import folder

Kept = dict[str, dict[str, Any]]  # {"predictions": {key: [predicted, measured]}, "exercises": {key: evidence}}
KINDS = ("predictions", "exercises")
TURN = 1.0  # seconds in which another kernel has written its entry, unless it was halted meanwhile
_session: dict[str, Kept] = {}  # the entries that could not be written


def load(name: str) -> Kept:
    """Read one lesson's progress. Raises: BadInput, for a lesson that there is not."""
    one = lesson(name)
    tables = {table: _table(table) for table in one.tables()}
    return {kind: {key: value for table, kept in tables.items() for key, value in kept[kind].items()
                   if one.keeps(table, key)} for kind in KINDS}  # fmt: skip


def _table(name: str) -> Kept:
    kept, unwritten = _read(name), _session.get(name, {})
    return {kind: kept[kind] | unwritten.get(kind, {}) for kind in KINDS}


def _read(name: str) -> Kept:
    place = folder()
    if place:
        path = place / f"{name}.json"
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            made = {key: [OLD_ANSWERS.get(one, one) for one in pair] for key, pair in kept["predictions"].items()}
            return {"predictions": made, "exercises": dict(kept["exercises"])}
        except (ValueError, TypeError, KeyError, AttributeError):
            with suppress(OSError):
                path.replace(path.with_suffix(".unreadable"))
        except OSError:
            pass  # none yet, or not ours to read
    return {kind: {} for kind in KINDS}


def remember(name: str, kind: str, key: str, value: Any) -> bool:
    """Add one entry and write its table's file. Returns: whether it will be there after this kernel has ended."""
    table = lesson(name).table(key)
    with _turn(folder()):
        kept = _table(table)
        kept[kind][key] = value
        written = _write(table, kept)
    if written:
        _session.pop(table, None)
    else:
        _session.setdefault(table, {kind: {} for kind in KINDS})[kind][key] = value
    return written


@contextmanager
def _turn(place: Path | None) -> Iterator[None]:
    """Keep other kernels from writing, or they would write back what they have read before our entry was there.

    It is the folder that is locked: that leaves no file, and ends with this process, however it ends. Go on without,
    where another one does not get done, and where there are no such locks. Source: flock(2).
    """
    with ExitStack() as held:
        with suppress(ImportError, OSError):
            if place:
                place.mkdir(parents=True, exist_ok=True)
                import fcntl  # not on Windows

                number = os.open(place, os.O_RDONLY)
                held.callback(os.close, number)
                until = time.monotonic() + TURN
                while time.monotonic() < until:
                    with suppress(BlockingIOError):
                        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    time.sleep(0.01)
        yield


def _write(name: str, kept: Kept) -> bool:
    place = folder()
    if place is None:
        return False
    draft = place / f"{name}.{os.getpid()}"
    try:
        draft.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        draft.replace(place / f"{name}.json")
    except OSError:
        return False
    finally:
        with suppress(OSError):  # where it was written in part only, or nobody waited for the rest
            draft.unlink(missing_ok=True)
    return True


@dataclass(frozen=True)
class LessonProgress:
    """One lesson, and how many of its predictions were made and of its exercises solved."""

    lesson: Lesson
    predicted: int
    predictions: int
    solved: int
    exercises: int


def summary() -> tuple[LessonProgress, ...]:
    """Count what was kept of every lesson, in the order of the lessons."""
    return tuple(_counted(one) for one in LESSONS)


def _counted(one: Lesson) -> LessonProgress:
    kept, questions = load(one.name), one.questions()
    made = {key for key, (predicted, _) in kept["predictions"].items() if predicted is not None}
    solved = {key for key, done in kept["exercises"].items() if done}
    asked = {question.key for question in questions.PREDICTIONS}
    tasks = {task.key for task in questions.EXERCISES}
    return LessonProgress(one, len(made & asked), len(asked), len(solved & tasks), len(tasks))
