"""Lessons leave nothing behind, and do not get in each other's way."""

import asyncio
import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
AT_ONCE = 10
PROBE = """
import gc, json, os, threading, psutil
gc.collect()
me = psutil.Process()
print(json.dumps({"descriptors": me.num_fds() if hasattr(me, "num_fds") else me.num_handles(),
                  "threads": len(threading.enumerate()), "children": len(me.children())}))
"""


async def run(path: Path, times: int = 1) -> list[dict]:
    """Run a lesson some times in one kernel; return what the kernel held after each time. Errors in cells raise."""
    notebook = nbformat.read(path, as_version=4)
    cells, probes = list(notebook.cells), [nbformat.v4.new_code_cell(PROBE) for _ in range(times)]
    notebook.cells = [cell.copy() for probe in probes for cell in [*cells, probe]]
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOKS)}})
    done = await client.async_execute()
    held = [cell for cell in done.cells if cell.source == PROBE]
    return [json.loads("".join(output.text for output in cell.outputs)) for cell in held]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_run_all_three_times_in_one_kernel_leaves_nothing_more(path):
    first, second, third = asyncio.run(run(path, times=3))
    assert first == second == third
    assert third["children"] == 0


def test_all_lessons_at_once_ten_kernels_at_a_time():
    async def all_of_them() -> list[list[dict]]:
        places = asyncio.Semaphore(AT_ONCE)

        async def one(path: Path) -> list[dict]:
            async with places:
                return await run(path)

        return await asyncio.gather(*(one(path) for path in [*LESSONS, *LESSONS]))

    assert len(asyncio.run(all_of_them())) == 2 * len(LESSONS)
