"""Lesson 13 as a learner meets it: the pictures of a door, a panel whose gate the kernel keeps, exercises."""

import hashlib
import hmac
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import ipywidgets as widgets
import pytest
from labs import KINDS, needs_namespaces
from using import click, picture, said

from sockets_lab.course.questions import Found, pick
from sockets_lab.errors import Refused
from sockets_lab.lab import Lab, Node, firewall, opened
from sockets_lab.lab.firewall import Rule
from sockets_lab.lessons import knocking
from sockets_lab.lessons.knocking import Event, Knock
from sockets_lab.lessons.knocking import figure as figures
from sockets_lab.lessons.knocking import panel as panels
from sockets_lab.lessons.knocking.questions import DOOR, EXERCISES, KEY, SAFE, SEQUENCE

A, C = "10.20.30.40", "90.100.110.120"


class Host:
    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address


HOSTS = (Host("A", A), Host("C", C))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SOCKETS_LAB_NODES", request.param)
    return str(request.param)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with knocking.three_nodes() as one:
        yield one


# Pictures


def event(after: float, source: str, what: str, place: int = 0, knock: str = "7000", because: str = "") -> Event:
    return Event(1000.0 + after, source, what, place, Knock.parse(knock) if knock else None, because)


STORY = (
    event(0, A, "step", 1), event(0.5, C, "wrong", 0, "1:udp"), event(1, A, "step", 2, "8000"),
    event(1.25, A, "opened", 0, "9000:udp"), event(2, C, "step", 1), event(20, C, "late", 1),
    event(31.25, A, "shut", 0, ""),
)  # fmt: skip


def test_the_picture_tells_of_each_source_what_came_of_each_knock() -> None:
    drawing = figures.progress(STORY, HOSTS, 3, {"A": "0 of 3 right, shut"}, ("The gate:", "a rule"))  # type: ignore[arg-type]
    picture(drawing)
    for sentence in (
        f"A is {A}, 0 of 3 right, shut.", "After 0.00 s A at 7000:tcp: step, 1 of 3 right.",
        "After 0.50 s C at 1:udp: wrong, 0 of 3 right.", "After 1.25 s A at 9000:udp: opened.",
        "After 20.00 s C at 7000:tcp: late, 1 of 3 right.", "After 31.25 s the door is shut for A.", "a rule",
    ):  # fmt: skip
        assert sentence in drawing.alt
    html = drawing.html()
    assert html.count(">open<") == 1
    assert [html.count(f">{word}<") for word in ("step", "wrong", "late", "opened")] == [3, 1, 1, 1]


def test_the_band_says_from_when_to_when_it_is_open() -> None:
    def bands(*events: Event) -> list[tuple[float, float]]:
        drawing = figures.progress(events, HOSTS, 3)  # type: ignore[arg-type]
        picture(drawing)
        heights = figures.BAND
        return [(one.x, one.x + one.width) for one in drawing.marks if getattr(one, "height", 0) == heights]

    assert bands() == []
    assert bands(STORY[0], STORY[1]) == []
    ((begin, end),) = bands(*STORY)
    ((begin_too, until_now),) = bands(*STORY[:6])
    assert begin == begin_too == figures.LEFT + 3 * figures.COLUMN
    assert end == figures.LEFT + 6 * figures.COLUMN + figures.BOX
    assert until_now == figures.WIDTH - 6
    again = (*STORY, event(40, A, "opened"), *(event(41 + n, C, "wrong") for n in range(figures.MOST)))
    ((begin, end),) = bands(*again)  # what opened it is not drawn any more; it is still open
    assert (begin < figures.LEFT, end) == (True, figures.WIDTH - 6)
    assert "8 earlier events are not drawn." in figures.progress(again, HOSTS, 3).alt  # type: ignore[arg-type]


