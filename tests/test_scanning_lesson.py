"""Lesson 12 as a learner meets it: a scene with a scanner, a client and a watch, pictures, a panel, exercises."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from labs import KINDS
from leaks import nothing_left
from using import click, picture, said

from sockets_lab.course.questions import Found, pick
from sockets_lab.kernel.machine import loopback_addresses
from sockets_lab.lab import Lab
from sockets_lab.lessons import scanning
from sockets_lab.lessons.scanning import Attempt, Judgement, Round, Scan, Visit
from sockets_lab.lessons.scanning import figure as figures
from sockets_lab.lessons.scanning import panel as panels
from sockets_lab.lessons.scanning.questions import EXERCISES, FIRST, HIDDEN, LAST, THRESHOLD, WINDOW, hide
from sockets_lab.model import Endpoint

PLAN = {"A": "10.20.30.40", "B": "50.60.70.80", "C": "90.100.110.120"}
SOON = 60.0  # seconds in which what is done in a thread must be done, however busy the machine is
addresses = pytest.mark.skipif(not loopback_addresses(), reason="there is one loopback address only")
kinds = pytest.mark.parametrize("kind", [KINDS[0], pytest.param("loopback", marks=[*KINDS[1].marks, addresses])])


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(fallback=True, **PLAN) as made:
        yield made


def came(*told: tuple[float, int, str]) -> list[Attempt]:
    return [Attempt(time, Endpoint(source, 40000), port) for time, port, source in told]


# The scene


@kinds
def test_silence_is_heard_as_silence_and_ends(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKETS_LAB_NODES", kind)
    with Lab(fallback=True, **PLAN) as made:
        with scanning.Silence(made.B, 3306, 3307) as silence:
            assert ("tcp dport 3306 counter drop" in silence.how) == (kind == "namespaces")
            found = scanning.scan_from(made.A, made.B.address, "3300-3310", deadline=0.3)
            assert found.silent == (3306, 3307)
            assert len(found.refused) == 9
        again = scanning.scan_from(made.A, made.B.address, "3306,3307", deadline=0.3)
        assert len(again.refused) == 2
        silence = scanning.Silence(made.B, 3306)
    silence.close()


def test_a_socket_can_meet_itself_and_a_scan_is_not_deceived(lab: Lab) -> None:
    found = scanning.meet_itself(lab.A)
    assert found.count == 28
    if lab.kind == "namespaces":
        assert found.met_itself
        assert found.open == ()
        assert set(found.met_itself) <= set(found.refused)
        (low, _) = lab.A.run(range_of_ports)
        assert low != 40000  # as it was before


def range_of_ports() -> tuple[int, ...]:
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        return tuple(map(int, file.read().split()))


@kinds
def test_the_scene_has_a_fast_scan_a_slow_one_and_a_client(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKETS_LAB_NODES", kind)
    ports = range(7000, 7016)
    with Lab(fallback=True, **PLAN) as made:
        with nothing_left():
            seen = scanning.observe(made, [Round(ports), Round(ports, rate=16)])
        by_source = {name: {one.port for one in seen.attempts if one.source.address == name}
                     for name in {one.source.address for one in seen.attempts}}  # fmt: skip
        (scanner,) = {one.source for one in seen.truth}
        assert by_source.keys() == {scanner, made.C.address}
        assert by_source[made.C.address] <= set(scanning.SERVICES)
        assert by_source[scanner] == set(ports)
        assert sum(one.source.address == scanner for one in seen.attempts) == 2 * len(ports)
        assert bool(seen.differs) == (kind == "loopback")
        assert all(isinstance(scan, Scan) and scan.count == len(ports) for scan in seen.scans)
        first, second = seen.truth
        assert first.ended < second.began
        assert scanner == made.A.address or kind == "loopback"
        alone = scanning.observe(made, [Round("7000-7003")], client=False)
        assert {one.source.address for one in alone.attempts} == {scanner}
        stop = threading.Event()
        stop.set()
        assert len(scanning.observe(made, [Round(ports), Round(ports)], stop=stop).scans) == 1


def test_watches_of_a_node_are_known_as_long_as_somebody_has_them(lab: Lab) -> None:
    assert scanning.watches(lab.B) == ()
    with scanning.watch(lab.B, "7000-7003") as log:
        assert scanning.watches(lab.B) == (log,)
        assert scanning.watches(lab.A) == ()
    assert scanning.watches(lab.B) == (log,)
    del log
    assert scanning.watches(lab.B) == ()


# Pictures


def result(**changes: object) -> Scan:
    plain = {"address": "50.60.70.80", "protocol": "tcp", "open": (22, 8080), "refused": tuple(range(1000, 2000)),
             "silent": (3306,), "other": (("EHOSTUNREACH", (5, 6)),),
             "undecided": (), "met_itself": (1234,), "seconds": 1.0}  # fmt: skip
    return Scan(**(plain | changes))  # type: ignore[arg-type]


def test_the_map_says_what_was_found() -> None:
    drawing = figures.map_of_results(result())
    picture(drawing)
    assert "2 open, 1000 refused, 1 filtered, 2 EHOSTUNREACH" in drawing.alt
    assert "open: 22, 8080. no answer: 3306. false opens, asked again: 1234." in drawing.alt
    for words in ("open: 2 (22, 8080)", "no answer: 1 (3306)", "another refusal: 2", "not asked, or undecided: 64530"):
        assert words in drawing.html()
    many = figures.map_of_results(result(open=tuple(range(100, 200)), met_itself=(), other=()))
    picture(many)
    assert "and 92 more" in many.alt
    assert "false open" not in many.alt
    empty = figures.map_of_results(None)
    picture(empty)
    assert empty.alt == "No scan yet."


def test_the_picture_of_the_defence_counts() -> None:
    attempts = came(*((n / 8, 100 + n, "10.0.0.1") for n in range(30)), *((n / 4, 80, "10.0.0.2") for n in range(9)))
    attempts.sort()
    counted, truth = scanning.levels(attempts, 1.0), (Visit("10.0.0.1", 0.0, 4.0),)
    strips = figures.Strips(attempts, counted, truth, 680)
    alarms = scanning.alarms_at(counted, 5)
    judged = scanning.judge(alarms, truth, 1.0)
    drawing = figures.defence(strips, 5, alarms, judged)
    picture(drawing)
    assert drawing.alt.startswith("39 attempts in 3.6 seconds.")
    assert "10.0.0.1 (scans) asked for up to 8 different ports within the window" in drawing.alt
    assert "10.0.0.2 asked for up to 1 different ports" in drawing.alt
    assert "Threshold 5; alarms: 10.0.0.1 at 0.5 s. 1 scan: 1 found, 0 missed, 0 false alarms." in drawing.alt
    assert drawing.html() != figures.defence(strips, 50, (), Judgement((), truth, ())).html()
    assert strips.highest[0, figures.SCANNER] == 1
    assert strips.bars(4.0) != strips.bars(8.0)
    both = figures.both_sides(result(), figures.Strips(attempts, counted, truth, 384), 5, alarms, judged)
    picture(both)
    assert "1000 refused" in both.alt
    assert "1 found" in both.alt
    nothing = figures.both_sides(None, figures.Strips((), (), (), 384), 20, (), Judgement((), (), ()))
    picture(nothing)
    assert "Nobody came" in nothing.alt


def test_the_plot_of_attempts_tells_each_series() -> None:
    plotted = figures.as_they_came({"in order": came(*((n / 10, n + 1, "10.0.0.1") for n in range(20))), "none": []})
    assert plotted.alt == "in order: 20 attempts in 1.9 seconds at ports from 1 to 20; none: 0 attempts in 0.0 seconds."
    assert plotted.png().startswith(b"\x89PNG")


# The panel


def finished(panel: panels.ScanningPanel) -> str:
    """Wait until the panel's thread has ended. Returns: what it said."""
    panel.working.join(SOON)
    assert not panel.working.is_alive()
    return said(panel)


