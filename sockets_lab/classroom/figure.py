"""The pictures of the class view: how far everybody is, what the class answered, which files do not count.

What learners wrote goes into tables and drawings, which show it as plain text; the plots have nothing of it.
"""

import re
import textwrap
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes

from sockets_lab.classroom import Answers, Class, elsewhere, places
from sockets_lab.classroom.counting import BEGUN, NOTHING, WHOLE
from sockets_lab.course.handing_in import HandIn
from sockets_lab.course.lessons import LESSONS
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import ROLES
from sockets_lab.figures.plot import plot
from sockets_lab.figures.tables import Table

STATES = ((WHOLE, "connection", "all done"), (BEGUN, "descriptor", "begun"), (NOTHING, "quiet", "not begun"))
HATCHES = {WHOLE: "", BEGUN: "//", NOTHING: ".."}
FILES = 60  # named in one table, at most
ROW, LEFT, CELLS = 26, 190, 400  # pixels: a learner's line, where the lessons begin, and how wide they are together


@plot("How far the class is, lesson by lesson.", height=300)
def how_far(axes: Axes, hand_ins: Sequence[HandIn]) -> str:
    """Plot how many learners have done all of a lesson, have begun it, or have not."""
    everybody = [places(one) for one in hand_ins]
    columns = list(zip(*everybody, strict=True)) or [()] * len(LESSONS)
    counts = {state: [sum(at.state == state for at in column) for column in columns] for state, _, _ in STATES}
    bottom = [0] * len(LESSONS)
    for state, role, words in STATES:
        axes.bar(range(len(LESSONS)), counts[state], bottom=bottom, color=ROLES[role], label=words, width=0.75,
                 hatch=HATCHES[state], edgecolor="white", linewidth=0)  # fmt: skip
        for place, count in enumerate(counts[state]):
            if count > len(hand_ins) / 14:
                axes.text(place, bottom[place] + count / 2, str(count), ha="center", va="center", fontsize=9,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2})  # fmt: skip
        bottom = [low + count for low, count in zip(bottom, counts[state], strict=True)]
    axes.set_xticks(range(len(LESSONS)), [one.name[:2] for one in LESSONS])
    axes.set_xlabel("lesson")
    axes.set_ylabel("learners")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    said = [", ".join(f"{counts[state][place]} {words}" for state, _, words in STATES) for place in range(len(LESSONS))]
    lines = (f"{one.name[:2]}: {at}." for one, at in zip(LESSONS, said, strict=True))
    return " ".join([f"{len(hand_ins)} learners.", *lines])


def who_is_where(hand_ins: Sequence[HandIn], start: int = 0, count: int = 30) -> Drawing:
    """Draw a line for each learner, a field for each lesson. Args: start, count: which learners of them to draw."""
    shown = hand_ins[start : start + count]
    drawing = Drawing("Who is where.", "", 760, 60 + ROW * len(shown))
    wide = CELLS / len(LESSONS)
    drawing.text(8, 14, f"learners {start + 1 if shown else 0} to {start + len(shown)} of {len(hand_ins)}", "muted")
    drawing.text(LEFT, 14, "done of each lesson's predictions and exercises", "muted")
    drawing.text(LEFT + CELLS + 12, 14, "results seen by a kernel", "muted", 12)
    for place, one in enumerate(LESSONS):
        drawing.text(LEFT + (place + 0.5) * wide, 36, one.name[:2], bold=True, anchor="middle")
    said = []
    for number, learner in enumerate(shown):
        said.append(_line(drawing, 50 + number * ROW, wide, learner))
    drawing.alt = " ".join([f"{len(shown)} of {len(hand_ins)} learners.", *said])
    return drawing


def _line(drawing: Drawing, y: float, wide: float, learner: HandIn) -> str:
    own = places(learner)
    drawing.text(8, y + ROW / 2, _short(learner.learner, 24))
    for place, at in enumerate(own):
        role = next(role for state, role, _ in STATES if state == at.state)
        done, of = at.predicted + at.solved, at.predictions + at.exercises
        words = {NOTHING: "-", WHOLE: "all"}.get(at.state, f"{done}/{of}")
        drawing.box(LEFT + place * wide + 1, y + 2, wide - 2, ROW - 4, role)
        drawing.text(LEFT + (place + 0.5) * wide, y + ROW / 2, words, size=11, anchor="middle")
    live, solved = sum(at.live for at in own), sum(at.solved for at in own)
    remote = elsewhere(learner)
    words = f"{live} live, {solved - live} earlier" + f" ({remote} elsewhere)" * bool(remote)
    drawing.text(LEFT + CELLS + 12, y + ROW / 2, words, size=12)
    lessons = "; ".join(f"{at.lesson.name[:2]}: {at.predicted} of {at.predictions} predictions, {at.solved} of "
                        f"{at.exercises} exercises" for at in own if at.state != NOTHING)  # fmt: skip
    return f"{learner.learner}: {lessons or 'nothing yet'}; results: {words}."