def test_long_sequences_and_verdicts_fit_into_the_picture() -> None:
    long = [event(n, A, "step", n + 1, str(60000 + n)) for n in range(31)]
    picture(figures.progress(long, HOSTS, 32))  # type: ignore[arg-type]
    names = ("wrong length", "unknown version", "not authentic", "too old", "from the future", "another source",
             "replayed", "another port")  # fmt: skip
    verdicts = [event(n, C, "refused", 0, "62201:udp", name) for n, name in enumerate(names)]
    drawing = figures.progress(verdicts, HOSTS, 0)  # type: ignore[arg-type]
    picture(drawing)
    assert all(f"C at 62201:udp: {name}." in drawing.alt for name in names)
    empty = figures.progress((), HOSTS, 3)  # type: ignore[arg-type]
    picture(empty)
    assert "Nobody has knocked yet." in empty.alt


def test_the_picture_of_a_real_door(kind: str, lab: Lab) -> None:
    drawing = figures.opening(knocking.opening(lab), (lab.A, lab.C))
    picture(drawing)
    assert "A tried the door after the last knock: let in" in drawing.alt
    assert "the door is shut for A" in drawing.alt
def test_who_overhears_the_knocks_opens_for_himself_and_for_the_owner(kind: str, lab: Lab) -> None:
    found = knocking.replays(lab)
    assert [row[1:] for row in figures.replays(found).rows] == [
        ("A", "let in", stranger(found.knocked, "C")), ("C", stranger(found.as_itself, "A"), "let in"),
        ("A", "let in", stranger(found.as_owner, "C")),
    ]  # fmt: skip
    assert len(found.overheard) == (3 if kind == "namespaces" else 0)


def stranger(tried: knocking.Try, name: str) -> str:
    """Return what a node came upon that is not let in, by whatever gate there is."""
    answer = dict(tried.visits)[name].answer
    assert answer in ("silence", "turned away")
    return answer


def test_the_cure_lets_one_request_in_once_and_names_what_is_wrong_with_the_others(kind: str, lab: Lab) -> None:
    done = knocking.cure(lab)
    assert [row[2:] for row in figures.cure(done).rows] == [
        ("accepted", "yes"), ("replayed", "no"), ("replayed", "no"), ("another source", "no"), ("not authentic", "no"),
        ("not authentic", "no"), ("wrong length", "no"), ("too old", "no"), ("from the future", "no"),
    ]  # fmt: skip
    assert [(who, visit.answer == "let in") for who, visit in done.visits] == [("A", True), ("C", False)]


def test_the_table_of_rules_has_what_they_counted() -> None:
    rules = firewall.incoming(Rule("accept", "tcp", 2222, source=A, packets=3, octets=99), Rule("drop", "tcp", 2222))
    table = figures.rules(rules)
    assert f"rule: ip saddr {A} tcp dport 2222 accept; packets: 3." in table.alt
    assert "EPERM" in figures.rules(Refused("EPERM", "not you")).alt
    assert "none" in figures.rules(firewall.Ruleset()).alt


# The panel


def rules_at(panel: panels.KnockingPanel) -> tuple[str, ...]:
    """Ask the kernel of the panel's B itself."""
    return knocking.spelled(firewall.held(panel.held.lab.B))


def alt(panel: panels.KnockingPanel) -> str:
    return panel.picture.alt


@needs_namespaces
def test_knocks_move_the_kernels_rules_and_the_picture_follows(panel: panels.KnockingPanel) -> None:
    assert "Nobody has knocked yet." in alt(panel)
    assert rules_at(panel)[-1] == "tcp dport 2222 drop"
    assert "silence" in click(panel, "Try the door")
    assert "B's kernel: refused. The door: step" in click(panel, "7000:udp")
    panel.node.value = "C"
    assert "The door: wrong" in click(panel, "8000:tcp")
    panel.node.value = "A"
    click(panel, "8000:tcp")
    assert "A is 10.20.30.40, 2 of 3 right, shut" in alt(panel)
    assert not any(A in rule for rule in rules_at(panel))
    assert "opened for A" in click(panel, "9000:tcp")
    assert f"ip saddr {A} tcp dport 2222 accept" in rules_at(panel)
    assert f"ip saddr {A} tcp dport 2222 accept" in alt(panel)
    assert f"let in, and heard 'welcome, {A}'" in click(panel, "Try the door")
    panel.node.value = "C"
    assert "silence" in click(panel, "Try the door")
    assert "C is 90.100.110.120, 0 of 3 right, shut" in alt(panel)


