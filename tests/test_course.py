"""Predictions, exercises, progress and the orderly end, as a notebook meets them."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from sockets_lab.course import cli_tools, leaks, progress
from sockets_lab.course.lessons import lesson
from sockets_lab.course.questions import personal_number, pick
from sockets_lab.errors import BadInput
from sockets_lab.lessons import descriptors
from sockets_lab.panels.page import LessonPage
from sockets_lab.panels.questions import HintBox, PredictionBox

NAME = "01_descriptors"


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Keep progress in a folder of this test's own."""
    monkeypatch.setenv("SOCKETS_LAB_DATA", str(tmp_path / "progress"))
    progress._session.clear()
    yield tmp_path / "progress"
    progress._session.clear()


@pytest.fixture
def page(monkeypatch):
    """A lesson whose displays can be read as text."""
    shown: list[str] = []
    monkeypatch.setattr("sockets_lab.panels.page.say", shown.append)
    one = LessonPage(lesson(NAME))
    one.shown = shown
    return one


def test_personal_numbers_differ_by_learner_and_stay_the_same(monkeypatch):
    numbers = set()
    for learner in ("ada", "bob", "cleo", "dan"):
        monkeypatch.setenv("SOCKETS_LAB_LEARNER", learner)
        assert personal_number("key", 0, 10**9) == personal_number("key", 0, 10**9)
        numbers.add(personal_number("key", 0, 10**9))
        assert 5 <= personal_number("key", 5, 7) <= 7
    assert len(numbers) == 4


def test_pick_names_what_there_is():
    with pytest.raises(BadInput, match="next-number"):
        pick(lesson(NAME).questions().PREDICTIONS, "nonsense")
    with pytest.raises(BadInput, match="01_descriptors"):
        lesson("99_nonsense")


def test_progress_outlives_the_process(kept):
    assert progress.remember(NAME, "exercises", "three-numbers", True)
    program = f"from sockets_lab.course import progress; print(progress.load({NAME!r})['exercises'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "{'three-numbers': True}"
    assert [path.name for path in kept.iterdir()] == [f"{NAME}.json"]