@plot("The predictions that the class missed most.", height=380)
def missed(axes: Axes, counted: Sequence[Answers]) -> str:
    """Plot the share of wrong answers to some predictions, a bar each, in the order they come."""
    for place, one in enumerate(counted):
        axes.barh(place, 100 * one.share, color=ROLES["refused"], height=0.65)
        axes.text(100 * one.share + 1, place, f"{one.missed} of {one.given}", va="center", fontsize=9)
    axes.set_yticks(range(len(counted)), [_name(one) for one in counted], fontsize=9)
    axes.set_ylim(len(counted) - 0.4, -0.6)
    axes.set_xlim(0, 112)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("percent of the answers that the learner's own machine did not bear out")
    axes.spines[["top", "right"]].set_visible(False)
    return " ".join(f"{_name(one)}: {one.missed} of {one.given} missed it." for one in counted)


@plot("One prediction: what the class answered, and what its machines did.", height=340)
def choices(axes: Axes, one: Answers) -> str:
    """Plot how often each choice was predicted, apart by whether the learner's own machine did so."""
    labels, said = [], []
    for place, (choice, text) in enumerate(one.choices.items()):
        right, wrong = one.right[choice], one.wrong[choice]
        axes.barh(place, right, 0.6, color=ROLES["connection"], label="the machine did so" * (not place))
        axes.barh(place, wrong, 0.6, right, color=ROLES["refused"], hatch="//", edgecolor="white", linewidth=0,
                  label="it did otherwise" * (not place))  # fmt: skip
        axes.text(right + wrong, place, f"  {right + wrong}", va="center", fontsize=9)
        labels.append(f"{_wrapped(text)}\n(measured: {one.measured[choice]})")
        said.append(f"{text!r}: predicted by {right + wrong}, borne out for {right}, "
                    f"measured {one.measured[choice]} times.")  # fmt: skip
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(0, 1 + 1.1 * max((one.right[each] + one.wrong[each] for each in one.choices), default=1))
    axes.set_xlabel("learners who predicted it")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=9)
    axes.figure.suptitle(_wrapped(f"{_name(one)}: {one.question}", 88), x=0.01, fontsize=10, ha="left")
    axes.spines[["top", "right"]].set_visible(False)
    return " ".join([one.question, *said])


def _wrapped(text: str, width: int = 40) -> str:
    return "\n".join(textwrap.wrap(_unmarked(text).replace("$", r"\$"), width))


def _name(one: Answers) -> str:
    return f"{one.lesson.name[:2]} {one.key}"


def _unmarked(text: str) -> str:
    return re.sub(r"[`*]", "", text)  # a question is Markdown: without its marks


def answers_table(counted: Iterable[Answers]) -> Table:
    """Show every prediction with the number of learners for each choice, and what the machines measured."""
    rows = []
    for one in counted:
        given = {choice: one.right[choice] + one.wrong[choice] for choice in one.choices}
        lines = "\n".join(f"{given[choice]} / {one.measured[choice]}: {text}" for choice, text in one.choices.items())
        rows.append((_name(one), _unmarked(one.question), lines, f"{one.missed} of {one.given}"))
    headings = ("prediction", "question", "predicted / measured: choice", "missed by")
    return Table("The class's predictions, choice by choice.", headings, tuple(rows), (18, 36, 34, 10), mono=False)


def not_merged(merged: Class) -> Table:
    """Show which files do not count, and why."""
    rows = [(one.file, one.because) for one in merged.not_merged[:FILES]] or [("-", "Every file counts.")]
    if len(merged.not_merged) > FILES:
        rows.append((f"and {len(merged.not_merged) - FILES} others", "See `not_merged` of the class."))
    return Table("Files that do not count, and why.", ("file", "why"), tuple(rows), (38, 58), mono=False)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
