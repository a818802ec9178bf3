"""The pictures of lesson 00: this machine's passport, and the map of the course with what is done so far."""

import textwrap
from collections.abc import Sequence

from sockets_lab.course.progress import LessonProgress
from sockets_lab.figures.drawing import Drawing
from sockets_lab.kernel.machine import Ability

ROW = 46  # pixels from one ability to the next
TOP = 40
MARKS = {True: ("yes", "connection"), False: ("no", "refused"), None: ("?", "quiet")}
STATION, GAP = (236, 112), 26  # one lesson on the map, and the way to the next
IN_A_ROW = 3


def passport_card(abilities: Sequence[Ability], chosen: str = "") -> Drawing:
    """Draw what this machine can do: the names of what it can, and a line for each of the others and for the chosen.

    Args: chosen, the name of the ability to frame.
    """
    present = [ability.name for ability in abilities if ability.present]
    names = textwrap.wrap(", ".join(present), 84)
    shown = [ability for ability in abilities if not ability.present or ability.name == chosen]
    top = TOP + 18 * len(names) + 40
    drawing = Drawing("This machine's passport.", "", 760, top + ROW * len(shown) + 6)
    drawing.box(8, 6, 744, 32 + 18 * len(names), "connection" if present else "refused")
    count = f"{len(present)} of {len(abilities)}"
    drawing.text(22, 24, f"Your machine has {count} abilities that the lessons use:", bold=True)
    for line, text in enumerate(names):
        drawing.text(22, 44 + 18 * line, text)
    for x, heading, anchor in ((70, "ability", "start"), (330, "here", "start"), (748, "needed in", "end")):
        drawing.text(x, top - 16, heading if shown else "", "muted", anchor=anchor)
    said = [_said(ability) for ability in abilities]
    for number, ability in enumerate(shown):
        y = top + number * ROW
        drawing.line(8, y, 752, y, "quiet")
        if ability.name == chosen:
            drawing.box(62, y + 3, 694, ROW - 6, "ink", dashed=True)
        mark, role = MARKS[ability.present]
        drawing.box(8, y + 9, 46, ROW - 18, role, mark, mono=False)
        drawing.text(70, y + 15, ability.name, bold=True)
        drawing.text(70, y + 33, ability.how, "muted", size=11)
        drawing.text(330, y + 15, ability.value, mono=True)
        lesson = ability.lesson.partition("_and_")[0]  # a long name would run into the value
        drawing.text(748, y + 15, lesson, "muted", size=11, anchor="end")
        without = "" if ability.present else ability.without
        drawing.text(330, y + 33, without, "muted", size=11)
    drawing.alt = " ".join(said)
    return drawing


def _said(ability: Ability) -> str:
    without = "" if ability.present else f"; without it, {ability.without}"
    mark, _ = MARKS[ability.present]
    return f"{ability.name}: {mark}, {ability.value}; {ability.how}; needed in {ability.lesson}{without}."


def course_map(lessons: Sequence[LessonProgress]) -> Drawing:
    """Draw the lessons in their order, each with its minutes and what the learner has done of it."""
    wide, high = STATION
    rows = -(-len(lessons) // IN_A_ROW)
    drawing = Drawing("The map of the course, and what you have done so far.", "", 760, rows * (high + GAP))
    for number, one in enumerate(lessons):
        x, y = number % IN_A_ROW * (wide + GAP), number // IN_A_ROW * (high + GAP) + 2
        done, whole = one.predicted + one.solved, one.predictions + one.exercises
        drawing.box(x + 1, y, wide - 2, high, "connection" if done else "quiet", dashed=0 < done < whole)
        title = textwrap.wrap(f"{one.lesson.name[:2]}  {one.lesson.title}", 27)
        for line, text in enumerate(title):
            drawing.text(x + 14, y + 18 + line * 18, text, bold=True)
        drawing.text(x + 14, y + 58, f"about {one.lesson.minutes} minutes", "muted")
        drawing.text(x + 14, y + 77, f"predictions: {one.predicted} of {one.predictions}")
        drawing.text(x + 14, y + 95, f"exercises: {one.solved} of {one.exercises}")
        if number + 1 < len(lessons) and (number + 1) % IN_A_ROW:
            drawing.line(x + wide + 2, y + high / 2, x + wide + GAP - 2, y + high / 2, arrow=True)
    drawing.alt = " ".join(
        f"{one.lesson.name[:2]} {one.lesson.title}: {one.predicted} of {one.predictions} predictions made, "
        f"{one.solved} of {one.exercises} exercises solved." for one in lessons
    )  # fmt: skip
    return drawing
