"""The same again and again, and many at once: Run All in one kernel, strict nbval, ten kernels."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kernels import LESSONS, ROOT, Kernel, cells, kept, probe, troubles, verdicts

from faults.found import Found, each, lessons

NBVAL = [sys.executable, "-m", "pytest", "-q", "-n", "4", "--dist", "loadfile", "notebooks"]
REMEMBER = "from sockets_lab.course import progress; _ = progress.remember({!r}, 'exercises', {!r}, True)"


def run_all(quick: bool) -> Found:
    """Run every lesson again and again in one kernel, and compare what the kernel holds after each time."""
    times = 3 if quick else 50

    def run(path: Path) -> Iterator[str]:
        with Kernel() as kernel:
            for time in range(1, times + 1):
                yield from (f"time {time}: {one}" for one in troubles(kernel.lesson(path)))
                if time == 2:
                    before = probe(kernel)
                elif time > 2 and (after := probe(kernel, before)) != before:
                    yield f"time {time}: the kernel holds {after}, and held {before} after the second"

    paths = lessons(quick)
    seen = "each time to its end, and the same descriptors, threads and processes after each"
    return Found("Run All", f"{times} times in one kernel, each of {len(paths)} notebooks", seen, each(run, paths))


def nbval(quick: bool) -> Found:
    """Run the notebooks' strict test again and again."""
    times, wrong = (1 if quick else 40), []
    for time in range(times):
        done = subprocess.run(NBVAL, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            wrong.append(f"time {time + 1}: {done.stdout[-1500:]}")
    return Found("nbval, strict", f"{times} times, all notebooks", "every cell printed what is saved", wrong)


def ten_kernels(quick: bool) -> Found:
    """Run a lesson in ten kernels at once, of one learner, whose progress they all write."""
    paths = LESSONS[7:8] if quick else LESSONS

    def run(path: Path) -> Iterator[str]:
        written = set[str]()  # after each cell, by each kernel an entry of its own: the predictions are all kernels'
        with tempfile.TemporaryDirectory() as folder:

            def learner(_: Path) -> Iterator[str]:
                with Kernel(SOCKETS_LAB_DATA=folder) as kernel:
                    said = []
                    for number, cell in enumerate(cells(path)):
                        said.append(kernel.run(*cell))
                        written.add(entry := f"{kernel.mark}-{number}")
                        kernel.run(REMEMBER.format(path.stem, entry))
                    yield from troubles(said)
                    if left := kernel.left():
                        yield f"left: {left}"

            yield from each(learner, [path] * 10, at_once=10)
            missing = verdicts(path) - set(kept(Path(folder), path.stem))
            missing |= written - set(kept(Path(folder), path.stem, "exercises"))
            if missing:
                yield f"lost of the progress: {missing}"

    seen = "each to its end, and nothing of the progress lost"
    return Found("10 kernels at once", f"each of {len(paths)} lessons", seen, each(run, paths, at_once=1))
