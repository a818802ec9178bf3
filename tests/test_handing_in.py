"""Handing in: what the kernel showed is kept and sealed in its moment, looked at again, and written as one file."""

import hashlib
import hmac
import json
import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from labs import needs_namespaces

from sockets_lab import classroom, panels
from sockets_lab.classroom import reading
from sockets_lab.course import handing_in, progress
from sockets_lab.course.handing_in.sealing import key_of
from sockets_lab.course.lessons import lesson
from sockets_lab.course.questions import GIVEN, number_of
from sockets_lab.errors import BadInput
from sockets_lab.kernel.machine import home_address, is_name, learner, read_ticket, ticket
from sockets_lab.lab import Lab, NodeError
from sockets_lab.lessons import descriptors
from sockets_lab.lessons.descriptors.questions import CHOSEN
from sockets_lab.panels.page import LessonPage

NAME, KEY = "01_descriptors", "chosen-number"
SECRET = "ab" * 32
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Keep progress in a folder of this test's own, and learn without a ticket."""
    monkeypatch.setenv("SOCKETS_LAB_DATA", str(tmp_path / "progress"))
    monkeypatch.delenv("SOCKETS_LAB_TICKET", raising=False)
    progress._session.clear()
    yield tmp_path / "progress"
    progress._session.clear()


@pytest.fixture
def with_ticket(kept, monkeypatch):
    """Learn with a ticket of a class."""
    (line,) = classroom.tickets(SECRET, ["reader"])
    monkeypatch.setenv("SOCKETS_LAB_TICKET", line)
    return line



def solve(page):
    with socket.socket(type=socket.SOCK_DGRAM) as sock, descriptors.at_number(sock, CHOSEN):
        page.check(KEY)


def result(done):
    return done.content.parts[NAME].results[KEY]


def test_what_stands_is_live_and_what_stood_was_seen_earlier(with_ticket, tmp_path, capsys):
    page = LessonPage(lesson(NAME))
    with socket.socket(type=socket.SOCK_DGRAM) as sock, descriptors.at_number(sock, CHOSEN):
        live = handing_in.hand_in(tmp_path, NAME)  # nobody had pressed check: the open lesson is looked at
    later = handing_in.hand_in(tmp_path)
    assert (result(live).live, result(later).live) == (True, False)
    assert live.results(live=True) == later.results(live=False) == ["01 chosen-number"]
    assert result(later).moment == result(live).moment <= later.content.moment
    assert result(later).because == f"the kernel has a UDP socket of this process with the descriptor {CHOSEN}."
    page.check(KEY)
    assert capsys.readouterr().out.startswith("Not yet")
    assert len(classroom.merge(tmp_path, SECRET).hand_ins) == 1


