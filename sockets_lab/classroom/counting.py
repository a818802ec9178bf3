"""What a class did, counted: how far it is, which answers it gave against what was measured, how machines differ."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sockets_lab.course.handing_in.evidence import mark
from sockets_lab.course.handing_in.schema import HandIn
from sockets_lab.course.lessons import LESSONS, Lesson

NOTHING, BEGUN, WHOLE = range(3)


@dataclass(frozen=True)
class Place:
    """How far one learner is in one lesson; live and sealed: how many of the results solved are so."""

    lesson: Lesson
    predicted: int
    predictions: int
    solved: int
    exercises: int
    live: int
    sealed: int

    @property
    def state(self) -> int:
        """NOTHING, BEGUN or WHOLE: all predictions made and all exercises solved."""
        if not self.predicted + self.solved:
            return NOTHING
        return WHOLE if (self.predicted, self.solved) == (self.predictions, self.exercises) else BEGUN


def places(one: HandIn) -> tuple[Place, ...]:
    """Return where a learner is: one place for each lesson of the course."""
    return tuple(_place(one, lesson) for lesson in LESSONS)


def _place(one: HandIn, lesson: Lesson) -> Place:
    asked, tasks = len(lesson.questions().PREDICTIONS), len(lesson.questions().EXERCISES)
    part = one.of(lesson)
    made = sum(predicted is not None for predicted, _ in part.predictions.values())
    results = part.results.values()
    return Place(lesson, made, asked, len(results), tasks, sum(one.live for one in results),
                 sum(one.sealed for one in results))  # fmt: skip


def share_done(one: HandIn) -> float:
    """Return which part of the course's predictions and exercises a learner has done, 0 to 1."""
    own = places(one)
    return sum(at.predicted + at.solved for at in own) / sum(at.predictions + at.exercises for at in own)


@dataclass(frozen=True)
class Answers:
    """One prediction, and what the class answered.

    choices: key to text; right, wrong: key to the number of learners who predicted it and whose machine did so, or did
    otherwise; measured: key to the number of machines that did it, of all who measured.
    """

    lesson: Lesson
    key: str
    question: str
    choices: Mapping[str, str]
    right: Mapping[str, int]
    wrong: Mapping[str, int]
    measured: Mapping[str, int]

    @property
    def given(self) -> int:
        """Return how many predicted and measured."""
        return sum(self.right.values()) + sum(self.wrong.values())

    @property
    def missed(self) -> int:
        """Return how many of them predicted something else than their machine did."""
        return sum(self.wrong.values())

    @property
    def share(self) -> float:
        """Return which part of the answers was wrong, 0 to 1."""
        return self.missed / self.given if self.given else 0.0


def answers(hand_ins: Iterable[HandIn]) -> tuple[Answers, ...]:
    """Count the answers to every prediction of the course, each against what the same learner's machine did."""
    everybody = tuple(hand_ins)
    found = []
    for lesson in LESSONS:
        for asked in lesson.questions().PREDICTIONS:
            parts = [one.of(lesson).predictions for one in everybody]
            pairs = [part[asked.key] for part in parts if asked.key in part]
            both = Counter(pair for pair in pairs if None not in pair)
            choices = {answer.key: answer.text for answer in asked.answers}
            right = {choice: both[choice, choice] for choice in choices}
            wrong = {choice: sum(count for (predicted, _), count in both.items() if predicted == choice) - right[choice]
                     for choice in choices}  # fmt: skip
            measured = Counter(did for _, did in pairs if did is not None)
            found.append(Answers(lesson, asked.key, asked.question, choices, right, wrong,
                                 {choice: measured[choice] for choice in choices}))  # fmt: skip
    return tuple(found)


def most_missed(counted: Iterable[Answers], at_least: int = 1) -> list[Answers]:
    """Sort by the share of wrong answers, the largest first. Args: at_least, so many answers a question must have."""
    enough = [one for one in counted if one.given >= at_least]
    return sorted(enough, key=lambda one: (-one.share, one.lesson.name, one.key))


@dataclass(frozen=True)
class Machines:
    """Machines with the same abilities: their learners, and for each ability whether it is there and with which values.

    values: ability to its values, each with how many machines said so, the most frequent first.
    """

    learners: tuple[str, ...]
    present: Mapping[str, bool | None]
    values: Mapping[str, tuple[tuple[str, int], ...]]


def machines(hand_ins: Iterable[HandIn]) -> tuple[Machines, ...]:
    """Put equal passports together, the most frequent kind of machine first."""
    kinds: dict[str, list[HandIn]] = {}
    for one in hand_ins:
        kinds.setdefault(mark((name, present) for name, (_, present) in one.passport.items()), []).append(one)
    return tuple(_machines(alike) for alike in sorted(kinds.values(), key=len, reverse=True))


def _machines(alike: list[HandIn]) -> Machines:
    present = {name: there for name, (_, there) in alike[0].passport.items()}
    said = {name: Counter(one.passport[name][0] for one in alike) for name in present}
    return Machines(tuple(one.learner for one in alike), present,
                    {name: tuple(counter.most_common()) for name, counter in said.items()})  # fmt: skip


def differing(kinds: Iterable[Machines]) -> list[str]:
    """Name the abilities in which the class's machines differ: not there on all of them, or there with other values."""
    several = tuple(kinds)
    names = dict.fromkeys(name for kind in several for name in kind.present)
    return [name for name in names if _differs(several, name, lambda kind, name: kind.present.get(name, ()))
            or _differs(several, name, lambda kind, name: frozenset(value for value, _ in kind.values.get(name, ())))
            or any(len(kind.values.get(name, ())) > 1 for kind in several)]  # fmt: skip


def _differs(kinds: Iterable[Machines], name: str, of: Callable[[Machines, str], object]) -> bool:
    return len({of(kind, name) for kind in kinds}) > 1


def elsewhere(one: HandIn) -> int:
    """Count the results that were seen on a machine with other abilities than the one that wrote the file."""
    here = mark((name, present) for name, (_, present) in one.passport.items())
    return sum(result.passport != here for part in one.parts.values() for result in part.results.values())
