"""Lesson 14's pictures and panel: the machine as it is seen, and cases that are solved by clicking."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from labs import KINDS
from using import click, inside, picture, said

from sockets_lab.course import progress
from sockets_lab.errors import BadInput, Refused
from sockets_lab.lab.firewall import Chain, Rule, Ruleset, incoming
from sockets_lab.lessons import detective
from sockets_lab.lessons.detective import FAULTS, PLACES, Case, Inspected, Scene, Seen, Symptom, Visit, inquiry, repairs
from sockets_lab.lessons.detective import case_assignment as cases
from sockets_lab.lessons.detective import figure as figures
from sockets_lab.lessons.detective import panel as panels
from sockets_lab.lessons.detective.case import has_stacks
from sockets_lab.lessons.detective.panel_controls import TODAY
from sockets_lab.model import Endpoint, Owner, SocketRow
from sockets_lab.panels.working import BUSY

WHO = "mouse"
PATIENCE = 60.0  # seconds for what a thread of the panel does
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
KEYS = [fault.key for fault in FAULTS]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("SOCKETS_LAB_NODES", request.param)
    monkeypatch.setenv("SOCKETS_LAB_LEARNER", WHO)
    has_stacks.cache_clear()  # it has remembered what the other kind of nodes can have
    yield str(request.param)
    has_stacks.cache_clear()


@pytest.fixture
def panel(kind: str) -> Iterator[panels.DetectivePanel]:
    one = panels.make()
    yield one
    one.release()


@pytest.fixture
def bare(kind: str) -> Iterator[panels.DetectivePanel]:
    """A panel whose first case was not taken yet."""
    one = panels.DetectivePanel()
    yield one
    one.release()


def press(panel: panels.DetectivePanel, label: str) -> str:
    """Click, wait until the panel's thread is done, and return what it says."""
    click(panel, label)
    return done(panel)


def done(panel: panels.DetectivePanel) -> str:
    if panel.working:
        panel.working.join(PATIENCE)
        assert not panel.working.is_alive()
    return said(panel)


def take(panel: panels.DetectivePanel, place: str) -> Case:
    panel.controls.place.value = place
    press(panel, "Take this case")
    assert panel.case is not None
    assert place in (panel.case.name, TODAY)
    return panel.case


def alt(panel: panels.DetectivePanel) -> str:
    return panel.picture.alt


