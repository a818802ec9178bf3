"""The report of faults finds what does not hold: lessons that are broken on purpose, and whole ones."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import kernels
import nbformat
import pytest
from kernels import ROOT

sys.path.append(str(ROOT / "benchmarks"))  # last: its modules have names such as headers
from faults import again, ending, found, poorer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the report is made on Linux")
END = 'print("Everything is closed")'
HALF = "get_ipython().kernel.iopub_socket.send_multipart([b'stream', b'<IDS|MSG>', b'a', b'b', b'c', b'd', b'e'])"


@pytest.fixture
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the faults be caused in a lesson of these cells, in the place of all lessons."""
    monkeypatch.setattr(found, "ThreadPoolExecutor", _OneThread)  # Jupyter's client leaves a loop in every other one

    def put(*sources: str) -> None:
        path = tmp_path / "99_broken.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in sources]), path)
        for fault in (again, ending, poorer):
            monkeypatch.setattr(fault, "lessons", lambda _: [path])

    return put


def test_what_holds_more_after_each_run_is_found(lesson):
    lesson("import os\nheld = globals().get('held', []) + [os.pipe()]", END)
    (wrong,) = again.run_all(quick=True).wrong
    assert wrong.startswith("99_broken: time 3: the kernel holds ")


def test_a_whole_lesson_holds_nothing_more(lesson):
    lesson("import socket\nwith socket.socket() as sock:\n    sock.bind(('127.0.0.1', 0))", END)
    assert again.run_all(quick=True).wrong == []


def test_a_process_that_outlives_kill_9_is_found(lesson, monkeypatch):
    monkeypatch.setattr(ending, "GONE", 0.5)
    monkeypatch.setattr(ending, "MOMENT", 0.0)
    lesson("import subprocess, sys\nleft = [sys.executable, '-c', 'import time; time.sleep(20)']\n"
           "_ = subprocess.Popen(left, start_new_session=True)", "import time\ntime.sleep(20)")  # fmt: skip
    monkeypatch.setattr(ending.random, "Random", lambda: _Second())
    wrong = ending.kill_9(quick=True).wrong
    assert len(wrong) == 3
    assert all("in cell 1, left: psutil.Process" in one for one in wrong)


class _OneThread:
    """Does all work at once, in the thread that asks."""

    def __init__(self, _: int) -> None:
        pass

    def __enter__(self) -> "_OneThread":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    map = staticmethod(map)


class _Second:
    """Chooses the second cell, and no time."""

    def randrange(self, _: int) -> int:
        return 1

    def uniform(self, low: float, _: float) -> float:
        return low


def test_a_traceback_for_want_of_memory_is_found(lesson):
    lesson("room = bytearray(2 << 30)", END)
    wrong = poorer.memory(quick=True).wrong
    assert wrong
    assert all("MemoryError" in one for one in wrong)


def test_half_a_message_is_jupyters_where_its_log_says_so_be_it_later(lesson):
    lesson("import os, threading\n_ = threading.Timer(0.5, os.write, (2, b'OSError: Too many open files')).start()",
           HALF, END)  # fmt: skip
    assert not [one for one in poorer.descriptors(quick=True).wrong if one.startswith("32: ")]


def test_half_a_message_is_jupyters_where_the_next_one_says_so(lesson):
    lesson(HALF.replace("b'e'", "b'e', b'OSError: Too many open files'"), END)
    assert not [one for one in poorer.descriptors(quick=True).wrong if one.startswith("32: ")]


def test_a_cell_that_ended_unheard_is_told_from_one_that_goes_on(monkeypatch):
    monkeypatch.setattr(kernels, "SILENT", 1.0)
    with kernels.Kernel() as kernel:
        with pytest.raises(TimeoutError, match="did not end") as one_that_goes_on:
            kernel.run("import time\ntime.sleep(4)", patience=2)
        assert not isinstance(one_that_goes_on.value, kernels.MessageLost)
        with pytest.raises(kernels.MessageLost, match="silent"):
            kernel.run("get_ipython().kernel.iopub_thread.send_multipart = lambda *silent, **how: None")


