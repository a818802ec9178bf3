"""Predictions, exercises, progress and the orderly end, as a notebook meets them."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest
from labs import HAS_STACKS

from sockets_lab.course import cli_tools, leaks, progress
from sockets_lab.course.lessons import LESSONS, lesson
from sockets_lab.course.questions import IMPOSSIBLE, OTHER, Claim, Prediction, personal_number, pick
from sockets_lab.errors import BadInput
from sockets_lab.kernel.machine import has_ipv6
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
    monkeypatch.setattr("sockets_lab.panels.page.display", lambda what: shown.append(what.data))
    one = LessonPage(lesson(NAME))
    one.shown = shown
    return one


def test_every_lesson_asks_each_kind_of_question_and_names_none_twice():
    wrong = []
    for one in LESSONS:
        asked = one.questions()
        least, keys = 1 if one is LESSONS[0] else 2, [item.key for item in (*asked.PREDICTIONS, *asked.EXERCISES)]
        if min(len(asked.PREDICTIONS), len(asked.EXERCISES)) < least or not asked.CLAIMS:
            wrong.append((one.name, "asks too little"))
        wrong += [(one.name, key, "is there twice") for key in set(keys) if keys.count(key) > 1]
        wrong += [(one.name, task.key, "has no hints") for task in asked.EXERCISES if not task.hints]
    assert wrong == []


def test_every_prediction_has_two_to_five_choices_each_with_a_key_a_text_and_a_reason():
    wrong = []
    for one in LESSONS:
        for asked in one.questions().PREDICTIONS:
            keys, texts = [answer.key for answer in asked.answers], {answer.text for answer in asked.answers}
            apart = [answer.key for answer in asked.apart]
            faults = {
                "2 to 5 choices": not 2 <= len(asked.choices) <= 5,
                "a key twice": len(set(keys)) < len(keys),
                "a text twice": len(texts) < len(keys),
                "a key with a space": not all(re.fullmatch("[A-Za-z0-9-]+", key) for key in keys),
                "no text or no reason": not all(answer.text and answer.because for answer in asked.answers),
                "not apart": keys[len(asked.choices) :] != apart or {OTHER, IMPOSSIBLE} & set(keys) != set(apart),
            }
            wrong += [(one.name, asked.key, fault) for fault, there in faults.items() if there]
    assert wrong == []


ON_NODES = ("datagrams", "nodes", "filtering", "scanning", "detective")
EXACTLY = ("headers", "knocking")  # whose own tests say which choice is measured


def predictions():
    return [pytest.param(item, kind, id=f"{one.name[:2]}-{item.key}-{kind}") for one in LESSONS
            if one.module not in EXACTLY for item in one.questions().PREDICTIONS
            for kind in (("", "loopback") if HAS_STACKS and one.module in ON_NODES else ("",))]  # fmt: skip


@pytest.mark.parametrize(("question", "kind"), predictions())
def test_the_kernel_answers_with_one_of_the_choices(question: Prediction, kind, monkeypatch):
    if kind:
        monkeypatch.setenv("SOCKETS_LAB_NODES", kind)
    assert question.experiment() in {answer.key for answer in question.answers}


def claims():
    return [(one.name, item) for one in LESSONS[1:] for item in one.questions().CLAIMS]


@pytest.mark.parametrize(("name", "claim"), claims(), ids=lambda value: getattr(value, "text", value))
def test_claims_are_measured(name, claim: Claim):
    measured, verdict = claim.measure()
    assert measured
    assert verdict
    assert verdict != "unknown" or sys.platform != "linux" or not HAS_STACKS or not has_ipv6()
    assert claim.source


def test_an_exercise_that_nobody_solved_is_not_done_and_says_the_same_twice():
    tasks = {(one.name, task.key): task for one in LESSONS for task in one.questions().EXERCISES}
    twice = {key: (task.check(), task.check()) for key, task in tasks.items()}
    assert {key: both for key, both in twice.items() if both[0].done or both[0] != both[1]} == {}


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


SCARCE = """
import itertools, os, resource, stat, subprocess, sys
from sockets_lab.course.lessons import lesson
from sockets_lab.errors import BadInput, NoResult

def held():
    return {int(name) for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name)}

def leave(free):
    before = held()
    most = next(itertools.islice((number for number in itertools.count() if number not in before), free, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

def clear_pipes(numbers):
    for number in numbers:
        if stat.S_ISFIFO(os.fstat(number).st_mode):
            os.close(number)

asked = lesson(sys.argv[1]).questions()
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
before = held()
leave(2)
try:
    subprocess.Popen([sys.executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
except OSError:
    pass
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
popen_leaks = held() - before  # before Python 3.11.4, it loses its first pipe where no second is to be had (gh-87474)
clear_pipes(popen_leaks)
assert held() == before
for measure in [claim.measure for claim in asked.CLAIMS] + [exercise.check for exercise in asked.EXERCISES]:
    measure()  # what is imported only here, and what is kept open
    before = held()
    for left in (0, 1, 2, 4, 8):
        leave(left)
        try:
            measure()
        except (OSError, NoResult, BadInput):  # each is told in a sentence
            pass
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if popen_leaks:
            clear_pipes(held() - before)
        assert held() == before, (measure, left)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are counted in /proc")
@pytest.mark.parametrize("one", LESSONS, ids=lambda one: one.name)
def test_whatever_is_measured_without_descriptors_ends_in_a_sentence(one):
    done = subprocess.run([sys.executable, "-c", SCARCE, one.name], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-1500:]


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
    assert "This kernel: **the number just given back**" in page.shown[-1]
    assert "You predicted: the next higher number" in page.shown[-1]
    assert json.loads((kept / f"{NAME}.json").read_text())["predictions"] == {
        "next-number": ["next-higher", "lowest-free"]
    }


def test_a_verdict_needs_no_prediction(kept, page):
    page.verdict("close-one-of-two")
    assert "it lives on" in page.shown[-1]
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
        assert "TCP socket, not for a UDP socket" in capsys.readouterr().out
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