def test_a_replay_opens_for_whom_it_names_and_a_request_only_once(kind: str) -> None:
    panel = panels.make()
    try:
        assert ("share" in said(panel)) is (kind == "loopback")
        assert "let A do so first" in click(panel, "C replays it")
        for button in ("7000:udp", "8000:tcp", "9000:tcp"):
            click(panel, button)
        assert panel.held is not None
        assert "opened for C" in click(panel, "C replays it")
        click(panel, "A fresh door")
        for button in ("7000:udp", "8000:tcp", "9000:tcp"):
            click(panel, button)
        assert "opened for A" in click(panel, "C replays it as A")
        panel.opens.value = panels.BY_REQUEST
        assert "A fresh door" in said(panel)
        assert "let A do so first" in click(panel, "C replays it")
        assert "opened for A" in click(panel, "Send a request")
        for button in ("C replays it", "C replays it as A"):
            assert "The door: replayed." in click(panel, button)
        assert "A is " in alt(panel)
        assert "C at 62201:udp: replayed." in alt(panel)
        panel.node.value = "C"
        assert "opened for C" in click(panel, "Send a request")
        assert "let in" in click(panel, "Try the door")
        assert panel.view.opened_for == ("A", "C")
    finally:
        panel.release()


def test_another_port_and_a_mistake_are_told(panel: panels.KnockingPanel) -> None:
    panel.port.value, panel.protocol.value = 1234, "udp"
    spoken = click(panel, "Knock")
    assert "A knocked at 1234:udp" in spoken
    assert ("wrong" in spoken) is (panel.held is not None and panel.held.lab.kind == "namespaces")
    panel.port.value = 0
    assert "nobody can knock at port 0" in click(panel, "Knock")
    panel.port.value = 70000
    assert "70000 is not a port number" in click(panel, "Knock")
    panel.port.value, panel.protocol.value = panel.held.daemon.door.port, "tcp"
    assert "to try the door is no knock" in click(panel, "Knock")


@needs_namespaces
def test_the_picture_follows_a_door_that_shuts_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sockets_lab.lessons.knocking.model.OPEN_FOR", 1.0)
    panel = panels.make()
    try:
        for button in ("7000:udp", "8000:tcp", "9000:tcp"):
            click(panel, button)
        end = time.monotonic() + 20
        while "the door is shut for A" not in alt(panel) and time.monotonic() < end:
            time.sleep(0.1)
        assert "the door is shut for A" in alt(panel)
        assert f"ip saddr {A}" not in alt(panel)
        assert "opened for A" in said(panel)  # what was said last still stands there
    finally:
        panel.release()


def test_release_ends_door_thread_and_lab_and_the_next_click_begins_anew(lab: Lab) -> None:
    threads = threading.active_count()
    panel = panels.make()
    first = panel.held.lab
    assert opened() is lab
    assert panel.release()
    assert first.closed
    assert threading.active_count() == threads
    assert not panel.release()
    assert "No door is there." in alt(panel)
    click(panel, "7000:udp")
    assert "step, 1 of 3 right" in alt(panel)
    assert panel.release()
    panel.opens.value = panels.BY_REQUEST
    assert panel.held.signed
    controls = [one for one in panel.knocking if isinstance(one, widgets.Button)]
    assert all(one.disabled for one in controls)
    assert not panel.ask.disabled
    panel.release()


# The questions


def check(key: str) -> Found:
    return pick(EXERCISES, key).check()


def own_door(lab: Lab, sequence: str = SEQUENCE, port: int = DOOR) -> knocking.Daemon:
    return knocking.knock_daemon(knocking.place_of(lab, lab.B), sequence, port)