WRITER = f"""
import sys
from sockets_lab.course import progress
print("ready", flush=True)
sys.stdin.read()
for number in range(20):
    assert progress.remember({NAME!r}, "exercises", f"{{sys.argv[1]}}-{{number}}", True)
"""
HOLDER = """
import fcntl, os, sys, time
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")
def test_kernels_that_write_at_once_undo_nothing_of_each_other(kept):
    names = [f"kernel{number}" for number in range(6)]
    with ExitStack() as stack:
        command = [sys.executable, "-c", WRITER]
        writers = [stack.enter_context(subprocess.Popen([*command, name], stdin=-1, stdout=-1)) for name in names]
        assert {writer.stdout.readline() for writer in writers} == {b"ready\n"}
        for writer in writers:
            writer.stdin.close()  # go
        assert [writer.wait(60) for writer in writers] == [0] * len(writers)
    assert set(progress.load(NAME)["exercises"]) == {f"{name}-{number}" for name in names for number in range(20)}
    assert [path.name for path in kept.iterdir()] == [f"{NAME}.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")
@pytest.mark.parametrize("killed", [True, False])
def test_a_kernel_that_halts_while_it_writes_does_not_halt_the_others(kept, killed):
    kept.mkdir()
    with subprocess.Popen([sys.executable, "-c", HOLDER, kept], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        if killed:
            holder.kill()
            holder.wait(10)
        began = time.monotonic()
        assert progress.remember(NAME, "exercises", "a", True)
        took = time.monotonic() - began
        holder.kill()
    assert took < progress.TURN / 2 if killed else progress.TURN <= took < 5 * progress.TURN
    assert progress.load(NAME)["exercises"] == {"a": True}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"predictions": 3}', "\x00\xff"])
def test_an_unreadable_file_is_set_aside_and_not_lost(kept, content):
    kept.mkdir()
    (kept / f"{NAME}.json").write_text(content)
    assert progress.load(NAME) == {"predictions": {}, "exercises": {}}
    assert (kept / f"{NAME}.unreadable").read_text() == content
    assert progress.remember(NAME, "exercises", "a", True)
    assert progress.load(NAME)["exercises"] == {"a": True}


def test_progress_lasts_the_session_where_nothing_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SOCKETS_LAB_DATA", str(tmp_path / "file"))
    monkeypatch.setattr(progress, "_session", {})
    assert not progress.remember(NAME, "exercises", "a", True)
    assert progress.load(NAME)["exercises"] == {"a": True}


def test_an_entry_that_could_not_be_written_undoes_nothing_of_another_kernel(kept, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(progress, "_write", lambda *_: False)
        assert not progress.remember(NAME, "exercises", "ours", 1)
    program = f"from sockets_lab.course import progress; progress.remember({NAME!r}, 'exercises', 'theirs', 2)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert progress.load(NAME)["exercises"] == {"ours": 1, "theirs": 2}
    assert progress.remember(NAME, "exercises", "next", 3)
    progress._session.clear()
    assert progress.load(NAME)["exercises"] == {"ours": 1, "theirs": 2, "next": 3}


def test_a_prediction_is_committed_once_and_compared_with_the_kernel(kept, page):
    box = PredictionBox(NAME, pick(page.questions.PREDICTIONS, "next-number"))
    assert box.commit.disabled
    box.choices.value = "next-higher"
    box.commit.click()
    assert (box.commit.disabled, box.choices.disabled) == (True, True)
    page.verdict("next-number")
    assert "This kernel: **it gets the number that was just freed**" in page.shown[-1]
    assert "you predicted “it gets the next higher number”" in page.shown[-1]
    assert json.loads((kept / f"{NAME}.json").read_text())["predictions"] == {
        "next-number": ["next-higher", "lowest-free"]
    }


def test_a_verdict_needs_no_prediction(kept, page):
    page.verdict("close-one-of-two")
    assert "it stays open" in page.shown[-1]
    assert "predicted" not in page.shown[-1]


def test_hints_come_one_by_one():
    box = HintBox(lesson(NAME).questions().EXERCISES[0])
    for number, hint in enumerate(box.hints, 1):
        box.button.click()
        assert box.text.value.count("<li>") == number
        assert hint.split("`")[0] in box.text.value
    assert box.button.disabled


def test_the_check_reads_the_kernel_and_no_variable(kept, page, capsys):
    from sockets_lab.lessons.descriptors.questions import CHOSEN

    mine = CHOSEN  # noqa: F841  a variable with the right value convinces nobody
    page.check("chosen-number")
    assert capsys.readouterr().out.startswith("Not yet")
    with socket.socket() as tcp, descriptors.at_number(tcp, CHOSEN):
        page.check("chosen-number")
        assert "TCP socket, not to a UDP socket" in capsys.readouterr().out
    with socket.socket(type=socket.SOCK_DGRAM) as udp, descriptors.at_number(udp, CHOSEN):
        page.check("chosen-number")
        assert capsys.readouterr().out.startswith("Done")
    assert list(progress.load(NAME)["exercises"]) == ["chosen-number"]


def test_three_numbers_means_exactly_three(page, capsys):
    with socket.socket() as one, one.dup():
        page.check("three-numbers")
        assert capsys.readouterr().out.startswith("Not yet")
        with one.dup():
            page.check("three-numbers")
            assert capsys.readouterr().out.startswith("Done")
            with one.dup():
                page.check("three-numbers")
                assert capsys.readouterr().out.startswith("Not yet")


def test_the_end_names_what_is_left(page, capsys):
    gone = threading.Event()
    thread = threading.Thread(target=gone.wait, args=(30,), name="left over")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with socket.create_server(("127.0.0.1", 0)):
        thread.start()
        page.end()
    said = capsys.readouterr().out
    gone.set()
    thread.join(5)
    child.communicate(timeout=30)
    assert "socket: descriptor" in said
    assert "thread: left over" in said
    assert f"process {child.pid}" in said
    page.end()
    assert capsys.readouterr().out.startswith("Everything is closed")


def test_connections_to_jupyters_own_ports_are_not_left_over():
    with socket.create_server(("127.0.0.1", 0)) as jupyter:
        before = leaks.held()
        with socket.create_connection(jupyter.getsockname()) as client, jupyter.accept()[0]:
            assert [line for line in leaks.left_over(before) if str(client.getsockname()[1]) in line]
            assert len(leaks.left_over(before)) == 1


def test_at_work_runs_what_is_installed_and_says_what_is_not():
    assert cli_tools.run([sys.executable, "-c", "print('seen')"]) == "seen"
    assert "not installed here" in cli_tools.run(["no-such-program-anywhere", "-x"])
    assert "printed nothing" in cli_tools.run([sys.executable, "-c", ""])
    echo = [sys.executable, "-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"]
    assert cli_tools.run(echo, b"two\r\nlines\n") == "two\nlines"


def test_at_work_waits_no_longer_than_its_deadline(monkeypatch):
    monkeypatch.setattr(cli_tools, "DEADLINE", 0.2)
    assert "did not answer" in cli_tools.run([sys.executable, "-c", "import time; time.sleep(30)"])


def test_progress_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("SOCKETS_LAB_DATA", "")
    assert progress.folder() is None
    monkeypatch.delenv("SOCKETS_LAB_DATA")
    assert progress.folder().is_absolute()
    assert os.environ["SOCKETS_LAB_LEARNER"] == "reader"
