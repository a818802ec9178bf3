"""What all benchmarks share: ways that take turns, ratios with their spread, goals, limits in C, and one report a part.

Machines are shared and noisy, so only ratios count: in each round every way has a turn, and a ratio is taken inside a
round. A part is a file beside this one with a function `measure(quick) -> Report`; `main(measure)` runs it alone.
"""

import argparse
import json
import math
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

LIMITS = Path(__file__).parent / "limits"


@dataclass(frozen=True)
class Goal:
    """One thing to reach.

    values: one a round, a ratio or a figure with a unit. bound: what the median must not pass; at_least: from below.
    every: each value must hold it, not only their median. exact: what was checked to be right in the same run.
    """

    text: str
    values: list[float]
    bound: float
    at_least: bool = False
    every: bool = False
    unit: str = "times"
    exact: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def reached(self) -> bool:
        shown = self.values if self.every else [self.median]
        return all(value >= self.bound if self.at_least else value <= self.bound for value in shown)


@dataclass(frozen=True)
class Bars:
    """How many times ours each way takes: name -> one ratio a round."""

    title: str
    ratios: dict[str, list[float]]


@dataclass(frozen=True)
class Lines:
    """How each way grows: name -> points (x, y). Both axes are logarithmic."""

    title: str
    x: str
    y: str
    points: dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Report:
    """What one part found. rows: more that is worth a line each. skipped: what could not be measured, and why."""

    title: str
    goals: list[Goal]
    bars: list[Bars] = field(default_factory=list)
    lines: list[Lines] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def in_turns(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Let every way take its turn, round by round. Returns: name -> what it returned, one a round."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
    return taken


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Divide round by round."""
    return [one / other for one, other in zip(over, under, strict=True)]


def times_ours(taken: Mapping[str, Sequence[float]], ours: str) -> dict[str, list[float]]:
    """Return name -> how many times ours, one a round, for all the others."""
    return {name: ratios(values, taken[ours]) for name, values in taken.items() if name != ours}


def growth(points: Sequence[tuple[float, float]]) -> float:
    """Fit y = a * x ** b by least squares of the logarithms. Returns: b; 1 is linear growth."""
    xs, ys = ([math.log(value) for value in axis] for axis in zip(*points, strict=True))
    return statistics.linear_regression(xs, ys).slope


def linear(what: str, points: Sequence[tuple[float, float]]) -> Goal:
    """Ask that something grows as fast as x, or slower."""
    return Goal(f"{what}: grows with power", [growth(points)], 1.1, unit="(1 is linear)")


@contextmanager
def limit(name: str) -> Iterator[str | None]:
    """Compile benchmarks/limits/<name>.c, the bare system calls. Yields: the program's path; None without gcc."""
    if not shutil.which("gcc"):
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder, name))
        subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-o", program, str(LIMITS / f"{name}.c")], check=True)
        yield program


def told(report: Report) -> str:
    """Say in lines of text what a part found."""
    lines = ["", report.title, "=" * len(report.title)]
    for goal in report.goals:
        sign = "reached    " if goal.reached else "NOT REACHED"
        bound = f"{'at least' if goal.at_least else 'at most'} {goal.bound:g} {goal.unit}"
        spread = f"{goal.median:.3g} ({min(goal.values):.3g} to {max(goal.values):.3g}, {len(goal.values)} rounds)"
        lines.append(f"{sign} {goal.text}: {spread}; goal: {bound}{', every round' if goal.every else ''}")
        if goal.exact:
            lines.append(f"            checked in the same run: {goal.exact}")
    for bars in report.bars:
        lines += ["", bars.title]
        lines += [f"  {name:28}{statistics.median(values):9.2f} times ours ({min(values):.2f} to {max(values):.2f})"
                  for name, values in bars.ratios.items()]  # fmt: skip
    for growing in report.lines:
        lines += ["", f"{growing.title}: {growing.y}, by {growing.x}"]
        for name, points in growing.points.items():
            told_points = ", ".join(f"{x:,.0f}: {y:.4g}" for x, y in points)
            power = f" (grows with power {growth(points):.2f})" if len(points) > 1 else ""
            lines.append(f"  {name}: {told_points}{power}")
    return "\n".join([*lines, *report.rows, *(f"skipped: {reason}" for reason in report.skipped)])


def main(measure: Callable[[bool], Report]) -> None:
    """Run one part, print its report, and keep it as JSON where --save says."""
    parser = argparse.ArgumentParser(description=measure.__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes")
    parser.add_argument("--save", type=Path, help="also write the report here, as JSON")
    chosen = parser.parse_args()
    if not __debug__:
        parser.error("without assertions nothing would be checked: run Python without -O and PYTHONOPTIMIZE")
    report = measure(chosen.quick)
    print(told(report), flush=True)
    if chosen.save:
        chosen.save.write_text(json.dumps(asdict(report)), encoding="utf-8")
