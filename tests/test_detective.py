"""Broken machines: each is broken for real, the written solutions repair it, and half a repair is none."""

import errno
import os
import re
import select
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import nbformat
import psutil
import pytest
from labs import needs_namespaces
from rules import each
from trials import amount

from sockets_lab.course import progress
from sockets_lab.course.questions import pick
from sockets_lab.errors import BadInput
from sockets_lab.headers import TCP, dissect
from sockets_lab.kernel import machine
from sockets_lab.kernel.connecting import until
from sockets_lab.lab import Lab, firewall
from sockets_lab.lab.firewall import Rule, apply, incoming
from sockets_lab.lessons import detective
from sockets_lab.lessons.detective import case_assignment as cases
from sockets_lab.lessons.detective import figure, inquiry
from sockets_lab.lessons.detective.case import VISIT, has_stacks
from sockets_lab.lessons.detective.programs import Program
from sockets_lab.lessons.detective.questions import EXERCISES

SEEDS = amount("SEEDS", 1, 2)  # learners; by hand: 20
DAYS = amount("DAYS", 3, 10)  # by hand: 200
AT_ONCE = 3
SOLUTIONS = Path(__file__).resolve().parents[1] / "notebooks" / "solutions" / "14_port_detective.ipynb"
KEYS = [fault.key for fault in detective.FAULTS]
SOME = [pytest.param(key, marks=() if number % 6 == 0 else pytest.mark.thorough) for number, key in enumerate(KEYS)]
FINDS = {  # what a bare client gets of the kernel; "" = a connection
    "taken": "", "address": "ECONNREFUSED", "protocol": "ECONNREFUSED", "time-wait": "ECONNREFUSED",
    "firewall": "EINPROGRESS", "reject": "ECONNREFUSED", "stateless": "EINPROGRESS", "astray": "EINPROGRESS",
    "forwarder": "", "exhausted": "EADDRNOTAVAIL", "backlog": "EINPROGRESS", "leak": "", "suspended": "",
    "two-hosts": "ECONNREFUSED", "own-client": "ECONNREFUSED", "moved": "ECONNREFUSED", "narrow": "",
}  # fmt: skip


def written_solutions() -> dict:
    """Define the repairs of the solutions' notebook, as it does."""
    names: dict = {"detective": detective, "Rule": Rule, "apply": apply, "incoming": incoming}
    for cell in nbformat.read(SOLUTIONS, as_version=4).cells:
        if cell.cell_type == "code" and cell.source.startswith(("def ", "repairs = ")):
            exec(cell.source, names)
    return names["repair_of"]


def made(level, keys, who="tests", live=None):
    """Make a machine with these faults, or skip."""
    faults = [cases.fault(key) for key in keys]
    for one in faults:
        if one.missing():
            pytest.skip(one.missing())
    return cases.make("market", who, level, faults, aside=True, live=live)


def example(key, who="tests"):
    return made(1, (key,), who)


def failed(case):
    """Return what the machine cannot do, or ""."""
    return next((f"{step.what}: {step.because}" for step in detective.inspect(case) if not step.passed), "")


@pytest.fixture
def on_loopback(monkeypatch):
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    has_stacks.cache_clear()
    yield
    has_stacks.cache_clear()


def end_all_at_a(case):
    for pid in {owner.pid for row in case.sockets(case.A) for owner in row.owners or ()}:
        case.end(pid)


def again(case):
    case.service.restart()


HALF = dict.fromkeys(KEYS, again) | {  # a repair that mends a part of it, or goes in the right direction only
    "suspended": lambda case: case.programs[case.name].node.call(os.getpid),
    "firewall": lambda case: firewall.clear(case.B), "reject": lambda case: firewall.clear(case.B),
    "exhausted": end_all_at_a, "backlog": lambda case: again(case) or case.service.restart(at_once=2),
    "forwarder": lambda case: case.programs["front"].restart(target=(case.B.address, case.inner.port + 99)),
    "localhost": lambda case: case.programs["front"].restart(target=(case.B.address, case.service.settings["port"])),
    "close-wait": lambda case: next(one for name, one in case.programs.items() if "ledger" in name).restart(),
    "two-hosts": lambda case: case.parts["kernel of A"].restart(),
    "short-queue": lambda case: case.parts["kernel of B"].restart(somaxconn=128),
    "narrow": lambda case: case.parts["kernel of B"].restart(mtu=1400),
}  # fmt: skip