@pytest.fixture
def gives(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Let every place have these faults."""

    def give(*keys: str, level: int = 1) -> str:
        faults = tuple(cases.fault(key) for key in keys)
        if missing := next((one.missing() for one in faults if one.missing()), ""):
            pytest.skip(missing)
        monkeypatch.setattr(cases, "given", lambda *_: (level, faults))
        return "cinema"

    return give


# Pictures


def shows_what_runs_and_not_what_is_wrong(case: Case, key: str) -> None:
    seen = detective.look(case, case.ask(0.4))
    drawn = figures.scene(seen)
    ended = [one.name for one in case.programs.values() if not psutil.pid_exists(one.pid)]
    running = {one.name: one.pid for one in case.programs.values() if one.name not in ended}
    picture(drawn)
    assert cases.fault(key).diagnosis not in drawn.alt
    assert f"Here customers come, {case.protocol.upper()} {case.endpoint}." in drawn.alt
    for name in ended:
        assert f"{name} has ended; it holds: no socket" in drawn.alt
    assert all(f"{name} runs as process {pid}, " in drawn.alt or f"{name} suspended process {pid}, " in drawn.alt
               for name, pid in running.items())  # fmt: skip
    assert f"A customer's visit: {seen.visit}." in drawn.alt
    words = drawn.alt.split()
    counted = sum(int(words[place - 1]) for place, word in enumerate(words) if word == "x")
    assert counted == sum(row.remote.port != 0 for rows in seen.rows.values() for row in rows)
    for name in figures.VIEWS:
        assert cases.fault(key).diagnosis not in figures.view(name, seen, None, "").alt


def test_the_scene_has_room_for_the_longest_words() -> None:
    far, near = "127.255.255.254", "127.254.255.253"
    held = (Owner(4194303, 1023, "fifteen-letters"),)
    rows = [
        SocketRow("tcp", Endpoint(near, 60000), Endpoint("0.0.0.0", 0), "LISTEN", 4096, 4096, 1, held),
        SocketRow("tcp", Endpoint("::", 60000), Endpoint("::", 0), "LISTEN", None, None, 1, None),
        SocketRow("udp", Endpoint(near, 60001), Endpoint("0.0.0.0", 0), "UNCONNECTED", 212992, 0, 1, held),
        *(SocketRow("tcp", Endpoint(near, 60000), Endpoint(far, 50000 + port), "ESTABLISHED", 0, 0, 1, held)
          for port in range(1234)),
        SocketRow("tcp", Endpoint(near, 60000), Endpoint(far, 49999), "TIME_WAIT", 0, 0, 0, ()),
    ]  # fmt: skip
    programs = (Seen("B", "fifteen-letters", 4194303, None, {}, ()), Seen("B", "bakery", None, None, {}, ("ready",)),
                Seen("A", "crawler", 77, 1024, {}, ()))  # fmt: skip
    for visit in (Visit("another answer", "the fifteen-letters thanks you"), Visit("served", "x"), Visit("no answer"),
                  Visit("no port left", refused=Refused("EADDRNOTAVAIL", "none")), None):  # fmt: skip
        seen = Scene("tcp", Endpoint(near, 60000), {"A": far, "B": near}, programs, {"A": (), "B": (*rows,)},
                     incoming(), None, visit)  # fmt: skip
        drawn = figures.scene(seen)
        picture(drawn)
        for words in ("1234 x ESTABLISHED", "1 x TIME_WAIT", "LISTEN, 4096 of 4096 wait for accept",
                      "LISTEN, how many wait: not told", "212992 bytes to be read"):
            assert words in drawn.alt
        assert ("A customer's visit" in drawn.alt) is (visit is not None)
    assert "A customer's visit: no port left (EADDRNOTAVAIL" not in drawn.alt
    refused = Scene("tcp", Endpoint(near, 1), {"A": far, "B": near}, (), {"A": (), "B": ()},
                    Refused("EPERM", "no"), (1, 2))  # fmt: skip
    assert "EPERM" in figures.view("B's rules", refused, None, "").alt
    assert "ephemeral ports: 1 to 2" in figures.scene(refused).alt


def test_the_report_tells_each_step() -> None:
    long = "the service does not come up again: " + "bind 127.255.255.254 port 60000: EADDRINUSE " * 3
    steps = (Inspected("a customer is served", True), Inspected("many", False, long), Inspected("shut", None))
    drawn = figures.report(steps)
    picture(drawn)
    assert "1. a customer is served: passed. 2. many: failed: the service does not" in drawn.alt
    assert drawn.alt.endswith("3. shut: not tried.")
    assert figures.report(()).alt == "Nothing was tried."


def test_the_symptoms_are_side_by_side() -> None:
    found = (
        Symptom(FAULTS[0], "", Visit("another answer", "the mailer thanks you"), "SYN, ACK", "bad"),
        Symptom(FAULTS[1], "", Visit("refused", refused=Refused("ECONNREFUSED", "nobody")), None),
        Symptom(FAULTS[2], "this machine has only one loopback address"),
        Symptom(FAULTS[3], "", Visit("silence"), ""),
    )
    table = figures.symptoms(found)
    assert "another answer\n(the mailer thanks you)" in table.alt
    assert "the service's last word: bad; where to look: B's sockets." in table.alt
    assert "(ECONNREFUSED); first packet back: not captured here; the service's last word: nothing" in table.alt
    assert "cannot be had here: this machine has only one loopback address" in table.alt
    assert "silence; first packet back: none" in table.alt
    inside(table._drawn())


def test_the_table_of_symptoms_is_locked_until_five_cases_are_solved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOCKETS_LAB_DATA", str(tmp_path))
    monkeypatch.setattr(progress, "_session", {})
    monkeypatch.setattr(figures, "symptoms", lambda found: [one.fault.key for one in found])
    monkeypatch.setattr(figures, "made", lambda faults: tuple(map(Symptom, faults)))
    for number, key in enumerate(KEYS[:5]):
        locked = figures.known_symptoms()
        assert f"5 cases are solved; so far {number}" in locked.alt
        assert figures.known_symptoms(on_purpose=True) == KEYS
        progress.remember(inquiry.LESSON, "exercises", f"case {key}", {"faults": [key]})
    assert figures.known_symptoms() == KEYS[:5]


# The panel


def choose(panel: panels.DetectivePanel, program: str, setting: str, value: object) -> None:
    panel.controls.program.value = program
    panel.controls.setting.value = setting
    panel.controls.value.value = str(value)
    assert press(panel, "Restart it").startswith(f"{program} runs.")


def end(panel: panels.DetectivePanel, who: Callable[[str], bool]) -> None:
    """End all processes whose label is meant."""
    for label, (pid, _) in panel.controls.process.options:
        if who(label):
            panel.controls.process.value = next(value for _, value in panel.controls.process.options if value[0] == pid)
            assert f"process {pid}, has ended" in press(panel, "End it")
            assert not psutil.pid_exists(pid)


def solve(panel: panels.DetectivePanel, key: str) -> None:
    """Do with the panel's controls what helps."""
    case, name = panel.case, panel.case.service_name if panel.case else ""
    assert case
    front = next((one for one in case.programs if one.startswith("front")), "")
    changes: dict[str, list[tuple[str, str, object]]] = {
        "address": [(name, "address", case.B.address)], "dual-stack": [(name, "address", case.B.address)],
        "moved": [(name, "address", case.B.address)], "protocol": [(name, "protocol", case.protocol)],
        "time-wait": [(name, "reuse_address", True)], "leak": [(name, "closes", True)],
        "backlog": [(name, "patience", 1.0), (name, "at_once", 16), (name, "backlog", 16)],
        "zero-window": [(name, "patience", 1.0), (name, "at_once", 16)],
        "half-open": [(name, "patience", 1.0), (name, "at_once", 16)],
        "forwarder": [(front, "target", f"{case.B.address}:{case.service.settings['port']}")],
        "localhost": [(front, "target", f"127.0.0.1:{case.service.settings['port']}")],
        "exhausted": [("kernel of A", "ephemeral_ports", "32768 60999")], "narrow": [("kernel of B", "mtu", 576)],
        "short-queue": [("kernel of B", "somaxconn", 128), (name, "nothing", "")],
        "lossy": [("cable of B", "nothing", "")],
        "two-hosts": [("kernel of C", "second_address", None), ("kernel of A", "nothing", "")],
        "suspended": [(name, "nothing", "")], "taken": [(name, "nothing", "")], "own-client": [(name, "nothing", "")],
    }  # fmt: skip
    ledger = next((one for one in case.programs if one.startswith("ledger")), "")
    changes["close-wait"] = [(ledger, "patience", 1.0), (ledger, "at_once", 16)]
    if key in ("taken", "dual-stack", "shared-port"):
        end(panel, lambda label: " at B" in label and not label.startswith(f"{name} "))
    elif key in ("exhausted", "own-client"):
        end(panel, lambda label: (" at A, " if key == "exhausted" else " at B, ") in label)
    elif key in ("firewall", "reject"):
        assert f"B's first rule at input: accept, port {case.endpoint.port}" in press(panel, "Put it first")
    elif cases.fault(key).touches[:1] == ("rules",):
        assert "everything passes" in press(panel, "Take all out")
    for change in changes.get(key, ()):
        choose(panel, *change)


def answer(case: Case) -> str:
    """Be a customer without any code of the course: an ordinary socket of A's."""
    kind = socket.SOCK_STREAM if case.protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(type=kind) if case.shares_stack else case.A.socket(type=kind) as sock:
        sock.settimeout(1)
        if case.shares_stack:
            sock.bind((case.A.address, 0))
        try:
            sock.connect(case.endpoint.sockaddr)
            sock.sendall(b"order\n")
            return sock.recv(100).decode().strip() + "\n"
        except OSError as error:
            return type(error).__name__


@pytest.mark.thorough
@pytest.mark.parametrize("key", KEYS)
def test_every_case_hides_its_fault_and_is_solved_by_clicking(
    bare: panels.DetectivePanel, kind: str, key: str, gives: Callable[..., str]
) -> None:
    panel = bare
    case, controls = take(panel, gives(key)), panel.controls
    shows_what_runs_and_not_what_is_wrong(case, key)
    thanks = f"the {case.name} thanks you\n"
    at_times = "served" in cases.fault(key).finds
    stands_in = kind == "loopback" and key in ("firewall", "reject", "stateless", "source-port")  # of the course only
    assert (answer(case) == thanks) is stands_in or at_times
    assert cases.fault(key).story in panel.report.value
    assert "It does not work yet: " in press(panel, "Does it work now?")
    assert "Repair the machine first" in press(panel, "That was it")
    assert controls.diagnosis.disabled
    assert list(controls.diagnosis.options) == [("choose", "")]  # the menu gives nothing away
    solve(panel, key)
    assert panel.found.value == ""
    assert press(panel, "Does it work now?").startswith("It works.")
    assert answer(case) == thanks
    assert "5. what has to be shut is shut: passed" in panel.found.value
    assert controls.bar.value == controls.bar.max == 5
    assert "Choose first" in press(panel, "That was it")
    wrong = next(iter({label for label, _ in controls.diagnosis.options} - {"choose", cases.fault(key).diagnosis}), "")
    if wrong:
        controls.diagnosis.value = wrong
        assert press(panel, "That was it").startswith("No: it works now")
    controls.diagnosis.value = had = cases.fault(key).diagnosis
    assert f"This machine had: {had}. Port detective, {case.title}" in press(panel, "That was it")
    assert alt(panel).startswith("The route of the inquiry. what was looked at: 1. the machine")
    assert not case.inquiry.wrong
    press(panel, "Take all out")
    assert controls.diagnosis.disabled  # the machine is another one now: try it again


def test_the_case_of_the_day_has_two_releases_and_a_clue_costs(
    panel: panels.DetectivePanel, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "loopback":
        pytest.skip("rules that change addresses are the kernel's")
    monkeypatch.setattr(cases, "drawn", lambda *_: (2, (cases.fault("leak"), cases.fault("suspended"))))
    case = take(panel, TODAY)
    assert case.level == 2
    assert "Customers come to the gateway, TCP 50.60.70.1:" in alt(panel)
    assert {"blue", "green"} <= set(case.programs)
    panel.controls.view.value = "the gateway"
    done(panel)
    assert f"dnat to {case.inner}" in alt(panel)
    assert cases.fault("leak").clue in press(panel, "Give me a clue")
    assert "1 clue" in detective.summary(case)
    choose(panel, case.service_name, "closes", True)
    press(panel, "Does it work now?")
    panel.controls.diagnosis.value = cases.fault("leak").diagnosis
    assert "level 2, 2 looks, par 5, no wrong repair, 1 clue" in press(panel, "That was it")


def test_a_customer_is_seen_with_packets(panel: panels.DetectivePanel, kind: str, gives: Callable[..., str]) -> None:
    case = take(panel, place := gives("taken"))
    assert panel.report.value.count(str(case.endpoint)) == 1
    squatter = next(name for name in case.programs if name != place)
    panel.controls.view.value = "packets"
    done(panel)
    told = "can be captured here" if kind == "loopback" else "Nobody has asked since"
    assert told in alt(panel)
    assert f"A customer finds: another answer, and hears: the {squatter} thanks you." in press(
        panel, "Ask as a customer")  # fmt: skip
    if kind == "namespaces":
        assert "SYN ACK" in alt(panel)
        assert f"B port {case.endpoint.port}" in alt(panel)
    panel.controls.view.value = "the machine"
    done(panel)
    assert f"A customer's visit: another answer ('the {squatter} thanks you')." in alt(panel)
    panel.controls.view.value = "B's sockets"
    done(panel)
    assert f"held by: {squatter}, process {case.programs[squatter].pid}" in alt(panel)
    panel.controls.view.value = "programs and logs"
    done(panel)
    assert "EADDRINUSE" in alt(panel)
    panel.controls.view.value = "A's sockets"
    done(panel)
    assert alt(panel).startswith("The socket table of node A.")


def test_rules_are_put_and_taken_out(panel: panels.DetectivePanel, gives: Callable[..., str]) -> None:
    case, controls = take(panel, gives("address")), panel.controls
    controls.view.value = "B's rules"
    controls.port.value, controls.verdict.value = 99, "drop"
    done(panel)
    press(panel, "Put it first")
    controls.port.value = 100
    press(panel, "Put it first")
    assert "it says: tcp dport 100 counter drop" in alt(panel)
    controls.rule.value = 3
    assert "no rule 3 at input: it has 2" in press(panel, "Take it out")
    controls.rule.value = 1
    assert "Rule 1 is out" in press(panel, "Take it out")
    assert "dport 99" in alt(panel)
    assert "dport 100" not in alt(panel)
    controls.port.value = 0
    assert "port 0" in press(panel, "Put it first")
    controls.port.value = 65536
    assert "65536 is not a port number" in press(panel, "Put it first")
    assert "everything passes" in press(panel, "Take all out")
    assert "it has none" in press(panel, "Take it out")
    assert not case.closed


def test_mistakes_are_told(panel: panels.DetectivePanel, gives: Callable[..., str]) -> None:
    case, controls = take(panel, place := gives("address")), panel.controls
    assert case.service.running
    controls.program.value = place
    for setting, value, words in (
        ("port", "77777", "77777 is not a port number"), ("patience", "soon", "'soon' is no patience"),
        ("address", "bakery.example", "is not an IP address"), ("address", "8.8.8.8", "8.8.8.8"),
        ("closes", "perhaps", "pass True or False"), ("at_once", "0", "pass a whole number"),
        ("protocol", "sctp", "no protocol that has ports"),
    ):  # fmt: skip
        controls.setting.value = setting
        controls.value.value = value
        assert words in press(panel, "Restart it")
        assert case.service.running
    controls.setting.value = "nothing"
    assert controls.value.disabled
    assert controls.meaning.value == ""
    controls.setting.value = "backlog"
    assert controls.meaning.value == "how many connections may wait to be accepted"
    assert controls.value.value == "16"
    pid = case.service.pid
    case.service.stop()  # not by the panel
    assert f"No process {pid} runs" in press(panel, "End it")
    case.close()  # nor this
    assert said(panel) != press(panel, "Ask as a customer")
    assert "fault of its own" not in said(panel)


def test_one_thing_at_a_time(panel: panels.DetectivePanel) -> None:
    goes_on = threading.Event()
    panel.do("Wait", lambda: goes_on.wait(PATIENCE) and None)
    assert said(panel) == "Wait ..."
    assert click(panel, "Ask as a customer") == BUSY
    before = alt(panel)
    panel.controls.view.value = "programs and logs"  # of what was seen last
    assert alt(panel) != before
    goes_on.set()
    done(panel)
    assert "A customer finds" in press(panel, "Ask as a customer")


def test_this_machines_own_range_of_ports_stays_as_it_is(panel: panels.DetectivePanel, kind: str) -> None:
    before = RANGE.read_text() if RANGE.exists() else ""
    case = take(panel, PLACES[0])
    if kind == "loopback":
        with pytest.raises(BadInput, match="shares this machine's network stack"):
            case.parts["kernel of A"].restart(ephemeral_ports="40000 40001")
    else:
        choose(panel, "kernel of A", "ephemeral_ports", "40000 50000")
        assert case.ephemeral_range == (40000, 50000)
    assert (RANGE.read_text() if RANGE.exists() else "") == before


def test_release_ends_the_machine_whatever_goes_on_and_the_next_click_begins_anew(kind: str) -> None:
    with detective.example("protocol") as mine:
        before = threading.active_count()
        panel = panels.make()
        for place in PLACES[:2]:
            case = take(panel, place)
            pids = [program.pid for program in case.programs.values() if program.running]
            click(panel, "Does it work now?")
            time.sleep(0.05)
            assert panel.release()
            assert case.closed
            assert not panel.release()
            assert alt(panel) == "No machine is there."
            gone = time.monotonic() + PATIENCE
            while any(map(psutil.pid_exists, pids)) and time.monotonic() < gone:
                time.sleep(0.02)
            assert not any(map(psutil.pid_exists, pids))
            assert threading.active_count() == before
            assert "A customer finds" in press(panel, "Ask as a customer")
            assert panel.case is not None
            assert panel.case.name == place
        panel.let_go()
        assert "Everything that this panel held was closed" in said(panel)
        assert detective.opened() is mine
        assert not mine.closed
        assert threading.active_count() == before


def test_settings_are_read_as_they_are_typed() -> None:
    for name, value in (("port", 8080), ("patience", 0.5), ("patience", None), ("closes", False), ("address", "::1"),
                        ("protocol", "udp"), ("target", ("127.0.0.1", 80)), ("target", ("::1", 80))):  # fmt: skip
        assert repairs.setting(name, f" {repairs.spelled(value)} ") == value
    assert repairs.setting("address", "((((") == "(((("
    with pytest.raises(BadInput, match="is not an endpoint"):
        repairs.setting("target", "80")


def test_other_chains_of_a_filter_stay(kind: str) -> None:
    from sockets_lab.lab import firewall

    with detective.example("address", aside=True) as case:
        out = Chain("output", (Rule("drop", "tcp", 7),))
        assert firewall.apply(case.B, Ruleset((out,))) is None
        repairs.put_first(case, "drop", 9)
        held = firewall.held(case.B)
        assert held.chain("output") == out
        assert held.chain("input").rules == (Rule("drop", case.protocol, 9),)