def test_the_panel_scans_and_its_bar_and_map_follow(panel: panels.ScanningPanel) -> None:
    assert "2001 ports" in panel.picture.alt
    assert "no answer: 3306" in panel.picture.alt
    assert "1 scan: 1 found, 0 missed" in panel.picture.alt
    panel.ports.value = "3000-3999,8080"
    assert "A scans" in click(panel, "Scan")
    assert "A found 1 open ports and 1 without an answer" in finished(panel)
    assert (panel.bar.value, panel.bar.max) == (1001, 1001)
    assert "1,001 of 1,001, 1 open" in panel.count.value
    assert "open: 8080" in panel.picture.alt
    asked = {one.port for one in panel.seen.attempts}
    assert 8080 in asked
    assert len(asked) > 1000 or panel.seen.differs


def test_the_threshold_decides_at_once(panel: panels.ScanningPanel) -> None:
    click(panel, "Twice")
    assert "A scan is on its way" in click(panel, "Scan")
    finished(panel)
    assert len(panel.seen.truth) == 2
    found = {}
    for threshold in (3, 20, 60):
        panel.threshold.value = threshold
        counted = scanning.alarms(panel.seen.attempts, threshold, panel.window.value)
        judged = scanning.judge(counted, panel.seen.truth, panel.window.value)
        assert f"Threshold {threshold}: {judged}." == said(panel)
        assert f"2 scans: {judged}." in panel.picture.alt
        found[threshold] = judged
    assert len(found[60].missed) == 2
    assert len(found[20].found) == 1
    assert found[3].false_alarms or panel.seen.differs
    before = panel.counted
    panel.window.value = 5.0
    assert panel.counted != before
    assert "Threshold 60" in said(panel)


