"""Measure everything beside its peers, in one run; print ratios, say which goals are reached, and draw the plots.

Usage: python benchmarks/run.py [--quick] [part ...]        (all parts; some twenty minutes, two with --quick)

Each part is a program of its own, run in a process of its own, one after the other. Reports and plots go to
build/benchmarks. What is not installed is skipped and named; benchmarks/README.md says how to have it.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from drawing import draw
from measuring import Bars, Goal, Lines, Report

HERE = Path(__file__).parent
OUT = HERE.parent / "build" / "benchmarks"
PARTS = ["table", "lookup", "scanning", "forwarding", "headers", "crowd", "capture", "starting"]


def loaded(path: Path) -> Report:
    """Read a report back."""
    told = json.loads(path.read_text(encoding="utf-8"))
    kinds = {"goals": Goal, "bars": Bars, "lines": Lines}
    return Report(**told | {name: [kind(**one) for one in told[name]] for name, kind in kinds.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure beside peers. See the top of this file.")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: pass some of {', '.join(PARTS)}")
    OUT.mkdir(parents=True, exist_ok=True)
    missed, skipped, broken = [], [], []
    for part in chosen.parts or PARTS:
        saved = OUT / f"{part}.json"
        for old in (saved, *OUT.glob(f"{part}-*")):  # nothing of an earlier run where this one fails
            old.unlink(missing_ok=True)
        command = [sys.executable, str(HERE / f"{part}.py"), "--save", str(saved)]
        if subprocess.run(command + ["--quick"] * chosen.quick).returncode:
            broken.append(part)
            continue
        report = loaded(saved)
        draw(report, OUT / part)
        missed += [f"Not reached: {part}: {goal.text}" for goal in report.goals if not goal.reached]
        skipped += [f"Not measured: {part}: {reason}" for reason in report.skipped]
    print(f"\nReports and plots: {OUT.relative_to(HERE.parent)}")
    print(*missed, *skipped, *(f"Failed: {part}" for part in broken), sep="\n")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
