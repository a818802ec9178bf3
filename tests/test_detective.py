"""Broken machines: each is broken for real, the written solutions repair it, and half a repair is none."""

import errno
import os
import select
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import nbformat
import psutil
import pytest
from labs import needs_namespaces
from rules import each
from trials import amount

from sockets_lab.course.questions import pick
from sockets_lab.errors import BadInput
from sockets_lab.headers import TCP, dissect
from sockets_lab.kernel import machine
from sockets_lab.kernel.connecting import until
from sockets_lab.lab import Lab, firewall
from sockets_lab.lab.firewall import Rule, apply, incoming
from sockets_lab.lessons import detective
from sockets_lab.lessons.detective.case import has_stacks
from sockets_lab.lessons.detective.programs import Program
from sockets_lab.lessons.detective.questions import EXERCISES

SEEDS = amount("SEEDS", 1, 2)  # learners; by hand: 20
AT_ONCE = 3
SOLUTIONS = Path(__file__).resolve().parents[1] / "notebooks" / "solutions" / "14_port_detective.ipynb"
KEYS = [fault.key for fault in detective.FAULTS]
FINDS = {  # what a bare client gets of the kernel; "" = a connection
    "taken": "", "address": "ECONNREFUSED", "protocol": "ECONNREFUSED", "time-wait": "ECONNREFUSED",
    "firewall": "EINPROGRESS", "forwarder": "", "exhausted": "EADDRNOTAVAIL", "backlog": "EINPROGRESS", "leak": "",
}  # fmt: skip


def written_solutions() -> dict:
    """Define the repairs of the solutions' notebook, as it does."""
    names: dict = {"detective": detective, "Rule": Rule, "apply": apply, "incoming": incoming}
    for cell in nbformat.read(SOLUTIONS, as_version=4).cells:
        if cell.cell_type == "code" and cell.source.startswith(("def ", "repairs = ")):
            exec(cell.source, names)
    return names["repair_of"]


def take(key: str, who: str = "tests") -> detective.Case:
    """Take a case with that fault, aside of all others."""
    place = detective.place_with(key, who)
    if place is None:
        pytest.skip(next(fault.missing() for fault in detective.FAULTS if fault.key == key))
    return detective.take(place, who, aside=True)


def take_tcp(key: str) -> detective.Case:
    """Take the first learner's case with that fault in which customers use TCP."""
    for number in range(100):
        case = take(key, f"tests {number}")
        if case.protocol == "tcp":
            return case
        case.close()
    raise AssertionError("a hundred learners, and none whose customers use TCP")


def failed(case: detective.Case) -> str:
    """Return what the machine cannot do, or ""."""
    return next((f"{step.what}: {step.because}" for step in detective.inspect(case) if not step.passed), "")


@pytest.fixture
def on_loopback(monkeypatch):
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    has_stacks.cache_clear()
    yield
    has_stacks.cache_clear()


def solve(case: detective.Case, key: str) -> str:
    """Repair a machine as the written solution does; say what went otherwise than it should."""
    if detective.inspect(case)[0].passed:
        return "worked at the start"
    written_solutions()[key](case)
    return failed(case)


def learn(key: str, who: str) -> str:
    with take(key, who) as case:
        said = solve(case, key)
    return f"{key} of {who}: {said}" if said else ""


@pytest.mark.parametrize("key", KEYS)
def test_the_written_solution_repairs_every_learners_machine(key):
    take(key).close()  # or skip
    with ThreadPoolExecutor(AT_ONCE) as learners:
        assert [said for said in learners.map(lambda n: learn(key, f"learner {n}"), range(SEEDS)) if said] == []


@pytest.mark.thorough
@pytest.mark.parametrize("key", KEYS)
def test_it_does_so_on_loopback_too_where_nobody_listens_for_the_whole_machine(key, on_loopback):
    with take(key) as case:
        assert case.lab.kind == "loopback"
        rows = [row for node in case.lab.nodes for row in case.sockets(node)]
        assert rows
        assert not [row for row in rows if row.local.is_wildcard]
        if key == "address":
            with pytest.raises(BadInput, match="every network"):
                case.service.restart(address="0.0.0.0")
        assert solve(case, key) == ""


def test_this_machines_range_of_ports_stays_as_it_is_where_a_case_has_no_stack_of_its_own(monkeypatch):
    """Nodes may be had when the lot is drawn, and not any more when the case is made."""
    before = machine.ephemeral_range()
    monkeypatch.setattr("sockets_lab.lessons.detective.faults_network.has_stacks", lambda: True)
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    place = detective.place_with("exhausted", "tests")
    assert place is not None
    with pytest.raises(BadInput, match="stays as it is"):
        detective.take(place, "tests", aside=True)
    assert machine.ephemeral_range() == before


