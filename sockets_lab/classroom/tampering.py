"""How a hand-in can be damaged or forged. The sample class and the tests use it.

A tampering takes a sound hand-in, another learner's, and the class's secret; it returns the bytes of the file.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from sockets_lab.classroom.reading import LARGEST
from sockets_lab.course.handing_in.schema import KIND, VERSION
from sockets_lab.course.handing_in.sealing import sealed, ticket_of
from sockets_lab.course.lessons import LESSONS

Data = dict[str, Any]
Tampering = Callable[[Data, Data, str], bytes]
FIRST = LESSONS[0]
KEY = FIRST.questions().EXERCISES[0].key
VERSIONED = f'"version": {VERSION}'.encode()


def written(data: Data) -> bytes:
    """Write a hand-in as the course does."""
    return json.dumps(data, indent=1).encode()


def _edit(change: Callable[[Data], object], again: bool = False) -> Tampering:
    """Change a field; `again`: and seal the file once more, as somebody can who has the learner's ticket."""

    def tamper(own: Data, _: Data, secret: str) -> bytes:
        data = deepcopy(own)
        change(data)
        return _resealed(data, data["learner"], secret) if again else written(data)

    return tamper


def _resealed(data: Data, learner: str, secret: str) -> bytes:
    return written(sealed(ticket_of(secret, learner), KIND, data))


def _text(change: Callable[[bytes], bytes]) -> Tampering:
    return lambda own, other, secret: change(written(own))


def _part(data: Data) -> Data:
    part: Data = data["lessons"].setdefault(FIRST.name, {"predictions": {}, "exercises": {}})
    return part


def _other_lesson(data: Data) -> Data:
    """Return the exercises of the first lesson, with a result in them, be it an invented one."""
    exercises: Data = _part(data)["exercises"]
    exercises.setdefault(KEY, {"live": False, "evidence": {
        "because": "it is solved", "learner": data["learner"], "moment": data["moment"], "numbers": {},
        "passport": "0" * 16, "seal": ""}})  # fmt: skip
    return exercises


def _evidence(data: Data) -> Data:
    seen: Data = _other_lesson(data)[KEY]["evidence"]
    return seen


def _borrowed(own: Data, other: Data, secret: str) -> bytes:
    data = deepcopy(own)
    _part(data)["exercises"][KEY] = {"live": False, "evidence": deepcopy(_evidence(deepcopy(other)))}
    return _resealed(data, data["learner"], secret)


def _sealed_with_own_key(own: Data, other: Data, secret: str) -> bytes:
    """Put another's name on a file and seal it with one's own ticket."""
    return _resealed(own | {"learner": other["learner"]}, own["learner"], secret)


TAMPERINGS: dict[str, Tampering] = {
    "cut off in the middle": _text(lambda text: text[: len(text) // 2]),
    "empty": _text(lambda text: b""),
    "no JSON": _text(lambda text: b"I have done all of it, honestly."),
    "a program": _text(lambda text: b"__import__('os').system('touch owned')\n"),
    "a pickle": _text(lambda text: b"cos\nsystem\n(S'touch owned'\ntR."),
    "not UTF-8": _text(lambda text: text.replace(b'"learner"', b'"l\xe4rner"', 1)),
    "nested without end": _text(lambda text: b"[" * 100_000),
    "far too large": _text(lambda text: text + b" " * LARGEST),
    "one thing said twice": _text(lambda text: text.replace(b'"kind"', b'"seal": "", "kind"', 1)),
    "no number": _text(lambda text: text.replace(VERSIONED, b'"version": NaN', 1)),
    "a huge number": _text(lambda text: text.replace(VERSIONED, VERSIONED + b"0" * 10_000, 1)),
    "another version": _edit(lambda data: data.update(version=VERSION + 1)),
    "true for a number": _edit(lambda data: data.update(version=True)),
    "a list for a table": _edit(lambda data: data.update(lessons=[])),
    "a field too many": _edit(lambda data: data.update(marks="A")),
    "a lesson that is none": _edit(lambda data: data["lessons"].update({"99_magic": _part(data)}), again=True),
    "an exercise that is none": _edit(
        lambda data: _part(data)["exercises"].update(magic=_other_lesson(data)[KEY]), again=True),
    "an answer that is no choice": _edit(
        lambda data: _part(data)["predictions"].update({FIRST.questions().PREDICTIONS[0].key: ["42", None]}),
        again=True),
    "an unseeable name": _edit(lambda data: data.update(learner="ada\u202e")),
    "a result added": _edit(lambda data: _evidence(data).update(because="the kernel told me so")),
    "another's file under an own name":
        lambda own, other, secret: written(other | {"learner": own["learner"]}),
    "another's result in an own file": _borrowed,
    "another's file, copied": lambda own, other, secret: written(other),
    "own file under another's name": _sealed_with_own_key,
    "no seal": _edit(lambda data: data.update(seal="")),
    "a seal of another key": _edit(lambda data: data.update(seal="0" * 64)),
    "a number that is another's": _edit(lambda data: _evidence(data)["numbers"].update({"00/x": 3}), again=True),
    "solved in the future": _edit(lambda data: _evidence(data).update(moment="2999-01-01T00:00:00Z"), again=True),
    "called live, long ago": _edit(
        lambda data: (_evidence(data).update(moment="2020-01-01T00:00:00Z"),
                      _other_lesson(data)[KEY].update(live=True)),
        again=True),
    "a moment that is none": _edit(lambda data: data.update(moment="2026-02-31T25:00:00Z"), again=True),
}  # fmt: skip
