"""No verdict without its evidence: what the course says on kernels and settings on which the evidence is missing.

The witness is the same kernel with its usual settings: on a poorer one a question has the same answer, or none, with
the reason. Where a setting itself is what a question asks about, its other answer is in `MAY`.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from sockets_lab.course.lessons import LESSONS
from sockets_lab.course.questions import NotMeasured, answer, evidence, pick
from sockets_lab.errors import Refused
from sockets_lab.kernel import table
from sockets_lab.lessons import conflicts, datagrams, detective, packets, two_nodes
from sockets_lab.lessons.two_nodes.example import Tried
from sockets_lab.panels.page import MISSED

HERE = Path(__file__).parent
UNSHARE = ("unshare", "-Urn", "sh", "-c")
ASKED = """
import json, sys
from test_evidence import asked
print(json.dumps(asked(sys.argv[1:])))
"""
DROP = "nft 'add table inet t; add chain inet t i { type filter hook input priority 0; }; add rule inet t i "
# what is set -> the lessons that are asked then
POORER = {
    "sysctl -qw net.ipv4.tcp_max_tw_buckets=0": ("04",),
    "sysctl -qw net.core.somaxconn=1": ("04", "05"),
    "sysctl -qw net.ipv4.ip_local_port_range='40000 40000'": ("00", "01", "02", "03", "04", "05", "08"),
    "sysctl -qw net.ipv4.ip_local_port_range='40000 40006'": ("02", "03", "05"),
    "sysctl -qw net.ipv4.ip_unprivileged_port_start=0 net.ipv4.tcp_fin_timeout=1": ("02", "04"),
    "sysctl -qw net.ipv6.conf.all.disable_ipv6=1": ("02", "04"),
    f"{DROP} meta l4proto udp drop'": ("04",),
    f"{DROP} tcp flags syn drop'": ("02",),
}
MAY = {
    "where-from": {"user"},
    "A browser that connects gets a port from 49152 to 65535.": {"false"},
    "The low ports need special privileges.": {"true here"},
}
LABS = ("elsewhere", "A multicast socket sends to several nodes.")  # these have namespaces of their own


def asked(lessons: list[str]) -> dict[str, str | None]:
    """Ask what these lessons ask. Returns: the answer or verdict, None = not measured here; an exception is a fault."""
    found: dict[str, str | None] = {}
    for lesson in (one for one in LESSONS if one.name[:2] in lessons):
        for item in (*lesson.questions().PREDICTIONS, *lesson.questions().CLAIMS):
            key = getattr(item, "key", "") or item.text
            if key in LABS:
                continue
            try:
                found[key] = item.experiment() if hasattr(item, "experiment") else item.measure()[1]
            except MISSED:
                found[key] = None
    return found


def asked_with(setting: str, lessons: tuple[str, ...]) -> subprocess.Popen:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE.parent), str(HERE)))}
    command = f'ip link set lo up && {setting} && exec "$0" -c "$1" {" ".join(lessons)}'
    return subprocess.Popen([*UNSHARE, command, sys.executable, ASKED], stdout=subprocess.PIPE, env=env)


@pytest.mark.skipif(not shutil.which("unshare") or subprocess.run([*UNSHARE, "ip link set lo up"]).returncode != 0,
                    reason="takes a network namespace whose settings may be changed")  # fmt: skip
def test_a_poorer_kernel_gives_the_same_answer_or_none():
    usual = asked_with("true", ("00", "01", "02", "03", "04", "05", "08"))
    settings = {how: lessons for how, lessons in POORER.items() if shutil.which("nft") or DROP not in how}
    poorer = {how: asked_with(how, lessons) for how, lessons in settings.items()}
    expected, wrong, missing = json.loads(usual.communicate(timeout=120)[0]), [], 0
    for how, process in poorer.items():
        for key, said in json.loads(process.communicate(timeout=120)[0]).items():
            missing += said is None
            if expected[key] is not None and said not in (None, expected[key], *MAY.get(key, ())):
                wrong.append((how, key, said))
    assert not wrong
    assert missing > 40  # the evidence was indeed missing


def test_a_table_that_shows_nothing_is_no_verdict(monkeypatch):
    before = asked(["00", "01", "04", "07"])
    for name in ("find", "row_of"):
        monkeypatch.setattr(table, name, lambda *_: None)
    found = asked(["00", "01", "04", "07"])
    assert not {key for key, said in found.items() if said not in (None, before[key])}
    assert found["restart-late"] == before["restart-late"]  # told by a bind without the option instead
    assert list(found.values()).count(None) >= 2


SILENCE = Refused("DEADLINE", "nothing came")
LOST = packets.Outcome(None)  # type: ignore[arg-type]  # neither seen on the cable nor received


def blind(lesson: str) -> dict[str, tuple[object, str, object]]:
    """By question of a lesson: module, experiment, and a result in which nothing was seen."""
    tried = Tried(922, Refused("EMFILE", ""), 5, SILENCE, SILENCE)
    return {
        "06": {"foreign-number": (two_nodes, "try_number", tried), "same-number": (two_nodes, "try_number", tried)},
        "10": {
            "checksum": (packets, "three_checksums", (LOST, LOST, LOST)),
            "closed-port": (packets, "closed_port", (LOST, LOST)),
            "source-zero": (packets, "source_zero", (LOST, SILENCE)),
            "start": (packets, "handmade_start", LOST),
        },
        "14": dict.fromkeys(("refused", "used-up", "full"), (detective, "place_with", None)),
    }[lesson]  # type: ignore[return-value]


@pytest.mark.parametrize("lesson", ["06", "10", "14"])
def test_an_experiment_that_saw_nothing_answers_nothing(monkeypatch, lesson):
    questions = next(one for one in LESSONS if one.name.startswith(lesson)).questions()
    made = SimpleNamespace(lab=SimpleNamespace(kind="namespaces"))
    monkeypatch.setattr("sockets_lab.lessons.packets.questions.bench", lambda: nullcontext(made))
    for key, (module, name, result) in blind(lesson).items():
        monkeypatch.setattr(module, name, lambda *_, result=result: result)
        with pytest.raises(NotMeasured):
            pick(questions.PREDICTIONS, key).experiment()


def test_datagrams_that_came_to_nobody_are_given_to_no_socket(monkeypatch):
    questions = next(one for one in LESSONS if one.name.startswith("04")).questions()
    result = conflicts.share(senders=3)
    predictions = sys.modules[pick(questions.PREDICTIONS, "connections").experiment.__module__]
    monkeypatch.setattr(predictions, "share", lambda *_, **__: replace(result, went_to=(None,)))
    with pytest.raises(NotMeasured, match="not all"):
        pick(questions.PREDICTIONS, "datagrams").experiment()


def test_no_peer_heard_means_no_filter_seen(monkeypatch):
    questions = next(one for one in LESSONS if one.name.startswith("08")).questions()
    found = datagrams.one_peer()
    monkeypatch.setattr(datagrams, "one_peer", lambda: replace(found, heard=(), stranger_told=None))
    with pytest.raises(NotMeasured, match="not even the peer"):
        pick(questions.PREDICTIONS, "stranger").experiment()


def test_what_is_missing_is_named():
    assert evidence("row", "a row") == "row"
    for result, said in ((None, "a row was not seen"), (SILENCE, "a row was refused .DEADLINE")):
        with pytest.raises(NotMeasured, match=said):
            evidence(result, "a row")
    with pytest.raises(NotMeasured, match="EMFILE"):
        answer({"ECONNREFUSED": "refused"}, "EMFILE")