def test_half_a_message_is_wrong_where_the_log_says_nothing(lesson, monkeypatch):
    monkeypatch.setattr(poorer, "LOGGED", 0.5)
    lesson(HALF, END)
    assert any(one.startswith("32: 99_broken: Invalid Signature") for one in poorer.descriptors(quick=True).wrong)


def test_a_printed_traceback_is_jupyters_only_without_a_line_of_the_cell(lesson):
    shown = "Traceback (most recent call last):\\n  File \"{}\", line 1, in run\\nOSError: Too many open files"
    for file, is_wrong in (("zmq/sugar/socket.py", False), ("/tmp/ipykernel_1/2.py", True)):
        lesson(f"print('{shown.format(file)}')", END)
        assert any(one.startswith("32: ") for one in poorer.descriptors(quick=True).wrong) == is_wrong


def test_a_cell_that_goes_on_after_the_stop_button_is_found(lesson, monkeypatch):
    monkeypatch.setattr(ending, "GONE", 0.2)
    lesson("import time\nbegan = time.monotonic()\nwhile time.monotonic() < began + 1:\n"
           "    try:\n        time.sleep(0.1)\n    except KeyboardInterrupt:\n        pass", END)  # fmt: skip
    assert any("a cell went on for" in one for one in ending.interrupt(quick=True).wrong)


@pytest.mark.parametrize(("caught", "ended"), [("pass", "no error"), ("raise OSError('half') from None", "OSError")])
def test_a_stop_that_is_not_one_is_found(lesson, caught, ended):
    lesson(f"import time\ntry:\n    time.sleep(0.3)\nexcept KeyboardInterrupt:\n    {caught}", END)
    assert any(f"cell 0 was stopped, and ended in {ended}" in one for one in ending.interrupt(quick=True).wrong)


LATE = """
import os, signal, stopping
def press():
    if armed and not pressed and stopping._stopper.works:
        pressed.append(1)
        os.kill(os.getpid(), signal.SIGINT)
"""


def test_a_stop_after_the_cells_own_code_is_none(lesson):
    lesson("armed = False\nif 'pressed' not in globals():\n    pressed = []\n"
           f"    exec(compile({LATE!r}, 'elsewhere', 'exec'))\n"
           "    get_ipython().events.register('post_execute', press)",
           "armed = True", f"{END}\narmed = False\nassert pressed or not stopping._stopper.works")  # fmt: skip
    found = ending.interrupt(quick=True)
    assert found.wrong == []
    assert found.often.startswith("0 stops")


def test_a_kernel_that_loses_another_ones_progress_is_found(lesson, monkeypatch):
    lesson("from sockets_lab.course import progress as its\nits.load = lambda _: {one: {} for one in its.KINDS}", END)
    monkeypatch.setattr(again, "LESSONS", again.lessons(True) * 8)
    assert any("lost of the progress" in one for one in again.ten_kernels(quick=True).wrong)


def test_what_a_fault_raises_is_wrong_and_told_by_the_lessons_name():
    def work(path: Path) -> Iterator[str]:
        yield "first"
        raise OSError("second")

    assert found.each(work, [Path("01.ipynb"), Path("02.ipynb")]) == ["01: OSError: second", "02: OSError: second"]


def test_the_report_says_what_held_what_did_not_and_what_could_not_be_caused():
    assert found.Found("kill -9", "3 times", "nothing left", []).told().startswith("held        kill -9. 3 times.")
    assert found.Found("kill -9", "", "", ["01: left"]).told().startswith("DID NOT HOLD kill -9.")
    assert found.Found("kill -9", "", "", ["01: left"]).told().endswith("\n    01: left")
    assert found.Found("kill -9", "", "", [], "no root").told() == "not caused  kill -9: no root"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may cause faults")
def test_without_root_nothing_is_caused():
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / "unbreakable.py"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "this takes Linux, and root" in done.stderr