def elsewhere(case):
    """Repair something that is not broken."""
    if "rules" not in case.faults[0].touches:
        firewall.apply(case.B, incoming(*(Rule("drop", "tcp", door.port) for door in case.shut)))
    else:
        case.service.restart(patience=2.0)


def learn(key, who):
    """Return what is otherwise than it should be with a learner's machine, or ""."""
    with example(key, who) as case:
        for repair, what in ((None, "untouched"), (elsewhere, "repaired elsewhere"), (HALF[key], "half repaired")):
            if repair:
                repair(case)
            if not failed(case):
                return f"{key} of {who} works {what}"
        written_solutions()[key](case)
        said = failed(case)
    return f"{key} of {who}: {said}" if said else ""


@pytest.mark.parametrize("key", SOME)
def test_only_the_whole_repair_is_one_and_the_written_solution_is(key):
    example(key).close()  # or skip
    with ThreadPoolExecutor(AT_ONCE) as learners:
        assert [said for said in learners.map(lambda n: learn(key, f"learner {n}"), range(SEEDS)) if said] == []


def solved(case):
    """Repair a machine as the written solutions do, one fault after the other; say what went otherwise."""
    if not failed(case):
        return "worked at the start"
    for number, one in enumerate(case.faults):
        if number and not failed(case):
            return f"works without the repair of {one.key}"
        written_solutions()[one.key](case)
    return failed(case)


def test_the_cases_of_many_days_are_made_and_solved_and_leave_nothing(leaves_nothing):
    wrong, took, levels = [], [], set()
    for number in range(DAYS):
        day = (date(2026, 12, 1) + timedelta(number)).isoformat()
        begun = time.monotonic()
        with detective.today(day, aside=True) as case:
            took.append(time.monotonic() - begun)
            levels.add(case.level)
            keys = "+".join(one.key for one in case.faults)
            if said := solved(case):
                wrong.append(f"{day}, level {case.level}, {keys}: {said}")
            assert re.fullmatch(rf"Port detective, {day}: level \d, \d looks?, par \d, (no|\d) wrong repairs?",
                                detective.summary(case))  # fmt: skip
    print(f"{DAYS} cases, each made in {median(took):.2f} seconds (median), {max(took):.2f} at most")
    assert wrong == []
    assert DAYS < 20 or levels == ({1, 2, 3, 4} if has_stacks() else {1, 3, 4})


def test_a_day_has_one_case_for_everybody(monkeypatch):
    made = []
    for who in ("Ada", "Ben"):
        monkeypatch.setenv("SOCKETS_LAB_LEARNER", who)
        for day in ("2026-12-01", "2026-12-02"):
            with detective.today(day, aside=True) as case:
                made.append((case.title, case.name, case.endpoint, case.faults, case.report))
    assert made[:2] == made[2:]
    assert made[0] != made[1]
    with pytest.raises(BadInput, match="is no date"):
        detective.today("tomorrow")


def words(case, view):
    """Return what a view says, but for what differs between two runs: processes, ephemeral ports, what was counted."""
    text = re.sub(r"process \d+", "process", figure.of(case, view).alt)
    text = re.sub(r"(:|port )(3[3-9]|[456]\d)\d{3}\b", r"\1many", text)
    text = re.sub(r"packets: \d+; bytes: \d+", "", re.sub(r"\d+ (descriptors|x)", r"\1", text))
    return sorted(set(re.split(r"[.;:]\s|[.;]$", text)))


@needs_namespaces
@each([(one.key, cases.neighbors(one)[0].key) for one in cases.possible(2)[:: 5 - 4 * (amount("PAIRS", 0, 1))]])
def test_no_view_of_a_case_of_level_2_tells_its_fault_from_its_neighbors(key, other):
    """Two machines differ in which release the customers come to, and so in their fault; the gateway alone knows."""
    seen = []
    for number, keys in enumerate(((key, other), (other, key))):
        with made(2, keys, live=number) as case:
            assert [one.key for one in case.faults] == [keys[0]]
            for view in detective.VIEWS:
                if view != "packets":
                    figure.of(case, view)  # what is in the tables of neighbors comes with looking
            views = {view: words(case, view) for view in detective.VIEWS if view != "packets"}
            seen.append(views | {VISIT: case.ask().outcome})  # which leaves traces of its own
    different = [view for view in seen[0] if seen[0][view] != seen[1][view]]
    assert different == ["the gateway"]
    form = [re.sub(r"\b\d{4,5}\b", "", " ".join(one["the gateway"])) for one in seen]
    assert form[0] == form[1]


