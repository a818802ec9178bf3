"""Draw a report: bars of ratios with their spread, and lines of growth; one PNG each, its words in a file beside it."""

import statistics
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from measuring import Bars, Lines, Report, growth

from sockets_lab.figures.marks import ROLES

COLORS = [ROLES[role] for role in ("descriptor", "packet", "connection", "listener", "refused", "quiet")]
MARKERS = "osD^vP"
STYLES = ["-", "--", ":"]


def draw(report: Report, path: Path) -> list[Path]:
    """Draw all of a report as `path`-1.png, `path`-2.png, ..., bars first. Returns: the paths."""
    drawn = []
    for number, drawing in enumerate([*report.bars, *report.lines], 1):
        bars = isinstance(drawing, Bars)
        size = (9, 1.5 + 0.45 * len(drawing.ratios)) if bars else (12, 5)
        figure = Figure(figsize=size, dpi=120, facecolor="white")
        axes = figure.add_subplot()
        words = _bars(axes, drawing) if bars else _lines(axes, drawing)
        axes.set_title(drawing.title, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        drawn.append(path.with_name(f"{path.name}-{number}.png"))
        figure.savefig(drawn[-1])
        drawn[-1].with_suffix(".txt").write_text(f"{drawing.title}. {words}\n", encoding="utf-8")
    return drawn


def _bars(axes: Axes, drawing: Bars) -> str:
    """Draw one bar a way, as long as it takes, with its least and most; ours is the line at 1."""
    said = []
    for place, (name, values) in enumerate(drawing.ratios.items()):
        middle = statistics.median(values)
        axes.barh(place, middle, color=COLORS[2], height=0.6)
        axes.hlines(place, min(values), max(values), color="black", linewidth=2)
        over_line = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.text(max(values) * 1.04, place, _number(middle), va="center", bbox=over_line)
        said.append(f"{name}: {_number(middle)} times ours, from {_number(min(values))} to {_number(max(values))}.")
    axes.axvline(1, color=COLORS[0], linestyle="--")
    axes.set_yticks(range(len(said)), list(drawing.ratios))
    axes.invert_yaxis()
    axes.set_xscale("log")
    _plain_numbers(axes.xaxis)
    axes.set_xlabel("times ours (dashed line: ours; black: least to most of the rounds)")
    axes.margins(x=0.15)
    return " ".join(said)


def _lines(axes: Axes, drawing: Lines) -> str:
    """Draw one line a way, with the power by which it grows."""
    said = []
    for number, (name, points) in enumerate(drawing.points.items()):
        power = f"grows with power {growth(points):.2f}" if len(points) > 1 else "one point"
        turn, place = divmod(number, len(COLORS))
        axes.plot(*zip(*points, strict=True), color=COLORS[place], marker=MARKERS[place], linestyle=STYLES[turn],
                  label=f"{name} ({power})")  # fmt: skip
        said.append(f"{name}: " + ", ".join(f"{x:,.0f}: {y:.3g}" for x, y in points) + f" ({power}).")
    axes.set_xscale("log")
    axes.set_yscale("log")
    _plain_numbers(axes.xaxis)
    _plain_numbers(axes.yaxis)
    axes.set_xlabel(drawing.x)
    axes.set_ylabel(drawing.y)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return " ".join(said)


def _plain_numbers(axis: Axis) -> None:
    """Write 0.5, 1, 2, 5, 10 on a logarithmic axis, and no powers."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:,g}")
    axis.set_minor_formatter(NullFormatter())


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"
