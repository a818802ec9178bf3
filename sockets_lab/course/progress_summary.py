"""How far the learner has come: predictions made and exercises solved, lesson by lesson."""

from dataclasses import dataclass

from sockets_lab.course import progress
from sockets_lab.course.lessons import LESSONS, Lesson


@dataclass(frozen=True)
class Standing:
    """One lesson, and how many of its predictions were made and of its exercises solved."""

    lesson: Lesson
    predicted: int
    predictions: int
    solved: int
    exercises: int


def standings() -> tuple[Standing, ...]:
    """Read what was kept of every lesson: one standing each, in the order of the lessons."""
    return tuple(_standing(one) for one in LESSONS)


def _standing(one: Lesson) -> Standing:
    kept, questions = progress.load(one.name), one.questions()
    made = {key for key, (predicted, _) in kept["predictions"].items() if predicted is not None}
    solved = {key for key, done in kept["exercises"].items() if done}
    asked = {question.key for question in questions.PREDICTIONS}
    tasks = {task.key for task in questions.EXERCISES}
    return Standing(one, len(made & asked), len(asked), len(solved & tasks), len(tasks))