@pytest.mark.thorough
@pytest.mark.parametrize("key", KEYS)
def test_it_does_so_on_loopback_too_where_nobody_listens_for_the_whole_machine(key, on_loopback):
    with example(key) as case:
        assert case.lab.kind == "loopback"
        rows = [row for node in case.lab.nodes for row in case.sockets(node)]
        assert rows or key == "moved"
        assert not [row for row in rows if row.local.is_wildcard]
        if key == "address":
            with pytest.raises(BadInput, match="every network"):
                case.service.restart(address="0.0.0.0")
        assert solved(case) == ""


def test_this_machines_range_of_ports_stays_as_it_is_where_a_case_has_no_stack_of_its_own(on_loopback):
    before = machine.ephemeral_range()
    assert "share" in cases.fault("exhausted").missing()
    with pytest.raises(BadInput, match="stays as it is"):
        cases.make("market", "tests", 1, [cases.fault("exhausted")], aside=True)
    assert machine.ephemeral_range() == before
    level, faults = cases.drawn("tests", 2)
    assert level == 1
    assert not faults[0].missing()


@pytest.mark.thorough
@needs_namespaces
@each(FINDS)
def test_a_bare_client_finds_it_broken_too(key):
    for number in range(100):
        case = example(key, f"tests {number}")
        if case.protocol == "tcp":
            break
        case.close()
    waits = 0.7 if key in ("leak", "suspended", "narrow") else 20
    with case, case.A.socket(type=socket.SOCK_STREAM) as client:
        client.settimeout(0.6)
        try:
            client.connect(case.endpoint.sockaddr)
            found = ""
            client.settimeout(waits)
            client.sendall(b"order\n")
            assert client.recv(100).decode().strip() != case.answer
        except TimeoutError:
            found = "" if client.gettimeout() == waits < 1 else "EINPROGRESS"
        except ConnectionResetError:
            found = ""
        except OSError as error:
            found = errno.errorcode[error.errno or 0]
        assert found == FINDS[key]


@pytest.mark.thorough
@needs_namespaces
def test_a_hoarder_leaves_no_port():
    for number in range(8):
        with example("exhausted", f"tests {number}") as case:
            assert case.ask().outcome == "no port left"
            first, last = case.ephemeral_range
            held = {row.local.port for row in case.A.table(("tcp",)) if row.remote == case.endpoint}
            assert held == set(range(first, last + 1))