@pytest.mark.thorough
@needs_namespaces
@each(FINDS)
def test_a_bare_client_finds_it_broken_too(key):
    with take_tcp(key) as case, case.A.socket(type=socket.SOCK_STREAM) as client:
        client.settimeout(0.6)
        try:
            client.connect(case.endpoint.sockaddr)
            found = ""
            client.settimeout(0.6 if key == "leak" else 20)
            client.sendall(b"order\n")
            assert client.recv(100) != f"{case.answer}\n".encode()
        except TimeoutError:
            found = "" if key == "leak" else "EINPROGRESS"
        except ConnectionResetError:
            found = ""
        except OSError as error:
            found = errno.errorcode[error.errno or 0]
        assert found == FINDS[key]


@pytest.mark.thorough
@needs_namespaces
def test_a_hoarder_leaves_no_port():
    for number in range(8):
        with take("exhausted", f"tests {number}") as case:
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


def test_every_learner_has_every_fault_in_an_order_of_its_own():
    here = {fault.key for fault in detective.FAULTS if not fault.missing()}
    orders = set()
    for who in ("Ada", "Ben", "Cleo", "Dan"):
        order = tuple(detective.fault_of(place, who).key for place in detective.PLACES)
        assert set(order) == here
        assert order == tuple(detective.fault_of(place, who).key for place in detective.PLACES)
        orders.add(order)
    assert len(orders) == 4
    with pytest.raises(BadInput, match="no case 'moon'"):
        detective.take("moon")


@each(
    [
        ("leak", lambda case: case.service.restart(), "the next one finds: no answer"),
        ("leak", lambda case: case.service.restart() or case.service.settings.update(descriptors=200) or
         case.service.restart(), "holds more descriptors"),
        ("backlog", lambda case: end_all_at_a(case) or until(lambda: case.ask().served, 20), "say nothing"),
        ("firewall", lambda case: firewall.clear(case.B), "is open now"),
        ("exhausted", lambda case: end_all_at_a(case), "no port left"),
        ("taken", lambda case: case.service.restart(), "another answer"),
    ]
)  # fmt: skip
def test_half_a_repair_is_none(key, half, because):
    with take(key) as case:
        half(case)
        assert because in failed(case)


def end_all_at_a(case: detective.Case) -> None:
    for pid in {owner.pid for row in case.sockets(case.A) for owner in row.owners or ()}:
        case.end(pid)


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
        written_solutions()[detective.fault_of("bakery").key](case)
        assert task.check().done
        with detective.take("library"):
            assert case.closed
            assert not task.check().done


def test_a_machine_is_gone_with_all_its_processes():
    with take("taken") as case:
        processes = [psutil.Process(program.pid) for program in case.programs.values() if program.running]
        assert processes
        assert all(process.is_running() for process in processes)
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_the_owner_of_a_port_is_the_program_of_that_name():
    with take("taken") as case:
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
    with take("address") as case:
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
    with take("forwarder") as case:
        front = case.programs["front"]
        for target in (("8.8.8.8", 80), ("127.0.0.1",), "127.0.0.1:80", ("127.0.0.1", 0)):
            with pytest.raises(BadInput):
                front.restart(target=target)
        assert front.running


def test_a_seed_makes_the_same_machine_and_another_another():
    made = []
    for who in ("Ada", "Ada", "Ben"):
        with take("address", who) as case:
            made.append((case.name, case.endpoint, case.protocol, case.service.settings))
    assert made[0] == made[1]
    assert made[0] != made[2]


@pytest.mark.thorough
def test_symptoms_are_as_they_were_seen():
    found = {symptom.fault.key: symptom for symptom in detective.symptoms()}
    assert list(found) == KEYS
    for key, symptom in found.items():
        if symptom.missing:
            assert key not in [fault.key for fault in detective.FAULTS if not fault.missing()]
            continue
        assert not symptom.visit.served
    assert found["taken"].log.endswith("EADDRINUSE")
    if has_stacks():
        assert found["protocol"].came == "RST, ACK"
        assert found["firewall"].came == ""
        assert found["exhausted"].came == ""
        ((_, row),) = found["backlog"].listeners
        assert row.receive_queue > row.send_queue
        assert found["leak"].log == "accept: EMFILE"


def test_clues_are_there_for_every_fault():
    for place in detective.PLACES:
        assert detective.clue(place) != detective.clue(place, 2)
    with pytest.raises(BadInput, match="no clue 3"):
        detective.clue("bakery", 3)