def knock(lab: Lab, node: Node, sequence: str = SEQUENCE) -> None:
    node.run(knocking.knock, lab.B.address, sequence, 0.05, node.address)


def test_the_own_door_must_open_to_the_own_sequence(kind: str, lab: Lab) -> None:
    undone = check("door")
    assert not undone.done
    with own_door(lab) as daemon:
        assert check("door") == undone  # nobody has knocked
        knock(lab, lab.A)
        assert daemon.wait_for("opened")
        assert check("door").done
        if kind == "namespaces":
            assert check("door").done  # though C was let in by the first check
            assert f"ip saddr {lab.C.address} tcp dport {DOOR} accept" in knocking.spelled(firewall.held(lab.B))
    assert check("door") == undone


@needs_namespaces
def test_another_sequence_another_port_and_rules_by_hand_are_not_enough(lab: Lab) -> None:
    undone = check("door")
    with own_door(lab, port=DOOR + 1) as daemon:
        knock(lab, lab.A)
        assert daemon.wait_for("opened")
        assert check("door") == undone
    other = " ".join(reversed(SEQUENCE.split()))
    with own_door(lab, other) as daemon:
        knock(lab, lab.A, other)
        assert daemon.wait_for("opened")
        assert "C knocked your sequence too, and was not" in check("door").because
    with lab.B.socket() as listener:
        listener.bind((lab.B.address, DOOR))
        listener.listen()
        firewall.apply(lab.B, firewall.incoming(Rule("accept", "tcp", DOOR, source=lab.A.address),
                                                  Rule("drop", "tcp", DOOR)))  # fmt: skip
        assert "A is not let in" in check("door").because  # connected, and nobody speaks
    by_hand = (Rule("accept", "tcp", DOOR, source=one.address) for one in (lab.A, lab.C))
    firewall.apply(lab.B, firewall.incoming(*by_hand, Rule("drop", "tcp", DOOR)))
    with firewall.Service(lab.B, DOOR):
        assert "C is let in" in check("door").because  # and no sequence is needed


def request(lab: Lab, port: int = SAFE, key: bytes = KEY, age: float = 0.0) -> bytes:
    """Write a request as the exercise's hints say, not with `compose`."""
    now = int((time.time() - age) * 1000)
    fields = struct.pack("!BQ16s4sH", 1, now, os.urandom(16), socket.inet_aton(lab.A.address), port)
    return fields + hmac.new(key, fields, hashlib.sha256).digest()


def test_the_request_by_hand_must_be_one_that_the_verifier_accepts(kind: str, lab: Lab) -> None:
    undone = check("request")
    assert "no datagram waits" in undone.because

    def waits(data: bytes, sender: Node, key: str) -> str:
        with ExitStack() as held:
            here, there = (held.enter_context(one.socket(type=socket.SOCK_DGRAM)) for one in (sender, lab.B))
            here.bind((sender.address, 0))
            there.bind((lab.B.address, 0))
            here.sendto(data, there.getsockname())
            end = time.monotonic() + 10
            while (found := check("request")) == undone and time.monotonic() < end:
                time.sleep(0.05)
            assert found.done is (key == "done")
            return found.because

    assert "the verifier accepted it" in waits(request(lab), lab.A, "done")
    assert "says: not authentic" in waits(request(lab, key=bytes(32)), lab.A, "")
    assert "says: wrong length" in waits(request(lab)[:-1], lab.A, "")
    assert "says: too old" in waits(request(lab, age=7200), lab.A, "")
    assert "asks for another port" in waits(request(lab, SAFE + 1), lab.A, "")
    if lab.C.address != lab.A.address:
        assert "says: another source" in waits(request(lab), lab.C, "")
    assert check("request") == undone


def test_checks_need_a_lab() -> None:
    for exercise in EXERCISES:
        assert "no lab" in exercise.check().because
    with Lab(X="10.20.30.40", fallback=True):
        assert "no lab" in check("door").because
