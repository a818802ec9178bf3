"""Run lessons in kernels of their own, and tell how long each cell took; starting.py draws on this.

Usage: python benchmarks/course.py [notebooks/12_scanning.ipynb ...]        (all lessons, four kernels at a time)
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
CORES = 2  # that all kernels share, on a machine with more, too
KERNELS = 2 * CORES  # at a time, as lessons mostly wait
PATIENCE = 300  # seconds for a cell
CLOSED = "Everything is closed"
SLOWEST = 5  # cells that are told


@dataclass(frozen=True)
class Run:
    """A lesson that was run, from its kernel's start to its end. cells: seconds, and the first line, slowest first."""

    name: str
    seconds: float
    cells: list[tuple[float, str]]


def lessons() -> list[Path]:
    """Find the lessons, the last first: those take longest."""
    return sorted(NOTEBOOKS.glob("[0-9]*.ipynb"), reverse=True)


def run(path: Path, until_picture: bool = False) -> Run:
    """Run a lesson. Args: until_picture: only until its first picture is there. Raises: where a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    if until_picture:
        first = next(number for number, cell in enumerate(notebook.cells) if _shows(cell))
        notebook.cells = notebook.cells[: first + 1]
    os.environ.update(SOCKETS_LAB_LEARNER="reader", SOCKETS_LAB_DATA="")
    with tempfile.TemporaryDirectory(prefix="kernel-") as folder:  # it talks over files, as the course's kernels do
        kernel = AsyncKernelManager(transport="ipc", connection_file=str(Path(folder, "kernel.json")))
        client = NotebookClient(notebook, km=kernel, timeout=PATIENCE, resources={"metadata": {"path": str(NOTEBOOKS)}})
        begun, now = time.monotonic(), time.time()
        client.execute(cleanup_kc=True)
        seconds = time.monotonic() - begun
    done = [cell for cell in notebook.cells if "execution" in cell.metadata]
    if until_picture:
        assert _shows(done[-1]), f"{path.name} showed no picture"
        seconds = _time(done[-1], "shell.execute_reply") - now
    else:
        assert CLOSED in str(done[-1].outputs), f"{path.name} has left something behind"
    cells = [(_time(cell, "shell.execute_reply") - _time(cell, "iopub.execute_input"), cell.source) for cell in done]
    return Run(path.stem, seconds, [(took, source.partition("\n")[0]) for took, source in sorted(cells, reverse=True)])


def course(paths: list[Path]) -> tuple[float, list[Run]]:
    """Run lessons, some kernels at a time. Returns: seconds for all, and the runs in the order of the lessons."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:CORES])  # what is started from here stays there
    try:
        begun = time.monotonic()
        with ThreadPoolExecutor(KERNELS) as kernels:
            runs = list(kernels.map(run, paths))
        return time.monotonic() - begun, sorted(runs, key=lambda one: one.name)
    finally:
        os.sched_setaffinity(0, allowed)


def _shows(cell: nbformat.NotebookNode) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", ()))


def _time(cell: nbformat.NotebookNode, event: str) -> float:
    return datetime.fromisoformat(cell.metadata["execution"][event].replace("Z", "+00:00")).timestamp()


if __name__ == "__main__":
    seconds, runs = course([Path(name).resolve() for name in sys.argv[1:]] or lessons())
    for one in runs:
        print(f"{one.name:32}{one.seconds:7.1f} s")
        for took, source in one.cells[:SLOWEST]:
            print(f"{took:12.1f}  {source[:100]}")
    print(f"{KERNELS} kernels at a time on {CORES} cores: {seconds:.1f} s; load {os.getloadavg()[0]:.1f}")
