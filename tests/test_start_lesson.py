"""Lesson 00's figures, panel and questions: the passport, the map, one prediction, one exercise, two claims."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from itertools import combinations

import pytest
from rules import each
from using import NARROW, corners, picture

from sockets_lab.course import progress
from sockets_lab.course.lessons import LESSONS
from sockets_lab.errors import Refused
from sockets_lab.figures.marks import Box, Text
from sockets_lab.kernel import machine, table
from sockets_lab.lessons.start import figure as figures
from sockets_lab.lessons.start import panel as panels  # noqa: F401  of the fixture `panel`
from sockets_lab.lessons.start import questions as course

pytestmark = pytest.mark.usefixtures("leaves_nothing")


# --- pictures -------------------------------------------------------------------------------------------------------


def passports():
    here = machine.passport()
    return {
        "here": here,
        "nothing": [replace(ability, present=False, value="not here") for ability in here],
        "unknown": [replace(ability, present=None, value="not told; 32768-60999 seen") for ability in here],
        "much": [replace(ability, value="1073741816 now, 1073741816 at most") for ability in here],
    }


@each(["here", "nothing", "unknown", "much"])
def test_no_text_of_the_passport_leaves_its_place(which):
    drawing = figures.passport_card(passports()[which], "SO_REUSEPORT")
    texts = [mark for mark in drawing.marks if isinstance(mark, Text)]
    for text, other in combinations(texts, 2):
        if other.y == text.y and other.text and text.text:
            (left, _), (right, _) = corners(text, NARROW)
            (other_left, _), (other_right, _) = corners(other, NARROW)
            assert other_left >= right or other_right <= left, (text.text, other.text)
    picture(drawing, NARROW)


def test_the_words_for_the_passport_say_all_of_it():
    passport = machine.passport()
    drawing = figures.passport_card(passport)
    marks = {True: "yes", False: "no", None: "?"}
    for ability in passport:
        assert f"{ability.name}: {marks[ability.present]}, {ability.value}; {ability.how}" in drawing.alt
    assert "without it" in figures.passport_card(passports()["nothing"]).alt
    assert drawing.title == figures.passport_card(passports()["nothing"]).title
    assert not any(box.dashed for box in boxes(drawing))
    chosen = figures.passport_card(passport, passport[3].name)
    assert sum(box.dashed for box in boxes(chosen)) == 1


def boxes(drawing):
    return [mark for mark in drawing.marks if isinstance(mark, Box)]


def test_the_map_shows_every_lesson_and_its_progress():
    begun = [progress.LessonProgress(one, 1, 3, 0, 2) for one in LESSONS]
    done = [progress.LessonProgress(one, 3, 3, 2, 2) for one in LESSONS]
    fresh = [progress.LessonProgress(one, 0, 3, 0, 2) for one in LESSONS]
    drawing = figures.course_map(begun)
    for one in LESSONS:
        assert f"{one.name[:2]} {one.title}: 1 of 3 predictions made, 0 of 2 exercises solved." in drawing.alt
    looks = [{(box.role, box.dashed) for box in boxes(figures.course_map(each))} for each in (fresh, begun, done)]
    assert looks == [{("quiet", False)}, {("connection", True)}, {("connection", False)}]
    for text in [mark for mark in drawing.marks if isinstance(mark, Text)]:
        (box,) = [box for box in boxes(drawing) if 0 < text.x - box.x < box.width and 0 < text.y - box.y < box.height]
        assert corners(text, NARROW)[1][0] <= box.x + box.width, text.text
    assert drawing.png().startswith(b"\x89PNG")


# --- progress -------------------------------------------------------------------------------------------------------


def test_a_summary_counts_what_was_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("SOCKETS_LAB_DATA", str(tmp_path))
    monkeypatch.setattr(progress, "_session", {})
    first = progress.summary()[0]
    assert (first.lesson, first.predicted, first.solved) == (LESSONS[0], 0, 0)
    assert (first.predictions, first.exercises) == (len(course.PREDICTIONS), len(course.EXERCISES))
    progress.remember("00_start_here", "predictions", "nobody-listens", [None, "refused"])  # verdict alone
    assert progress.summary()[0].predicted == 0
    progress.remember("00_start_here", "predictions", "nobody-listens", ["connected", "refused"])
    progress.remember("00_start_here", "exercises", "own-address", True)
    progress.remember("00_start_here", "exercises", "of another edition", True)
    first = progress.summary()[0]
    assert (first.predicted, first.solved) == (1, 1)


# --- panel ----------------------------------------------------------------------------------------------------------


def button(panel, label):
    (found,) = [one for one in panel.children[0].children if one.description == label]
    return found


def test_the_panel_begins_with_the_whole_passport(panel):
    assert panel.picture.alt == figures.passport_card(machine.passport()).alt
    assert list(panel.choice.options) == [ability.name for ability in machine.passport()]


def test_the_panel_explains_every_ability(panel):
    for ability in machine.passport():
        panel.choice.value = ability.name
        assert f"<b>{ability.name}</b>" in panel.line.value
        assert ability.lesson in panel.line.value
        assert "fault" not in panel.line.value
        assert sum(box.dashed for box in boxes(panel.picture)) == 1


def test_trying_again_tries_again(panel, monkeypatch):
    panel.choice.value = "socket table"
    monkeypatch.setenv("SOCKETS_LAB_TABLE", "psutil")
    button(panel, "Try everything again").click()
    assert "Tried again" in panel.line.value
    assert "through psutil" in panel.picture.alt
    panel.choice.value = None
    assert "fault" not in panel.line.value


# --- questions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "choice"),
    [("ECONNREFUSED", "refused"), ("DEADLINE", "silence"), ("ETIMEDOUT", "silence"), (None, "connected")],
)  # fmt: skip
def test_each_answer_of_a_kernel_has_its_choice(monkeypatch, answer, choice):
    monkeypatch.setattr(course, "attempt", lambda *_: Refused(answer, "...") if answer else None)
    assert course.PREDICTIONS[0].experiment() == choice


def check():
    return course.EXERCISES[0].check()


def test_the_exercise_fails_before_and_passes_after():
    assert not check().done
    with socket.socket(type=socket.SOCK_DGRAM) as mine:
        mine.bind((machine.home_address(), 0))
        assert check().done
    assert not check().done


@pytest.mark.skipif(not machine.loopback_addresses(), reason="only 127.0.0.1 here, so that is everybody's address")
def test_the_exercise_is_not_fooled():
    with socket.socket(type=socket.SOCK_DGRAM) as mine:
        assert not check().done  # no address yet
        mine.bind(("127.0.0.1", 0))
        assert check().because == "this process has a UDP socket, but not at your own address."
    with socket.create_server((machine.home_address(), 0)):
        assert check().because == "the socket at your own address is a TCP socket; the task asks for UDP."


@pytest.mark.skipif(table.source() != "netlink", reason="the other process is found by its inode")
def test_another_process_does_not_solve_the_exercise():
    program = (
        "import socket, sys\n"
        "sock = socket.socket(type=socket.SOCK_DGRAM)\n"
        f"sock.bind(({machine.home_address()!r}, 0))\n"
        "print(flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == os.linesep.encode()
        assert not check().done
        child.stdin.close()