@needs_namespaces
def test_a_hoarder_goes_on_where_one_connect_had_no_answer_in_time():
    with Lab(A="10.20.30.40", B="50.60.70.80") as lab, lab.B.socket() as listener, ExitStack() as held:
        listener.bind((lab.B.address, 0))
        listener.listen(0)
        full = set()  # the ports of those who fill its queue: from then on nobody gets an answer
        for _ in range(3):
            client = held.enter_context(lab.A.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            full.add(client.getsockname()[1])
        cable = held.enter_context(lab.A.capture())
        settings = {"role": "visitor", "target": list(listener.getsockname()), "count": 2, "says": "", "source": None}
        hoarder = Program(lab.A, "hoarder", settings | {"tries": 9})
        with ThreadPoolExecutor(1) as thread:
            started = thread.submit(hoarder.start)
            tried = set()  # the ports of its attempts: with the second one, it has waited for the first in vain
            while len(tried) < 2 and not started.done():
                time.sleep(0.05)
                segments = [dissect(one.octets).find(TCP) for one in cable.packets() if one.outgoing]
                tried |= {segment.source_port for segment in segments if segment} - full
            while not started.done():
                if select.select([listener], [], [], 0.05)[0]:
                    held.enter_context(listener.accept()[0])
        assert started.result() is None
        assert "connect: TimeoutError" in hoarder.log
        rows, pid = lab.A.table(("tcp",), owners=True), hoarder.pid
        mine = [row.state for row in rows if pid in [owner.pid for owner in row.owners or ()]]
        assert mine == ["ESTABLISHED"] * 2
        hoarder.stop()


def test_every_learner_has_cases_of_all_levels_and_a_selection_of_the_faults():
    orders = set()
    for who in ("Ada", "Ben", "Cleo", "Dan"):
        order = tuple(detective.given(place, who) for place in detective.PLACES)
        assert order == tuple(detective.given(place, who) for place in detective.PLACES)
        first = [faults[0].key for level, faults in order if level == 1]
        assert len(first) == len(set(first)) >= 4
        assert [level for level, _ in order] == list(cases.LEVELS) or not has_stacks()
        orders.add(order)
    assert len(orders) == 4
    with pytest.raises(BadInput, match="no case 'moon'"):
        detective.take("moon")
    with pytest.raises(BadInput, match="no fault 'rust'"):
        detective.example("rust")


@each(
    [
        ("leak", lambda case: case.service.restart(), "the next one finds: no answer"),
        ("leak", lambda case: case.service.restart() or case.service.settings.update(descriptors=200) or
         case.service.restart(), "holds more descriptors"),
        ("backlog", lambda case: end_all_at_a(case) or until(lambda: case.ask().served, 20), "finds: "),
        ("firewall", lambda case: firewall.clear(case.B), "is open now"),
        ("exhausted", lambda case: end_all_at_a(case), "no port left"),
        ("short-queue", lambda case: case.service.restart(), "customers at once"),
    ]
)  # fmt: skip
def test_half_a_repair_is_told_by_what_is_missing(key, half, because):
    with example(key) as case:
        half(case)
        assert because in failed(case)


def test_the_check_sees_the_machine_and_no_variable():
    task = pick(EXERCISES, "bakery")
    assert "not open" in task.check().because
    with detective.take("bakery") as case:
        assert detective.opened() is case
        assert not task.check().done
        assert "not open" in pick(EXERCISES, "library").check().because
        case.answer = "yes"  # what the learner wishes
        assert not task.check().done
    assert detective.opened() is None
    with detective.take("bakery") as case:
        written_solutions()[case.faults[0].key](case)
        assert task.check().done
        with detective.take("library"):
            assert case.closed
            assert not task.check().done


def test_the_route_of_an_inquiry_leaves_the_fault_and_the_score_counts_what_was_done(monkeypatch, tmp_path):
    monkeypatch.setenv("SOCKETS_LAB_DATA", str(tmp_path))
    monkeypatch.setattr(progress, "_session", {})
    with example("leak") as case:
        assert case.ask().outcome == "no answer"
        for view in ("B's rules", "programs and logs", "programs and logs"):
            figure.of(case, view)
        steps = detective.route(case)
        assert [view for view, *_ in steps] == [VISIT, "B's rules", "programs and logs"]
        assert [left for *_, left in steps] == sorted((left for *_, left in steps), reverse=True)
        assert "taken" in [one.key for one in steps[0][1]]
        out = [one.key for _, ruled_out, _ in steps for one in ruled_out]
        assert "leak" not in out
        assert "suspended" in out
        assert detective.summary(case) == "Port detective, market: level 1, 3 looks, par 4, no wrong repair"
        before = inquiry.score(case)
        assert "log" in detective.clue(case)
        assert "descriptor" in detective.clue(case, 2)
        firewall.apply(case.B, incoming(Rule("drop", "tcp", 9)))
        assert failed(case)
        assert case.inquiry.wrong == {"rules"}
        assert inquiry.score(case) == before + 3 + 2 * 2
        assert detective.met() == []
        case.service.restart(closes=True)
        assert not failed(case)
        assert case.inquiry.right == {"market"}
        said = "Port detective, market: level 1, 3 looks, par 4, 1 wrong repair, 2 clues"
        assert detective.summary(case) == said
        assert "in vain: rules" in figure.inquiry(case).alt
    assert [one.key for one in detective.met()] == ["leak"]
    kept = progress.load(inquiry.LESSON)["exercises"]["case market"]
    assert (kept["said"], kept["par"], kept["faults"]) == (said, 4, ["leak"])
    assert next(one for one in progress.summary() if one.lesson.name == inquiry.LESSON).solved == 0
    with pytest.raises(BadInput, match="no clue 3"):
        detective.clue(case, 3)


@pytest.mark.thorough
@pytest.mark.parametrize("key", KEYS)
def test_no_look_rules_out_what_is_there(key):
    """Every view is looked at; then the fault itself is left, and of all others at most those that look alike."""
    with example(key) as case:
        visit, packets = detective.ask_and_listen(case)
        case.saw(VISIT, visit.outcome)
        seen = detective.look(case)
        for view in detective.VIEWS:
            case.saw(view, figure.view(view, seen, packets, case.lab.differs).alt)
        out = [one.key for _, ruled_out, _ in detective.route(case) for one in ruled_out]
        assert key not in out
        assert len(out) >= len(KEYS) - 8


def test_a_machine_is_gone_with_all_its_processes():
    with example("taken") as case:
        processes = [psutil.Process(program.pid) for program in case.programs.values() if program.running]
        assert processes
        assert all(process.is_running() for process in processes)
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_the_owner_of_a_port_is_the_program_of_that_name():
    with example("taken") as case:
        row = next(row for row in case.sockets(case.B) if row.state == "LISTEN")
        assert row.local.port == case.endpoint.port
        (owner,) = row.owners
        squatter = next(program for name, program in case.programs.items() if name != case.name)
        assert owner.pid == squatter.pid
        assert squatter.running
        assert not case.service.running
        with pytest.raises(BadInput, match="No process"):
            case.end(os.getpid())
        with pytest.raises(BadInput, match="No process"):
            case.end(case.service.pid)  # it has ended by itself
        case.end(owner.pid)
        assert not squatter.running


@pytest.fixture(scope="module")
def left_alone():
    """A case at which nobody succeeds in changing anything."""
    with example("address") as case:
        yield case


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"address": "8.8.8.8"}, "not on this machine's loopback"), ({"address": "home"}, "not an IP address"),
        ({"port": 0}, "port 0"), ({"port": 70000}, "not a port number"), ({"protocol": "sctp"}, "no protocol"),
        ({"backlog": -1}, "backlog"), ({"at_once": 0}, "at_once"), ({"patience": "long"}, "no patience"),
        ({"closes": 1}, "pass True or False"), ({"answer": "no"}, "no setting 'answer'"),
        ({"target": ("127.0.0.1", 80)}, "no setting 'target'"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_setting_is_a_sentence_and_changes_nothing(changes, said, left_alone):
    service = left_alone.service
    before, pid = dict(service.settings), service.pid
    with pytest.raises(BadInput, match=said):
        service.restart(**changes)
    assert service.settings == before
    assert service.pid == pid
    assert service.running


def test_a_forwarder_goes_nowhere_beyond_the_lab():
    with example("forwarder") as case:
        front = case.programs["front"]
        for target in (("8.8.8.8", 80), ("127.0.0.1",), "127.0.0.1:80", ("127.0.0.1", 0)):
            with pytest.raises(BadInput):
                front.restart(target=target)
        assert front.running


def test_a_seed_makes_the_same_machine_and_another_another():
    made = []
    for who in ("Ada", "Ada", "Ben"):
        with example("address", who) as case:
            made.append((case.name, case.endpoint, case.protocol, case.service.settings, case.report))
    assert made[0] == made[1]
    assert made[0] != made[2]


@pytest.mark.thorough
def test_symptoms_are_as_they_were_seen():
    found = {symptom.fault.key: symptom for symptom in detective.symptoms(detective.FAULTS)}
    assert list(found) == KEYS
    for symptom in found.values():
        assert symptom.missing == symptom.fault.missing()
        assert symptom.missing or symptom.visit.outcome in symptom.fault.finds
    assert found["taken"].log.endswith("EADDRINUSE")
    if has_stacks():
        assert found["protocol"].came == "RST, ACK"
        assert found["firewall"].came == ""
        assert found["exhausted"].came == ""
        assert found["leak"].log == "accept: EMFILE"


def test_what_a_loopback_cannot_have_is_said(on_loopback):
    missing = {one.key: one.missing() for one in detective.FAULTS if one.missing()}
    assert set(missing) >= {"exhausted", "narrow", "two-hosts", "half-open", "lossy", "astray"}
    assert all("share" in said or "IPv6" in said for said in missing.values())
    assert len(missing) < len(KEYS) / 2


@needs_namespaces
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount")
def test_where_settings_may_only_be_read_every_place_has_a_case():
    """As in a container: the nodes are real, and /proc/sys is read-only."""
    code = ("from sockets_lab.lessons import detective as d\n"
            "for place in d.PLACES:\n    with d.take(place, 'reader', aside=True) as case: case.ask()\n"
            "print([one.key for one in d.FAULTS if 'only be read' in one.missing()])")  # fmt: skip
    mounts = "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "
    done = subprocess.run(["unshare", "-m", "sh", "-c", mounts + '"$@"', "sh", sys.executable, "-c", code],
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "source-port" in done.stdout