def test_what_is_built_for_one_lesson_is_not_counted_for_another(kept, tmp_path):
    """The exercise of lesson 00 happens to be what one of lesson 02 asks: nobody has solved that one."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((home_address(), 0))
        assert lesson("02_binding").questions().EXERCISES[0].check().done
        assert list(handing_in.hand_in(tmp_path, "00_start_here").content.parts) == ["00_start_here"]
        assert handing_in.hand_in(tmp_path).results(live=True) == ["00 own-address"]


@needs_namespaces
def test_a_node_that_has_ended_keeps_nothing_from_being_handed_in(with_ticket, tmp_path, capsys):
    solve(LessonPage(lesson(NAME)))
    with Lab(A="10.20.30.40", B="50.60.70.80") as lab:
        with pytest.raises(NodeError):
            lab.B.execute("import os; os._exit(3)")
        done = handing_in.hand_in(tmp_path, "06_two_nodes")
    assert done.results(live=False) == ["01 chosen-number"]
    assert list(tmp_path.glob("*.part")) == []
    capsys.readouterr()


def test_nothing_is_handed_in_that_the_kernel_never_showed(kept, tmp_path):
    done = handing_in.hand_in(tmp_path)
    assert done.content.parts == {}
    assert not done.content.sealed


def test_the_file_says_who_when_where_and_which_numbers(with_ticket, tmp_path, capsys):
    solve(LessonPage(lesson(NAME)))
    data = json.loads(handing_in.hand_in(tmp_path).path.read_text())
    seen = data["lessons"][NAME]["exercises"][KEY]["evidence"]
    assert (data["learner"], seen["learner"]) == ("reader", "reader")
    assert seen["numbers"] == {"01/number": CHOSEN}
    assert number_of("somebody else", "01/number", *GIVEN["01/number"][:2]) != CHOSEN
    assert [line[0] for line in data["passport"]][:2] == ["socket table", "command-line tools"]


def test_the_seal_is_the_hmac_that_the_documents_promise(with_ticket, tmp_path, capsys):
    """Reckoned here again, by nothing of ours."""
    solve(LessonPage(lesson(NAME)))
    data = json.loads(handing_in.hand_in(tmp_path).path.read_text())
    key = bytes.fromhex(with_ticket.split(":")[1])

    def reckoned(kind, content):
        said = {name: value for name, value in content.items() if name != "seal"}
        text = json.dumps([kind, said], sort_keys=True, separators=(",", ":"))
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    assert data["seal"] == reckoned("sockets_lab hand-in", data)
    seen = data["lessons"][NAME]["exercises"][KEY]["evidence"]
    assert seen["seal"] == reckoned(f"{NAME}/{KEY}", seen)


def test_a_result_is_sealed_in_its_moment_and_not_made_true_afterwards(with_ticket, tmp_path, capsys):
    solve(LessonPage(lesson(NAME)))
    path = progress.folder() / f"{NAME}.json"
    data = json.loads(path.read_text())
    data["exercises"][KEY]["moment"] = "2020-01-01T00:00:00Z"
    path.write_text(json.dumps(data))
    done = handing_in.hand_in(tmp_path)
    assert done.content.parts == {}
    assert "changed since" in done.left_out[0]


@pytest.mark.parametrize("value", [True, {"because": "I did"}, ["done"], "yes", {"seal": 3}])
def test_what_is_kept_without_evidence_is_named_and_left_out(kept, tmp_path, value):
    progress.remember(NAME, "exercises", KEY, value)
    progress.remember(NAME, "predictions", "next-number", ["no choice of this question", None])
    progress.remember(NAME, "predictions", "stale-number", ["new-program", None])
    done = handing_in.hand_in(tmp_path)
    assert done.content.parts[NAME].results == {}
    assert done.content.parts[NAME].predictions == {"stale-number": ("new-program", None)}
    assert len(done.left_out) == 2


def test_results_of_another_name_are_left_out(kept, tmp_path, monkeypatch, capsys):
    solve(LessonPage(lesson(NAME)))
    monkeypatch.setenv("SOCKETS_LAB_LEARNER", "ada")
    done = handing_in.hand_in(tmp_path)
    assert done.content.learner == "ada"
    assert "under another name" in done.left_out[0]


def test_the_page_checks_shows_and_writes(with_ticket, tmp_path, capsys, monkeypatch):
    shown = []
    monkeypatch.setattr("sockets_lab.panels.handing_in.show", shown.append)
    page = LessonPage(lesson(NAME))
    with socket.socket(type=socket.SOCK_DGRAM) as sock, descriptors.at_number(sock, CHOSEN):
        page.hand_in(str(tmp_path))
    said = capsys.readouterr().out
    assert "in this moment: 01 chosen-number" in said
    assert "sealed with your ticket" in said
    assert "chosen-number: live" in shown[0].alt
    panels.hand_in(str(tmp_path / "nowhere"))
    assert "Nothing was written. ENOENT" in capsys.readouterr().out


def test_a_file_is_replaced_whole(kept, tmp_path):
    first, second = handing_in.hand_in(tmp_path), handing_in.hand_in(tmp_path)
    assert first.path == second.path
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["hand-in-reader.json"]


NAMED = [("ada", "ada.json"), ("../../x", "x-"), ("Ada", "ada-"), ("猫", "learner-"), ("con/aux", "con-aux-")]


@pytest.mark.parametrize(("name", "file"), NAMED)
def test_no_name_leads_out_of_the_folder(kept, tmp_path, monkeypatch, name, file):
    monkeypatch.setenv("SOCKETS_LAB_LEARNER", name)
    path = handing_in.hand_in(tmp_path).path
    assert path.parent == tmp_path
    assert path.name.startswith(f"hand-in-{file}")


def test_joining_keeps_the_ticket_and_gives_the_name(kept, monkeypatch, capsys):
    (line,) = classroom.tickets(SECRET, ["Zoë: the second"])
    monkeypatch.delenv("SOCKETS_LAB_LEARNER")
    panels.join(f"  {line}\n")
    assert "'Zoë: the second'" in capsys.readouterr().out
    assert learner() == "Zoë: the second"
    assert ticket().key == key_of(SECRET, "Zoë: the second")
    assert ticket().key not in repr(ticket())
    if os.name == "posix":
        assert stat.S_IMODE((kept / "ticket.txt").stat().st_mode) == 0o600
    panels.join(classroom.tickets(SECRET, ["ada"])[0])
    assert learner() == "ada"


@pytest.mark.parametrize("line", ["", "ada", "ada:", ":" + "0" * 32, "ada:" + "0" * 31, "ada:" + "g" * 32,
                                  "a\u202eda:" + "0" * 32, "x" * 65 + ":" + "0" * 32])  # fmt: skip
def test_what_is_no_ticket_is_a_mistake_and_never_a_name(kept, monkeypatch, line):
    with pytest.raises(BadInput, match="This is no ticket"):
        read_ticket(line)
    monkeypatch.setenv("SOCKETS_LAB_TICKET", line)
    assert ticket() is None


def test_a_ticket_and_a_name_that_disagree_are_told(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("SOCKETS_LAB_TICKET", classroom.tickets(SECRET, ["ada"])[0])
    with pytest.raises(BadInput, match="Your ticket says 'ada'"):
        handing_in.hand_in(tmp_path)
    monkeypatch.setenv("SOCKETS_LAB_LEARNER", "a\nb")
    with pytest.raises(BadInput, match="no learner's name"):
        handing_in.hand_in(tmp_path)
    monkeypatch.setenv("SOCKETS_LAB_DATA", "")
    with pytest.raises(BadInput, match="SOCKETS_LAB_TICKET"):
        handing_in.join(classroom.tickets(SECRET, ["ada"])[0])


def test_the_guide_leads_where_it_says_and_shows_what_there_is():
    guide = ROOT / "docs" / "handing-in.md"
    text = guide.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (guide.parent / link).exists(), link
    for name in re.findall(r"(?:classroom|panels)\.(\w+)\(", text):
        assert hasattr(classroom, name) or hasattr(panels, name), name
    assert f"{reading.LARGEST // 1024} KiB" in text


def test_names():
    assert all(map(is_name, ("a", "O'Neill", "<b>", "猫", "x" * 64)))
    assert not any(map(is_name, ("", " a", "a\tb", "a\u200b", "e\u0301", "\ud800", "x" * 65, 3, None)))


def test_keys_are_the_learners_own_and_the_secret_stays_the_teachers(tmp_path):
    secret = classroom.new_secret(tmp_path / "secret.txt")
    assert classroom.read_secret(tmp_path / "secret.txt") == secret
    with pytest.raises(BadInput, match="EEXIST"):
        classroom.new_secret(tmp_path / "secret.txt")
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "secret.txt").stat().st_mode) == 0o600
    ada, ben = classroom.tickets(secret, ["ada", "ben"])
    assert ada.split(":")[1] != ben.split(":")[1]
    with pytest.raises(BadInput, match="two learners"):
        classroom.tickets(secret, ["ada", "Ada"])
    with pytest.raises(BadInput, match="cannot name"):
        classroom.tickets(secret, [" ada"])
    (tmp_path / "other.txt").write_text("pass word")
    for name in ("other.txt", "missing.txt"):
        with pytest.raises(BadInput, match="new_secret"):
            classroom.read_secret(tmp_path / name)


PROGRAM = """
import socket, sys
from sockets_lab import descriptors, panels
from sockets_lab.lessons.descriptors.questions import CHOSEN
page = panels.lesson("01_descriptors")
with socket.socket(type=socket.SOCK_DGRAM) as sock, descriptors.at_number(sock, CHOSEN):
    page.check("chosen-number")
    if sys.argv[2] == "live":
        page.hand_in(sys.argv[1])
