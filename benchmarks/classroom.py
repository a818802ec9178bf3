"""Let a class of thirty log in and run lessons 02, 04, 05 and 06 at the same time, and count what goes wrong.

Usage: python benchmarks/classroom.py [learners]        (30)

Needs what deploy/README.md needs. Prints the seconds until all are ready, the seconds that a lesson takes, MiB for each
learner (each page shared by n processes counts 1/n), and the cells that ended in an error that no lesson announces.
"""

import json
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from hub_class import Channels, Hub, Learner, missing  # noqa: E402

LESSONS = ["02_binding", "04_conflicts", "05_fourtuples", "06_two_nodes"]


def code(lesson: str) -> list[dict]:
    cells = json.loads((ROOT / "notebooks" / f"{lesson}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def errors(lesson: str, outputs: list[list[dict]]) -> list[str]:
    """Name the errors that the lesson does not announce by a tag."""
    unannounced = (
        got for cell, got in zip(code(lesson), outputs, strict=True)
        if "raises-exception" not in cell["metadata"].get("tags", ())
    )  # fmt: skip
    return [f"{lesson}: {one['ename']}: {one['evalue']}" for got in unannounced for one in got
            if one["output_type"] == "error"]  # fmt: skip


def spread(values: list[float]) -> str:
    return f"median {statistics.median(values):.0f}, longest {max(values):.0f}"


def study(one: Learner, took: dict[str, list[float]]) -> list[str]:
    """Run the lessons one after the other, as fast as they go. Returns: what went wrong."""
    wrong = []
    for lesson in LESSONS:
        began = time.monotonic()
        try:
            wrong += errors(lesson, one.run(lesson))
        except Exception as problem:  # noqa: BLE001  counted, whatever it is
            wrong.append(f"{lesson}: {problem!r}")
        took[lesson].append(time.monotonic() - began)
    return wrong


def open_lesson(one: Learner) -> None:
    """Leave a lesson open, with its modules imported and its panel shown, as somebody does who reads."""
    _, kernel = one.open_notebook("05_fourtuples")
    with Channels(one, kernel) as channels:
        channels.execute("from sockets_lab import panels; lesson = panels.lesson('05_fourtuples'); lesson.panel()")


def run(hub: Hub, names: list[str]) -> None:
    print(f"hub: ready after {hub.start():.1f} s")
    learners = [Learner(hub, name) for name in names]
    with ThreadPoolExecutor(len(learners)) as at_once:
        for one in learners:
            one.log_in()
        print(f"servers: {spread(list(at_once.map(Learner.open_server, learners)))} s until ready", flush=True)
        print(f"a learner's server: {spread(list(hub.memory().values()))} MiB", flush=True)
        list(at_once.map(open_lesson, learners))
        print(f"with a lesson open: {spread(list(hub.memory().values()))} MiB", flush=True)
        took: dict[str, list[float]] = {lesson: [] for lesson in LESSONS}
        began = time.monotonic()
        wrong = list(at_once.map(lambda one: study(one, took), learners))
        print(f"all lessons of all: {time.monotonic() - began:.0f} s")
    for lesson, seconds in took.items():
        print(f"  {lesson}: {spread(seconds)} s")
    print(f"learners with an error: {sum(map(bool, wrong))} of {len(names)}")
    for one, failed in zip(learners, wrong, strict=True):
        if failed:
            print(f"  {one.name}: {'; '.join(failed)}")


if __name__ == "__main__":
    if missing():
        sys.exit(missing())
    names = [f"learner{number:02}" for number in range(1, int((sys.argv[1:] or ["30"])[0]) + 1)]
    folder = Path(tempfile.mkdtemp(prefix="hub-"))
    hub = Hub(folder, names)
    try:
        run(hub, names)
    finally:
        hub.close()
        shutil.rmtree(folder, ignore_errors=True)
