"""Ends in the middle: kill -9 at a random moment, and the stop button wherever a cell waits."""

import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kernels import Kernel, cells, kept, probe, troubles, verdicts

from faults.found import Found, each, lessons

GONE = 5.0  # seconds after which nothing may be left
MOMENT = 0.4  # seconds into a cell, at most
PASSES = 12  # at most; each stops every cell once more, at another place
WATCH = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import stopping; stopping.begin()"


def kill_9(quick: bool) -> Found:
    """End the kernel in the middle of a random cell, and look for what is left of it."""
    times, paths, chance = (3 if quick else 100), lessons(quick), random.Random()

    def end(path: Path) -> Iterator[str]:
        code = cells(path)
        place = chance.randrange(len(code))
        with tempfile.TemporaryDirectory() as folder, Kernel(SOCKETS_LAB_DATA=folder) as kernel:
            yield from (f"before: {one}" for one in troubles([kernel.run(*cell) for cell in code[:place]], ends=False))
            kernel.start(code[place][0])
            time.sleep(chance.uniform(0, MOMENT))
            kernel.kill()
            yield from (f"in cell {place}, left: {one}" for one in (*kernel.left(GONE), *kernel.scratch.iterdir()))
            if lost := verdicts(path, place) - set(kept(Path(folder), path.stem)):
                yield f"in cell {place}, lost of the progress: {lost}"

    wrong = each(end, [path for _ in range(times) for path in paths])
    seen = f"no process, no file, all progress there {GONE:g} s later"
    return Found("kill -9", f"{times} times, each of {len(paths)} notebooks", seen, wrong)


def interrupt(quick: bool) -> Found:
    """Press the stop button wherever a cell waits, each place once; go on each time, and look for what is left."""
    paths, stops = lessons(quick), Counter[str]()

    def stop(path: Path) -> Iterator[str]:
        with Kernel() as kernel:
            kernel.run(WATCH)
            yield from troubles(kernel.lesson(path))
            before = probe(kernel)
            for _ in range(1 if quick else PASSES):
                stopped, wrong = _one_pass(kernel, path)
                stops[path.stem] += stopped
                yield from wrong
                if not stopped:
                    break
            else:
                if not quick:
                    yield f"after {PASSES} passes there are still places left"
            yield from (f"Run All after the stops: {one}" for one in troubles(kernel.lesson(path)))
            if (after := probe(kernel, before)) != before:
                yield f"the kernel holds {after}, and held {before} before the stops"
            if (slowest := float(kernel.run("print(stopping.slowest())").text)) > GONE:
                yield f"a cell went on for {slowest:.1f} s after the stop"
            if left := kernel.log():
                yield f"the kernel wrote: {left[-500:]}"

    wrong = each(stop, paths)
    often = f"{sum(stops.values())} stops, each at another place where a cell waited, in {len(paths)} notebooks"
    seen = "the cell ended at once, the lesson ran to its end afterwards, and nothing was held"
    return Found("interrupt in every blocking call", often, seen, wrong)


def _one_pass(kernel: Kernel, path: Path) -> tuple[int, list[str]]:
    """Run a lesson with the stop button at work; a cell that was stopped is run again.

    Returns: how many stops, and what came of one that was no stop.
    """
    heard, wrong = list[tuple[str, str, str] | None](), list[str]()
    kernel.run("stopping.work(True)")
    for number, cell in enumerate(cells(path)):
        said, places = kernel.run(*cell), _stops(kernel)
        while places and said.error == "KeyboardInterrupt":
            heard += places
            said, places = kernel.run(*cell), _stops(kernel)
        if any(places):
            ended = f"{said.error or 'no error'}: {said.trace[-300:]}"
            wrong.append(f"cell {number} was stopped, and ended in {ended} (at {places})")
        if said.error and not said.announced:
            if not heard and not places:
                wrong.append(f"cell {number}, not stopped: {said.error}: {said.trace[-300:]}")
            break  # half of the cell was done before: a learner begins anew
    kernel.run("stopping.work(False)")
    return sum(place is not None for place in heard), wrong


def _stops(kernel: Kernel) -> list[tuple[str, str, str] | None]:
    """Return where cells were stopped since this was asked last: the cell, file, line; None: around the cell's code."""
    said = kernel.run("import json; print(json.dumps(stopping.stops()))")
    return [] if said.error else json.loads(said.text)  # an error: a press as the cell before had just ended
