"""Lessons leave nothing behind, and do not get in each other's way."""

import asyncio
import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from kernels import Kernel, Said, cells
from machines import NO_FIREWALL, NO_NAMESPACES
from nbclient import NotebookClient
from rules import each

from sockets_lab.kernel.machine import descriptor_limits, try_firewall, try_namespaces

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
NODES = re.compile(r"\bLab\(|detective\.take\(")
WITH_FILTER = [path for name in ("11", "13", "14") for path in sorted(NOTEBOOKS.rglob(f"{name}_*.ipynb"))]
WITH_NODES = [path for path in LESSONS if NODES.search(path.read_text(encoding="utf-8"))]
CLASS = sorted([*LESSONS, *LESSONS[2:6]])  # neighbours run at the same time: of lessons about ports there are two
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


def test_learners_at_once_and_each_lesson_run_twice_leave_nothing_more():
    at_once = 10 if descriptor_limits()[0] >= 1024 else 2  # each kernel takes this process some twenty descriptors

    async def a_class() -> list[list[dict]]:
        places = asyncio.Semaphore(at_once)

        async def learner(path: Path) -> list[dict]:
            async with places:
                return await run(path, times=2)

        return await asyncio.gather(*(learner(path) for path in CLASS))

    for path, (first, second) in zip(CLASS, asyncio.run(a_class()), strict=True):
        assert first == second, path.stem
        assert second["children"] == 0, path.stem


def sections(path: Path) -> list[nbformat.NotebookNode]:
    """Return a lesson's code cells so that each section begins anew, with the first code cell and nothing else."""
    heading = r"^### (.+)$" if path.stem == "answers" else r"^## (.+)$"
    first, begun, found = None, "", []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            begun = next(reversed(re.findall(heading, cell.source, re.MULTILINE)), begun)
        elif first is None:
            first = cell
        else:
            if not found or found[-1].metadata.section != begun:
                again = nbformat.v4.new_code_cell(f"%reset -f\n{first.source}", metadata={"section": begun})
                found.append(again)
            cell.metadata.section = begun
            found.append(cell)
    for number, cell in enumerate(found):
        cell.id = f"cell-{number}"
    return found


@each([*LESSONS, NOTEBOOKS / "answers.ipynb"])
def test_every_section_runs_after_the_first_code_cell_alone(path):
    """A cell that is meant to fail may raise, but no name may be missing."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = sections(path)
    NotebookClient(notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    raised = [(cell.metadata.section, output.ename, output.evalue, cell.source) for cell in notebook.cells
              for output in cell.get("outputs", ()) if output.output_type == "error"
              and ("raises-exception" not in cell.metadata.get("tags", ()) or output.ename == "NameError")]  # fmt: skip
    assert raised == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
@each(["04_conflicts", "06_two_nodes", "14_port_detective"])
def test_kill_9_in_the_middle_of_a_lesson_leaves_no_process(name):
    with Kernel() as kernel:
        for source, _ in cells(NOTEBOOKS / f"{name}.ipynb"):
            kernel.start(source)
        end = time.monotonic() + 60
        while not kernel.left():
            assert time.monotonic() < end, "it started no process"
            time.sleep(0.05)
        time.sleep(random.uniform(0, 2))
        kernel.kill()
        assert kernel.left(5) == []


def test_an_interrupted_cell_leaves_no_socket_and_the_kernel_goes_on(tmp_path):
    waits = tmp_path / "waits"
    blocks = f"with descriptors.tcp_pair() as (one, other): open({str(waits)!r}, 'w').close(); one.recv(1)"
    with Kernel() as kernel:
        kernel.run("from sockets_lab import descriptors, panels; lesson = panels.lesson('01_descriptors')")
        cell = kernel.start(blocks)
        deadline = time.monotonic() + 30
        while not waits.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert waits.exists()
        kernel.interrupt()
        assert kernel.hear_out(cell, Said(blocks)).error == "KeyboardInterrupt"
        assert "Everything is closed" in kernel.run("lesson.end()").text


@pytest.mark.parametrize("path", LESSONS[2:6], ids=lambda path: path.stem)  # those that read the table in this kernel
def test_lessons_run_where_psutil_tells_the_socket_table(path, monkeypatch):
    monkeypatch.setenv("SOCKETS_LAB_TABLE", "psutil")
    asyncio.run(run(path))


@pytest.mark.skipif(try_namespaces() is not True, reason="namespaces are refused here already")
@pytest.mark.parametrize("path", WITH_NODES, ids=lambda path: path.stem)
def test_lessons_with_nodes_run_to_the_end_where_a_container_refuses_them(path):
    assert "This machine refuses network stacks of one's own" in said_on(NO_NAMESPACES, path)


@pytest.mark.skipif(try_firewall() is not True, reason="the firewall is refused here already")
@pytest.mark.parametrize("path", WITH_FILTER, ids=lambda path: f"{path.parent.stem}-{path.stem}")
def test_lessons_with_a_filter_run_to_the_end_where_the_kernel_has_none(path):
    said = said_on(NO_FIREWALL, path)
    assert "nodes on loopback" not in said.lower(), "the nodes are real"
    if path.parent != NOTEBOOKS:
        assert said.count("Done: ") >= len(set(re.findall(r"lesson\.check\(.*?\)", path.read_text())))


def said_on(machine: list[str], path: Path) -> str:
    """Run a notebook to its end on a poorer machine. Returns: what it said."""
    program = (
        "import sys, nbformat, conftest\nfrom nbclient import NotebookClient\n"
        "notebook = nbformat.read(sys.argv[1], as_version=4)\n"
        "NotebookClient(notebook, timeout=120).execute()\n"
        "for cell in notebook.cells:\n    for output in cell.get('outputs', ()):\n"
        "        print(output.get('text') or output.get('data', {}).get('text/markdown', ''))\n"
    )
    done = subprocess.run([*machine, sys.executable, "-c", program, str(path)], cwd=NOTEBOOKS.parent,
                          capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Everything is closed" in done.stdout
    return done.stdout