def test_a_scan_is_stopped(panel: panels.ScanningPanel) -> None:
    assert "No scan is on its way" in click(panel, "Stop")
    panel.ports.value, panel.rate.value, panel.order.value = "1-5000", 30.0, "in order"
    click(panel, "Scan")
    end = time.monotonic() + SOON
    while not panel.bar.value and time.monotonic() < end:
        time.sleep(0.05)
    assert "told to stop" in click(panel, "Stop")
    assert "It was stopped" in finished(panel)
    assert 0 < panel.bar.value < 5000
    assert panel.bar.max == 5000


def test_mistakes_are_told_in_the_panel(panel: panels.ScanningPanel) -> None:
    for wrong in ("", "x", "70000", "9-1", "0"):
        panel.ports.value = wrong
        assert "pass " in click(panel, "Scan") or "write " in said(panel)
    assert panel.working is None


def test_release_ends_a_scan_on_its_way_and_leaves_nothing() -> None:
    with nothing_left():
        panel = panels.make()
        assert panel.lab is not None
        first = panel.lab
        panel.rate.value = 10.0
        click(panel, "Scan")
        assert panel.release()
        assert first.closed
        assert not panel.release()
        panel.ports.value, panel.rate.value = "8000-8100", 0.0
        click(panel, "Scan")  # begins anew
        assert "A found 1 open ports" in finished(panel)
        assert panel.release()


def test_on_loopback_the_panel_says_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    if not loopback_addresses():
        pytest.skip("there is one loopback address only")
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    panel = panels.make()
    try:
        assert "listeners stand in for a capture" in said(panel)
        assert "no answer: 3306" in panel.picture.alt
    finally:
        panel.release()


# The questions


def check(key: str) -> Found:
    return pick(EXERCISES, key).check()


@kinds
def test_hidden_ports_want_real_connections_from_a(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKETS_LAB_NODES", kind)
    with ExitStack() as held, Lab(fallback=True, **PLAN) as made:
        assert "nothing is hidden" in check("hidden").because
        hide(made.B)
        hide(made.B)  # the cell may be run again
        asked = {near for port in HIDDEN for near in (port, port + 1)}
        found = scanning.scan_from(made.A, made.B.address, asked)
        assert set(HIDDEN) <= set(found.open)
        undone = check("hidden")
        assert undone.because == "A is connected to 0 of the 3 hidden ports of B."  # a scan hangs up
        for count, port in enumerate(HIDDEN):
            assert f"to {count} of the 3" in check("hidden").because
            sock = held.enter_context(made.A.socket())
            sock.connect((made.B.address, port))
        assert check("hidden").done
        sock.close()
        assert not check("hidden").done
        if kind == "namespaces":  # a connection of C is none of A
            with made.C.socket() as other:
                other.connect((made.B.address, HIDDEN[2]))
                assert "to 2 of the 3" in check("hidden").because
    assert "no lab" in check("hidden").because


@kinds
def test_the_slow_scan_must_ask_for_all_and_the_fast_one_be_caught(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKETS_LAB_NODES", kind)
    ports = range(FIRST, LAST + 1)
    with Lab(fallback=True, **PLAN) as made:
        assert "there is no watch" in check("unheard").because
        with scanning.watch(made.B, ports) as log:
            assert "no alarm" in check("unheard").because
            scanning.scan_from(made.A, made.B.address, range(FIRST, LAST), deadline=0.2)
            log.wait(len(ports) - 1)
            assert "was not for a fast scan of the ports" in check("unheard").because
            time.sleep(WINDOW + 0.1)
            scanning.scan_from(made.A, made.B.address, ports, deadline=0.2)
            log.wait(2 * len(ports) - 1)
            assert "since that alarm" in check("unheard").because
            time.sleep(WINDOW + 0.1)
            scanning.scan_from(made.A, made.B.address, ports, rate=THRESHOLD / 3)
            log.wait(3 * len(ports) - 1)
            assert check("unheard").done
            time.sleep(WINDOW + 0.1)
            scanning.scan_from(made.A, made.B.address, ports)  # caught again: the last one was not slow
            log.wait(4 * len(ports) - 1)
            assert not check("unheard").done
            end = time.monotonic() + 2 * WINDOW
            while time.monotonic() < end:  # fast all the time: a detector tells that once
                scanning.scan_from(made.A, made.B.address, ports)
            assert "too fast as well" in check("unheard").because
    assert "no lab" in check("unheard").because
