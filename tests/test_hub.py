"""A class on one host: a real JupyterHub, learners who log in and run lessons at the same time, and a hub that dies.

One learner for each core, three at least; thirty: benchmarks/classroom.py.
"""

import json
import os
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hub_class
import nbformat
import psutil
import pytest
from hub_class import ROOT, Channels, Hub, Learner, printed

from sockets_lab.kernel.machine import try_namespaces

ENOUGH = min(30, os.cpu_count() or 1, psutil.virtual_memory().available // 2**29)
NAMES = ["ada", "grace", "linus", *(f"learner{number:02}" for number in range(4, ENOUGH + 1))]
LESSONS = ["02_binding", "04_conflicts", "05_fourtuples", "06_two_nodes"]
COMPARED = LESSONS if try_namespaces() is True else LESSONS[:3]  # the last says what differs
MISSING = hub_class.missing()


@pytest.fixture(scope="module")
def hub():
    if MISSING:
        pytest.skip(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="hub-"))  # short: a Unix-domain socket's address has room for 108 bytes
    hub = Hub(folder, NAMES)
    try:
        hub.start()
        yield hub
    finally:
        hub.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def learners(hub):
    """All of the class, logged in, each with a server."""
    learners = [Learner(hub, name) for name in NAMES]
    with ThreadPoolExecutor(len(learners)) as at_once:
        list(at_once.map(lambda one: (one.log_in(), one.open_server()), learners))
    return learners


def saved(lesson: str) -> list[dict]:
    """Return the code cells of a lesson as it is committed."""
    cells = nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def without_numbers(text: str) -> str:
    """Take out numbers: exercises have other ones for each learner."""
    return re.sub(r"\d+(\.\d+)*", "#", text)


def test_only_the_class_comes_in_and_only_with_the_password(hub):
    for name, password in (("ada", "wrong-password"), ("mallory", hub_class.PASSWORD)):
        stranger = Learner(hub, name)
        assert stranger.log_in(password).status_code in (401, 403)
        assert not stranger.is_in()


def test_nobody_gets_into_a_neighbors_server(learners):
    ada, grace = learners[:2]
    assert ada.is_in()
    ada.base = grace.base
    try:
        assert not ada.is_in()
    finally:
        ada.base = f"{ada.hub.url}/user/{ada.name}"


def test_all_run_the_lessons_at_the_same_time_without_an_error(learners):
    with ThreadPoolExecutor(len(learners)) as at_once:
        ran = list(at_once.map(lambda one: {lesson: one.run(lesson) for lesson in LESSONS}, learners))
    for lesson in LESSONS:
        for one, outputs in zip(learners, (each[lesson] for each in ran), strict=True):
            for cell, got in zip(saved(lesson), outputs, strict=True):
                where = f"{one.name}, lesson {lesson}: {cell.source}"
                expected = "raises-exception" in cell.metadata.get("tags", ())
                assert expected or not [each for each in got if each["output_type"] == "error"], where
                if lesson in COMPARED and "nbval-ignore-output" not in cell.metadata.get("tags", ()):
                    assert without_numbers(printed(got)) == without_numbers(printed(cell.outputs)), where


def test_each_has_an_own_address_own_progress_and_kernels_over_files(learners):
    program = (
        "import json, os\nfrom sockets_lab import machine\nfrom sockets_lab.course import progress\n"
        "from ipykernel.connect import get_connection_info\n"
        "print(json.dumps([machine.home_address(), str(progress.folder()), os.getcwd(),\n"
        "                  get_connection_info(unpack=True)['transport']]))"
    )
    answers = []
    for one in learners:
        _, kernel = one.open_notebook("02_binding")
        with Channels(one, kernel) as channels:
            answers.append(json.loads(printed(channels.execute(program))))
    assert {answer[-1] for answer in answers} == {"ipc"}
    for place in range(3):  # address, progress, folder
        assert len({answer[place] for answer in answers}) == len(learners)


def test_a_hub_that_dies_or_is_restarted_takes_no_work_along(hub, learners):
    ada = learners[0]
    notebook, kernel = ada.open_notebook("04_conflicts")
    with Channels(ada, kernel) as channels:
        channels.execute("kept = 41")
    notebook["cells"][0]["source"] = "# Ada's own words"
    path = "contents/sockets-lab/notebooks/04_conflicts.ipynb"
    assert ada.api("PUT", path, json={"type": "notebook", "format": "json", "content": notebook}).ok
    before = {process.pid for _, process in hub.processes()}
    for end in (hub.kill, hub.stop):
        end()
        hub.start()
        assert before <= {process.pid for _, process in hub.processes()}
        ada.open_server()  # no new login: the cookie holds
        with Channels(ada, kernel) as channels:
            assert printed(channels.execute("print(kept + 1)")) == "42\n"
    assert ada.api("GET", path).json()["content"]["cells"][0]["source"] == "# Ada's own words"
