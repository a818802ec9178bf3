"""The questions of all lessons: the kernel answers with what the course explains, where nodes have stacks of their own
and where they have none. That a lesson's checks are not fooled stands in the lesson's own tests."""

import os
import re
import subprocess
import sys

import pytest
from labs import HAS_STACKS, KINDS, needs_namespaces

from sockets_lab.course.lessons import LESSONS, Lesson
from sockets_lab.course.questions import IMPOSSIBLE, OTHER, Found, NotMeasured
from sockets_lab.kernel.machine import loopback_addresses
from sockets_lab.lessons.detective.case import has_stacks

NODES = {"two_nodes", "packets", "filtering", "scanning", "knocking", "detective"}  # modules of lessons with nodes
PLACES = [pytest.param(one, "namespaces", marks=needs_namespaces if one.module in NODES else (), id=one.module)
          for one in LESSONS]  # fmt: skip
PLACES += [pytest.param(one, "loopback", marks=KINDS[1].marks, id=f"{one.module} on loopback")
           for one in LESSONS if one.module in NODES]  # fmt: skip
each_lesson = pytest.mark.parametrize("one", LESSONS, ids=lambda one: one.module)
everywhere = pytest.mark.parametrize(("one", "kind"), PLACES)
PACKETS = ("checksum", "closed-port", "source-zero", "start")
KNOCKS = {"own-address": "C", "byte-for-byte": "A", "signed-replay": "replayed"}
# What is measured by kind of nodes (a number: the choice at that place); elsewhere one of the choices is enough, for
# what is so differs by system
MEASURED = {
    ("packets", "namespaces"): dict.fromkeys(PACKETS, 0), ("packets", "loopback"): dict.fromkeys(PACKETS, IMPOSSIBLE),
    ("knocking", "namespaces"): KNOCKS | {"wrong-between": "shut"},
    ("knocking", "loopback"): KNOCKS | {"wrong-between": "opens"},  # at a port without a socket nobody hears a knock
}  # fmt: skip
WORDS = {"true here", "false", "only in part", "not in the source text", "unknown"}  # the verdicts of the course
VERDICTS = {  # all verdicts that a lesson's claims may have, where they are not WORDS
    "start": {"true here", "only in part"},
    "conflicts": {"true here", "false", "only in part", "differs"},
    "two_nodes": {"true here", "not in the source text"},
    "filtering": {"true here", "only in part", "not in the source text"},
    "scanning": {"only in part", "not in the source text"},
    "knocking": {"true here", "false", "not in the source text"},
    "detective": {"true here"},
}
NEVER = dict.fromkeys(("fourtuples", "datagrams", "packets"), ("unknown", "false"))  # what others may not come to
EXCUSES = ("no cable", "could not be tried", "cannot be tried here", "no groups")


@pytest.fixture(autouse=True)
def _nodes(request, monkeypatch):
    """Give the labs of a test nodes of the kind that it names."""
    if getattr(request.node, "callspec", None) and request.node.callspec.params.get("kind") == "loopback":
        if not loopback_addresses():
            pytest.skip("there is one loopback address only")
        monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    has_stacks.cache_clear()  # it remembers what the other kind of nodes can have
    yield
    has_stacks.cache_clear()


def test_every_lesson_asks_each_kind_of_question_and_names_none_twice():
    wrong = []
    for one in LESSONS:
        asked = one.questions()
        least, keys = 1 if one is LESSONS[0] else 2, [item.key for item in (*asked.PREDICTIONS, *asked.EXERCISES)]
        if min(len(asked.PREDICTIONS), len(asked.EXERCISES)) < least or not asked.CLAIMS:
            wrong.append((one.name, "asks too little"))
        wrong += [(one.name, key, "is there twice") for key in set(keys) if keys.count(key) > 1]
        wrong += [(one.name, task.key, "has no hints") for task in asked.EXERCISES if not task.hints]
        wrong += [(one.name, claim.text, "has no source") for claim in asked.CLAIMS if not claim.source]
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


@pytest.mark.thorough  # their notebooks measure them, too
class TestPredictions:
    @everywhere
    def test_the_kernel_answers_with_one_of_the_choices(self, one: Lesson, kind: str):
        wrong = []
        for question in one.questions().PREDICTIONS:
            measured, wanted = question.experiment(), MEASURED.get((one.module, kind), {}).get(question.key)
            wanted = question.choices[wanted].key if isinstance(wanted, int) else wanted
            if measured not in {answer.key for answer in question.answers} or wanted not in (None, measured):
                wrong.append((question.key, measured))
        assert wrong == []


class TestClaims:
    @everywhere
    def test_claims_are_measured(self, one: Lesson, kind: str):
        wrong = []
        for claim in one.questions().CLAIMS:
            try:
                measured, verdict = claim.measure()
            except NotMeasured as reason:
                measured, verdict = str(reason), "unknown"
            known = verdict in VERDICTS.get(one.module, WORDS) and verdict not in NEVER.get(one.module, ())
            if kind == "loopback" and one.module == "packets":
                known = verdict in ("true here", "unknown")
            excused = any(words in measured for words in EXCUSES) or (kind == "loopback" and verdict == "unknown")
            unknown = verdict == "unknown" and sys.platform == "linux" and HAS_STACKS and kind == "namespaces"
            if not measured or not verdict or unknown or not (known or excused):
                wrong.append((claim.text, measured, verdict))
        assert wrong == []


class TestExercises:
    @each_lesson
    def test_an_exercise_that_nobody_solved_is_not_done_and_says_the_same_twice(self, one: Lesson):
        wrong = []
        for exercise in one.questions().EXERCISES:
            first, second = exercise.check(), exercise.check()
            if not isinstance(first, Found) or first.done or first != second:
                wrong.append((exercise.key, first, second))
        assert wrong == []


SCARCE = """
import itertools, os, resource, stat, subprocess, sys
from sockets_lab.course.lessons import lesson
from sockets_lab.course.questions import NotMeasured
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
        except (OSError, NoResult, BadInput, NotMeasured):  # each is told in a sentence
            pass
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if popen_leaks:
            clear_pipes(held() - before)
        assert held() == before, (measure, left)
"""


class TestScarcity:
    @pytest.mark.thorough
    @pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are counted in /proc")
    @each_lesson
    def test_whatever_is_measured_without_descriptors_ends_in_a_sentence(self, one: Lesson):
        done = subprocess.run([sys.executable, "-c", SCARCE, one.name], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-1500:]