if sys.argv[2] == "earlier":
    page.hand_in(sys.argv[1])
"""


def test_learners_with_tickets_have_other_numbers_and_are_merged(tmp_path):
    """Two learners, each a program of its own, as on two machines; then the second one's file under a third name."""
    secret, folder = "cd" * 32, tmp_path / "class"
    folder.mkdir()
    for line, when in zip(classroom.tickets(secret, ["ada", "ben"]), ("live", "earlier"), strict=True):
        place = tmp_path / when
        environment = {name: value for name, value in os.environ.items() if name != "SOCKETS_LAB_LEARNER"}
        environment |= {"SOCKETS_LAB_DATA": str(place), "SOCKETS_LAB_TICKET": line}
        subprocess.run([sys.executable, "-c", PROGRAM, str(folder), when], env=environment, check=True, timeout=120,
                       capture_output=True)  # fmt: skip
    ada, ben = classroom.merge(folder, secret).hand_ins
    assert ada.parts[NAME].results[KEY].live
    assert not ben.parts[NAME].results[KEY].live
    assert ada.parts[NAME].results[KEY].sealed
    numbers = [one.parts[NAME].results[KEY].numbers["01/number"] for one in (ada, ben)]
    assert numbers == [number_of(who, "01/number", 120, 220) for who in ("ada", "ben")]
    copied = json.loads((folder / "hand-in-ben.json").read_text()) | {"learner": "cleo"}
    (folder / "hand-in-cleo.json").write_text(json.dumps(copied))
    for known in (secret, None):  # found out with the secret and without it
        merged = classroom.merge(folder, known)
        assert [one.learner for one in merged.hand_ins] == ["ada", "ben"]
        assert [one.file for one in merged.not_merged] == ["hand-in-cleo.json"]
