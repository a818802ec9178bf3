"""The three kinds of question that a lesson asks. No answer is written down: the kernel is asked each time.

An experiment answers only with what it saw. What it did not see (no row, no packet, a refusal of another kind) is no
answer: it then raises `NotMeasured`, and the page gives the reason instead of a verdict.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel.machine import learner

OTHER, IMPOSSIBLE = "other", "impossible"  # the keys of what is set apart from a prediction's choices
# Before choices had keys, progress and hand-ins (version 1) held their sentences: the key of each that is no key itself
OLD_ANSWERS: dict[str, str] = json.loads(Path(__file__).with_name("old_answers.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Choice:
    """One answer to a prediction: its text, and why a kernel may give it.

    key: what progress and hand-ins keep, so that the text may be edited; it never changes, and has no spaces.
    """

    key: str
    text: str
    because: str


def other(because: str) -> Choice:
    """Return the answer of a kernel that does none of the choices."""
    return Choice(OTHER, "something else", because)


def impossible(text: str, because: str) -> Choice:
    """Return the answer of a machine that cannot run the experiment."""
    return Choice(IMPOSSIBLE, text, because)


class NotMeasured(RuntimeError):
    """The evidence for a verdict is missing here: one sentence that says which, without a full stop."""


T = TypeVar("T")
A = TypeVar("A")


def evidence(result: T | Refused | None, what: str) -> T:
    """Return a result that a verdict needs. Args: what: its name. Raises: NotMeasured, where it is refused or None."""
    if isinstance(result, Refused):
        raise NotMeasured(f"{what} was refused ({result})")
    require(result is not None, f"{what} was not seen")
    return result  # type: ignore[return-value]


def require(seen: object, otherwise: str) -> None:
    """Go on where this was seen. Args: otherwise: the reason. Raises: NotMeasured."""
    if not seen:
        raise NotMeasured(otherwise)


def answer(known: Mapping[A, str], found: A) -> str:
    """Return the key that goes with what was found. Raises: NotMeasured, where what was found answers no choice."""
    if found not in known:
        raise NotMeasured(f"the answer was {found}, which is none to this question")
    return known[found]


@dataclass(frozen=True)
class Prediction:
    """A question to answer before the experiment.

    experiment: measures here and now and returns the key of one of `answers`, or raises NotMeasured; apart: `other` and
    `impossible`.
    """

    key: str
    question: str
    choices: tuple[Choice, ...]
    experiment: Callable[[], str]
    apart: tuple[Choice, ...] = ()

    @property
    def answers(self) -> tuple[Choice, ...]:
        """Return the choices, and after them what is set apart."""
        return self.choices + self.apart

    def text(self, key: str) -> str:
        """Return the text of an answer; of one that another edition of the course had, its key."""
        return {one.key: one.text for one in self.answers}.get(key, key)


@dataclass(frozen=True)
class Found:
    """What the kernel says about an exercise: done or not, and the sentence that tells the learner what was seen."""

    done: bool
    because: str


@dataclass(frozen=True)
class Exercise:
    """A task whose check reads the kernel's own tables, never the learner's variables. Task and hints: Markdown."""

    key: str
    task: str
    check: Callable[[], Found]
    hints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A sentence of the source text in the course's words.

    measure: returns (what this machine says, the verdict), or raises NotMeasured. Verdicts: true here, false, only in
    part, not in the source text, differs (of another system).
    """

    text: str
    measure: Callable[[], tuple[str, str]] = field(repr=False)
    source: str


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


K = TypeVar("K", bound=_Keyed)


def pick(questions: Iterable[K], key: str) -> K:
    """Return the question with that key. Raises: BadInput, with the keys there are."""
    known = {question.key: question for question in questions}
    if key not in known:
        raise BadInput(f"This lesson has no {key!r}: choose one of {', '.join(known)}.")
    return known[key]


GIVEN: dict[str, tuple[int, int, int]] = {}  # of each personal number that was asked for: lowest, highest, given


def personal_number(key: str, low: int, high: int) -> int:
    """Return a number from low to high (both included) that is this learner's own and the same on every run."""
    number = number_of(learner(), key, low, high)
    GIVEN[key] = low, high, number
    return number


def number_of(who: str, key: str, low: int, high: int) -> int:
    """Return the number that a learner of this name has under this key, from low to high (both included)."""
    digest = sha256(f"{who}/{key}".encode()).digest()
    return low + int.from_bytes(digest[:8], "big") % (high - low + 1)
