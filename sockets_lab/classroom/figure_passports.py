"""The passports of a class's machines side by side, and what they say where they differ."""

from collections.abc import Sequence

from sockets_lab.classroom import Machines, differing
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.tables import Table
from sockets_lab.lessons.start.figure import MARKS
from sockets_lab.model import counted

COLUMNS = 4  # kinds of machines side by side
LONGEST = 30  # characters of an ability's name


def side_by_side(kinds: Sequence[Machines]) -> Drawing:
    """Draw the passports of the class's kinds of machines side by side; a dashed frame where they differ."""
    shown, differ = kinds[:COLUMNS], set(differing(kinds))
    names = list(dict.fromkeys(name for kind in kinds for name in kind.present))
    drawing = Drawing("The machines of the class, side by side.", "", 760, 74 + 34 * len(names))
    for place, kind in enumerate(shown):
        x = 300 + place * 115
        drawing.text(x, 14, f"kind {place + 1}", bold=True, anchor="middle")
        drawing.text(x, 34, counted(len(kind.learners), "machine"), "muted", anchor="middle")
    rest = sum(len(kind.learners) for kind in kinds[COLUMNS:])
    drawing.text(8, 24, f"and {rest} of other kinds" * bool(rest) or "ability", "muted")
    said = [f"Kind {place}: {counted(len(kind.learners), 'machine')}." for place, kind in enumerate(kinds, 1)]
    for number, name in enumerate(names):
        y = 52 + number * 34
        drawing.line(8, y, 752, y, "quiet")
        if name in differ:
            drawing.box(4, y + 3, 752, 28, "descriptor", dashed=True)
        drawing.text(16, y + 17, name[:LONGEST], bold=name in differ)
        for place, kind in enumerate(shown):
            word, role = MARKS[kind.present.get(name)]
            drawing.box(275 + place * 115, y + 6, 50, 22, role, word, mono=False)
        if name in differ:
            drawing.text(748, y + 17, "differs", "muted", 11, "end")
        answers = ", ".join(MARKS[kind.present.get(name)][0] for kind in kinds)
        said.append(f"{name}: {answers}{'; they differ' if name in differ else ''}.")
    drawing.alt = " ".join(said)
    return drawing


def values_that_differ(kinds: Sequence[Machines]) -> Table:
    """Show what the machines said of the abilities in which they differ; of each kind the two most frequent values."""
    shown = kinds[:COLUMNS]
    rows = tuple((name, *(_values(kind, name) for kind in shown)) for name in differing(kinds))
    headings = ("ability", *(f"kind {place}" for place in range(1, len(shown) + 1)))
    widths = (22, *(20 for _ in shown))
    return Table("What the machines say where they differ.", headings, rows, widths, mono=False)


def _values(kind: Machines, name: str) -> str:
    values = kind.values.get(name, ())
    said = [value if len(values) == 1 else f"{value} ({count} times)" for value, count in values[:2]]
    return "\n".join(said + [f"and {len(values) - 2} other values"] * (len(values) > 2)) or "not said"
