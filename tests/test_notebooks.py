"""Lessons leave nothing behind, and do not get in each other's way."""

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from sockets_lab.machine import descriptor_limits, try_namespaces

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
NODES = re.compile(r"nodes\.Lab\(|detective\.take\(")
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


def marked(mark: str) -> list[psutil.Process]:
    """Find the living processes that inherited a mark in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SOCKETS_LAB_MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def end(client: BlockingKernelClient, manager: KernelManager) -> None:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def code(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
@pytest.mark.parametrize("name", ["00_start_here", "01_descriptors", "04_conflicts", "07_nodes", "12_port_detective"])
def test_kill_9_in_the_middle_of_a_lesson_leaves_no_process(name):
    mark = uuid.uuid4().hex
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(NOTEBOOKS), env={**os.environ, "SOCKETS_LAB_MARK": mark})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(60)
        for source in code(NOTEBOOKS / f"{name}.ipynb"):
            client.execute(source)
        time.sleep(random.uniform(0.5, 4))
        kernel = manager.provisioner.process
        os.kill(kernel.pid, signal.SIGKILL)  # the kernel alone: its children must notice by themselves
        kernel.wait(10)
        deadline = time.monotonic() + 5
        while (left := marked(mark)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left == []
    finally:
        end(client, manager)


def test_an_interrupted_cell_leaves_no_socket_and_the_kernel_goes_on():
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(NOTEBOOKS))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(60)

        def ask(source: str) -> str:
            said: list[str] = []
            client.execute_interactive(
                source, timeout=60, output_hook=lambda message: said.append(message["content"].get("text", ""))
            )
            return "".join(said)

        ask("from sockets_lab import descriptors, panels; lesson = panels.lesson('01_descriptors')")
        waiting = client.execute("with descriptors.tcp_pair() as (one, other): print('waits', flush=True); one.recv(1)")
        while client.get_iopub_msg(timeout=30)["content"].get("text", "") != "waits\n":
            pass
        manager.interrupt_kernel()
        while (reply := client.get_shell_msg(timeout=30))["parent_header"]["msg_id"] != waiting:
            pass
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        assert "Everything is closed" in ask("lesson.end()")
    finally:
        end(client, manager)


@pytest.mark.parametrize("path", LESSONS[2:6], ids=lambda path: path.stem)  # those that read the table in this kernel
def test_lessons_run_where_psutil_tells_the_socket_table(path, monkeypatch):
    monkeypatch.setenv("SOCKETS_LAB_TABLE", "psutil")
    asyncio.run(run(path))


@pytest.mark.skipif(try_namespaces() is not True, reason="namespaces are refused here already")
@pytest.mark.parametrize("path", WITH_NODES, ids=lambda path: path.stem)
def test_lessons_with_nodes_run_to_the_end_where_a_container_refuses_them(path):
    refusing = [sys.executable, str(Path(__file__).with_name("refusing.py")), sys.executable]
    program = (
        "import sys, nbformat, conftest\nfrom nbclient import NotebookClient\n"
        "notebook = nbformat.read(sys.argv[1], as_version=4)\n"
        "NotebookClient(notebook, timeout=120).execute()\n"
        "for cell in notebook.cells:\n    for output in cell.get('outputs', ()):\n"
        "        print(output.get('text') or output.get('data', {}).get('text/markdown', ''))\n"
    )
    done = subprocess.run([*refusing, "-c", program, str(path)], cwd=NOTEBOOKS.parent,
                          capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "This machine refuses network stacks of one's own" in done.stdout
    assert "Everything is closed" in done.stdout
