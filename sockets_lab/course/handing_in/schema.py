"""What a hand-in must look like, field by field. Whatever looks otherwise is not believed, and the sentence says why.

The same check runs twice: before a learner's file is written, and when the teacher reads it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sockets_lab.course.lessons import LESSONS, TABLES, Lesson
from sockets_lab.course.questions import OLD_ANSWERS
from sockets_lab.kernel.machine import is_name
from sockets_lab.kernel.machine.passport import LINES

KIND, VERSION = "sockets_lab hand-in", 2  # version 1 holds sentences, and 2 keys, as answers to predictions
TEXT = 300  # characters of a text, at most
NUMBERS = 40  # personal numbers of a lesson, at most
LARGEST = 2**53  # of a whole number: what every reader of JSON can hold
SEAL = re.compile(r"(?:[0-9a-f]{64})?", re.ASCII)
MARK = re.compile(r"[0-9a-f]{16}", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


class NotBelieved(ValueError):
    """A file, or a part of one, that is no sound hand-in: one sentence that says why."""


@dataclass(frozen=True)
class Result:
    """One exercise that a kernel showed to be solved: in the moment of handing in (live), or earlier."""

    because: str
    learner: str
    moment: datetime
    numbers: Mapping[str, int]
    passport: str
    live: bool
    sealed: bool


@dataclass(frozen=True)
class Part:
    """What was handed in of one table. Predictions: key to the keys of (predicted, measured), None where left out."""

    predictions: Mapping[str, tuple[str | None, str | None]]
    results: Mapping[str, Result]


@dataclass(frozen=True)
class HandIn:
    """What one learner handed in. Passport: name of the ability to (value, present). Parts: by table (`Lesson`)."""

    learner: str
    course: str
    moment: datetime
    passport: Mapping[str, tuple[str, bool | None]]
    parts: Mapping[str, Part]
    sealed: bool

    def of(self, lesson: Lesson) -> Part:
        """Return what was handed in of one lesson, whichever tables have it."""
        parts = [(table, self.parts[table]) for table in lesson.tables() if table in self.parts]
        return Part({key: pair for table, part in parts for key, pair in part.predictions.items()
                     if lesson.keeps(table, key)},
                    {key: result for table, part in parts for key, result in part.results.items()
                     if lesson.keeps(table, key)})  # fmt: skip


def shaped(data: Any) -> HandIn:
    """Read what a file says, field by field. Raises: NotBelieved."""
    need(isinstance(data, dict) and data.get("kind") == KIND, "it is no hand-in of this course")
    version = data.get("version")
    need(type(version) is int and 1 <= version <= VERSION, f"its format is none of the versions 1 to {VERSION}")
    _fields(data, {"kind", "version", "course", "learner", "moment", "passport", "lessons", "seal"}, "the file")
    need(is_name(data["learner"]), "the learner's name is none: 1 to 64 characters that can be seen")
    need(isinstance(data["lessons"], dict), "its lessons are no table of lessons")
    for name in data["lessons"]:
        need(name in TABLES, "it names a lesson that this course does not have")
    parts = {name: _part(name, part) for name, part in data["lessons"].items()}
    return HandIn(data["learner"], _text(data["course"], "course"), _moment(data["moment"]),
                  _passport(data["passport"]), parts, bool(_match(SEAL, data["seal"], "seal")))  # fmt: skip


def need(holds: bool, sentence: str) -> None:
    """Raises: NotBelieved, with the sentence, where something does not hold."""
    if not holds:
        raise NotBelieved(sentence)


def result(seen: Any, live: bool = False) -> Result:
    """Read the evidence of one exercise. Raises: NotBelieved."""
    _fields(seen, {"because", "learner", "moment", "numbers", "passport", "seal"}, "an evidence")
    need(is_name(seen["learner"]), "an evidence names no learner")
    numbers = seen["numbers"]
    need(isinstance(numbers, dict) and len(numbers) <= NUMBERS, "personal numbers are no table of numbers")
    for number in numbers.values():
        need(type(number) is int and abs(number) <= LARGEST, "a personal number is no whole number, or far too large")
    return Result(_text(seen["because"], "because"), seen["learner"], _moment(seen["moment"]), dict(numbers),
                  _match(MARK, seen["passport"], "passport"), live,
                  bool(_match(SEAL, seen["seal"], "seal")))  # fmt: skip


def prediction(table: str, key: Any, pair: Any) -> tuple[str | None, str | None]:
    """Read one prediction out of a table. Raises: NotBelieved."""
    known = {asked.key: {answer.key for answer in asked.answers} for lesson in LESSONS
             for asked in lesson.questions().PREDICTIONS if lesson.table(asked.key) == table}  # fmt: skip
    need(key in known, f"it answers a question that {table} does not ask")
    need(isinstance(pair, list | tuple) and len(pair) == 2, "a prediction is not a pair: predicted, measured")
    predicted, measured = (OLD_ANSWERS.get(one, one) if isinstance(one, str) else one for one in pair)
    for one in (predicted, measured):
        need(one is None or (isinstance(one, str) and one in known[key]),
             f"an answer to {table}, {key}, is none of its choices")  # fmt: skip
    return predicted, measured


def _part(table: str, part: Any) -> Part:
    _fields(part, {"predictions", "exercises"}, f"lesson {table}")
    need(isinstance(part["predictions"], dict) and isinstance(part["exercises"], dict),
         f"lesson {table} has no tables of predictions and exercises")  # fmt: skip
    tasks = {task.key for lesson in LESSONS for task in lesson.questions().EXERCISES if lesson.table(task.key) == table}
    results = {}
    for key, entry in part["exercises"].items():
        need(key in tasks, f"it solves an exercise that {table} does not have")
        _fields(entry, {"live", "evidence"}, f"exercise {table}, {key},")
        need(type(entry["live"]) is bool, f"exercise {table}, {key}, is live neither truly nor falsely")
        results[key] = result(entry["evidence"], entry["live"])
    return Part({key: prediction(table, key, pair) for key, pair in part["predictions"].items()}, results)


def _fields(data: Any, names: set[str], what: str) -> None:
    need(isinstance(data, dict) and set(data) == names, f"{what} does not have the fields that belong there")


def _text(text: Any, what: str) -> str:
    need(isinstance(text, str) and len(text) <= TEXT and text.isprintable(),
         f"the field {what!r} is no text, or not a plain one")  # fmt: skip
    return str(text)


def _match(pattern: re.Pattern[str], text: Any, what: str) -> str:
    need(isinstance(text, str) and pattern.fullmatch(text) is not None, f"the field {what!r} does not look like one")
    return str(text)


def _moment(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(_match(MOMENT, text, "moment"))
    except ValueError as error:
        raise NotBelieved("the field 'moment' is no date and time") from error


def _passport(lines: Any) -> dict[str, tuple[str, bool | None]]:
    known = {line[0] for line in LINES}
    need(isinstance(lines, list) and len(lines) <= len(known), "the passport is no list, or too long")
    for line in lines:
        need(isinstance(line, list) and len(line) == 3, "a line of the passport is not name, value, present")
        need(line[2] is None or type(line[2]) is bool, "a line of the passport says neither yes, no nor unknown")
        need(isinstance(line[0], str) and line[0] in known, "the passport has an ability that this course does not try")
    return {name: (_text(value, "value"), present) for name, value, present in lines}
