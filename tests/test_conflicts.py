"""Pairs of claims, held against plain sockets, against the rule in the kernel's source, and against ss and psutil."""

import errno
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from itertools import product

import psutil
import pytest
from leaks import nothing_left
from rules import each

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel import table
from sockets_lab.lessons import conflicts
from sockets_lab.lessons.conflicts import (
    LISTENING,
    PAIRS,
    PROTOCOLS,
    SIDES,
    BindRequest,
    CallStep,
    Requester,
    SecondProgram,
    Trial,
    matrix,
    reason,
    stage,
    subprocess_peer,
)
from sockets_lab.lessons.conflicts.pairs import _trial
from sockets_lab.model import Endpoint

linux = pytest.mark.skipif(sys.platform != "linux", reason="says what Linux does; other systems differ")
has_reuse_port = pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="this system has no SO_REUSEPORT")
IN_USE = Refused("EADDRINUSE", "")


def can_bind(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def by_hand(first: BindRequest, second: BindRequest) -> str:
    """Stage a pair once, with nothing but `socket`; return the outcome's ending."""
    sockets, port = [], 0
    try:
        for number, claim in enumerate((first, second), 1):
            family = socket.AF_INET6 if ":" in claim.address else socket.AF_INET
            kind = socket.SOCK_STREAM if claim.protocol == "tcp" else socket.SOCK_DGRAM
            step = f"open {number}"
            sockets.append(socket.socket(family, kind))
            if family == socket.AF_INET6:
                sockets[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, claim.ipv6_only)
            if claim.reuse_address:
                sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if claim.reuse_port:
                sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            step = f"bind {number}"
            sockets[-1].bind((claim.address, port))
            port = sockets[-1].getsockname()[1]
            if claim.listens == "before":
                step = f"listen {number}"
                sockets[-1].listen()
        for number, claim in enumerate((first, second), 1):
            if claim.listens == "after":
                step = f"listen {number}"
                sockets[number - 1].listen()
    except OSError:
        return step
    else:
        return "all worked"
    finally:
        for sock in sockets:
            sock.close()


def linux_rule(first: BindRequest, second: BindRequest) -> str:
    """What net/ipv4/inet_connection_sock.c and udp.c decide, for sockets of one user that are bound to no device."""

    def conflict(new: BindRequest, old: BindRequest, old_listens: bool) -> bool:
        addresses = {new.address, old.address}
        dual = any(claim.address == "::" and not claim.ipv6_only for claim in (new, old))
        one_family = len({":" in address for address in addresses}) == 1
        meet = (one_family and (len(addresses) == 1 or addresses & {"0.0.0.0", "::"})) or (not one_family and dual)
        if new.protocol != old.protocol or not meet:
            return False
        if new.reuse_address and old.reuse_address and not old_listens:
            return False
        return not (new.reuse_port and old.reuse_port)

    if conflict(second, first, first.listens == "before"):
        return "bind 2"
    if first.listens == "after" and conflict(first, second, second.listens == "before"):
        return "listen 1"
    return "listen 2" if second.listens == "after" and conflict(second, first, first.listens != "no") else "all worked"


@pytest.fixture(autouse=True)
def _nothing_left():
    table.holders(Endpoint("127.0.0.1", 1))  # what the first use of the table keeps open
    with nothing_left():
        yield


@each(["no", "before"])
def test_one_holder_an_address_and_port_is_the_rule(listens):
    outcome = stage(BindRequest(listens=listens), BindRequest(listens=listens))
    assert outcome.ending == "bind 2"
    assert outcome.refused.refused.name == "EADDRINUSE"
    assert [step.refused for step in outcome.steps[:-1]] == [None] * (len(outcome.steps) - 1)
    assert not outcome.disturbed
    assert "127.0.0.1" in reason(outcome)


@has_reuse_port
@linux
def test_reuse_port_on_both_lets_both_listen():
    both = BindRequest(reuse_port=True, listens="before")
    assert [str(step) for step in stage(both, both).steps] == [
        "bind 1: worked", "listen 1: worked", "bind 2: worked", "listen 2: worked",
    ]  # fmt: skip


def test_steps_come_in_the_order_that_the_claims_ask_for():
    late = BindRequest(protocol="tcp", listens="after")
    names = [step.name for step in stage(late, BindRequest(address="::1", listens="after")).steps]
    assert names[:2] == ["bind 1", "bind 2"] if can_bind("::1") else names[0] == "bind 1"
    if can_bind("127.0.0.2"):
        other = BindRequest(address="127.0.0.2", listens="before")
        assert [step.name for step in stage(late, other).steps] == ["bind 1", "bind 2", "listen 2", "listen 1"]


def test_a_datagram_socket_cannot_listen_and_the_rest_goes_on():
    outcome = stage(BindRequest(protocol="udp", listens="before"), BindRequest())
    assert [(step.name, step.refused is None) for step in outcome.steps] == [
        ("bind 1", True), ("listen 1", False), ("bind 2", True),
    ]  # fmt: skip
    assert outcome.refused.refused.name in ("EOPNOTSUPP", "EINVAL")  # by name, whatever the number
    assert "never came to a conflict" in reason(outcome)


SAMPLE = [
    (BindRequest(), BindRequest(address="127.0.0.2")),
    (BindRequest(address="0.0.0.0"), BindRequest()),
    (BindRequest(), BindRequest(address="0.0.0.0")),
    (BindRequest(), BindRequest(protocol="udp")),
    (BindRequest(protocol="udp", reuse_address=True), BindRequest(protocol="udp", reuse_address=True)),
    (BindRequest(reuse_address=True), BindRequest(reuse_address=True)),
    (BindRequest(reuse_address=True, listens="before"), BindRequest(reuse_address=True)),
    (BindRequest(reuse_address=True, listens="after"), BindRequest(reuse_address=True, listens="after")),
    (BindRequest(address="::"), BindRequest(address="0.0.0.0")),
    (BindRequest(address="::", ipv6_only=True), BindRequest(address="0.0.0.0")),
    (BindRequest(address="::1"), BindRequest()),
]


@pytest.mark.thorough
@pytest.mark.parametrize("two_programs", [False, True])
@pytest.mark.parametrize("pair", SAMPLE, ids=lambda pair: " + ".join(map(str, pair)))
def test_the_kernel_says_the_same_to_plain_sockets(pair, two_programs):
    if not all(can_bind(claim.address) for claim in pair):
        pytest.skip("an address of this pair cannot be bound here")
    by_plain_sockets = Counter(by_hand(*pair) for _ in range(5)).most_common(1)[0][0]  # most: a stranger may disturb
    assert stage(*pair, two_programs=two_programs).ending == by_plain_sockets


def test_the_matrix_is_whole_and_each_cell_holds_its_own_trial():
    cells = matrix()
    names = {(c.protocols, c.pair, c.listening, c.reuse_address, c.reuse_port) for c in cells}
    every = set(product(PROTOCOLS, PAIRS, LISTENING, SIDES, SIDES))
    assert len(cells) == len(names) == 784
    assert names == {name for name in every if name[0] != "UDP" or name[2] == "no"}
    for cell in cells:
        outcome = cell.outcome
        assert [outcome.first.protocol, outcome.second.protocol] == list(PROTOCOLS[cell.protocols])
        assert [outcome.first.reuse_address, outcome.second.reuse_address] == list(SIDES[cell.reuse_address])
        assert [outcome.first.reuse_port, outcome.second.reuse_port] == list(SIDES[cell.reuse_port])
        assert not outcome.disturbed
        assert reason(outcome).endswith(".")
        if outcome.refused is None:
            assert outcome.steps[-1].refused is None


@linux
def test_the_matrix_agrees_with_the_rule_in_the_kernels_source():
    cells = [
        cell for cell in matrix() if can_bind(cell.outcome.first.address) and can_bind(cell.outcome.second.address)
    ]
    wrong = [cell for cell in cells if cell.outcome.ending != linux_rule(cell.outcome.first, cell.outcome.second)]
    assert len(cells) > 16 * 7
    assert wrong == []
    assert not [cell for cell in cells if "other than Linux's" in reason(cell.outcome)]


def test_the_matrix_can_be_measured_in_part():
    cells = matrix(protocols=["UDP"], pairs=["same address"], listening=["no"])
    assert [(cell.reuse_address, cell.reuse_port) for cell in cells] == list(product(SIDES, SIDES))
    with pytest.raises(BadInput, match="'SCTP' is not in the matrix"):
        matrix(protocols=["SCTP"])


def test_who_holds_the_port_is_told_with_both_programs():
    both = BindRequest(reuse_port=hasattr(socket, "SO_REUSEPORT"), listens="before")
    with Requester() as one, SecondProgram() as two:
        _, port = conflicts.play((one, two), (both, both))
        rows = conflicts.who_holds(both, both, port)
        second = psutil.Process(two.pid).net_connections()
        if rows and all(row.owners is not None for row in rows):
            found = {(owner.pid, owner.descriptor) for row in rows for owner in row.owners}
            assert (os.getpid(), one.sock.fileno()) in found
            assert {(two.pid, c.fd) for c in second if c.status == "LISTEN" and c.laddr.port == port} == found - {
                (os.getpid(), one.sock.fileno())
            }
    assert stage(BindRequest(listens="before"), BindRequest(), owners=True).holders or not rows


def test_a_stranger_on_the_number_is_noticed():
    """The first claim gets a number that a stranger holds on the second one's address."""
    if not can_bind("127.0.0.2"):
        pytest.skip("this system has one loopback address only")
    plan = conflicts.Outcome(first=BindRequest(), second=BindRequest(address="127.0.0.2"))
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.2", 0))

        class Unlucky(Requester):
            def bind(self, port: int) -> int | Refused:
                return super().bind(port or stranger.getsockname()[1])

        with Unlucky() as one, Requester() as two:
            disturbed = _trial(one, two, plan)
        assert disturbed.ending == "bind 2"
        assert disturbed.disturbed
    assert stage(plan.first, plan.second).ending == "all worked"


@pytest.mark.thorough
def test_a_refusal_counts_when_two_undisturbed_trials_agree():
    refused, other = (Trial(steps=(CallStep("bind", number, IN_USE),)) for number in (2, 1))
    strange = Trial(steps=refused.steps, disturbed=True)
    trials = iter([strange, refused, strange, other, refused, refused, Trial()])
    assert conflicts.settled(lambda: next(trials)) == refused
    assert next(trials) == Trial()
    assert conflicts.settled(lambda: strange).disturbed


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be halted here")
def test_a_second_program_that_never_answers_is_ended(monkeypatch):
    monkeypatch.setattr(subprocess_peer, "LOOKS", 0.05)
    with SecondProgram() as program:
        assert program.open(BindRequest()) is None
        monkeypatch.setattr(subprocess_peer, "DEADLINE", 1.0)
        os.kill(program.pid, signal.SIGSTOP)
        with pytest.raises(ChildProcessError, match="did not answer before the deadline"):
            program.bind(0)
    assert not psutil.pid_exists(program.pid)


def test_the_second_program_outlives_the_stop_button_and_owes_no_answer_after_it(monkeypatch):
    def pressed():
        raise KeyboardInterrupt

    with SecondProgram() as program:
        assert os.name != "posix" or os.getsid(program.pid) != os.getsid(0)  # Jupyter signals the kernel's whole group
        assert program.open(BindRequest()) is None
        monkeypatch.setattr(program._process.stdin, "flush", pressed)
        with pytest.raises(KeyboardInterrupt):
            program.bind(0)
        monkeypatch.undo()
        with pytest.raises(ChildProcessError):
            program.bind(0)


def test_the_second_program_is_one_and_ends():
    with SecondProgram() as program:
        assert program.pid != os.getpid()
        assert program.open(BindRequest()) is None
        port = program.bind(0)
        with socket.socket() as mine, pytest.raises(OSError, match=r".") as refused:
            mine.bind(("127.0.0.1", port))
        assert errno.errorcode[refused.value.errno].endswith(("EADDRINUSE", "EACCES"))
        os.kill(program.pid, 9 if os.name == "posix" else 15)
        with pytest.raises(ChildProcessError):
            program.listen()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to be another user for once")
@linux
def test_another_user_is_refused_and_told_no_owner():
    script = (
        "import os, sys; from sockets_lab import conflicts, table\n"
        "from sockets_lab.lessons.conflicts import BindRequest, Requester\n"
        "from sockets_lab.model import Endpoint\n"
        "port = int(sys.argv[1]); table.holders(Endpoint('127.0.0.1', port)); os.setgroups([]); os.setuid(65534)\n"
        "steps, _ = conflicts.play([Requester()], [BindRequest(reuse_port=True, reuse_address=True)], port)\n"
        "print(steps[-1].refused.name, [row.owners for row in conflicts.who_holds(BindRequest(), BindRequest(), port)])"
    )
    with socket.socket() as mine:
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        mine.bind(("127.0.0.1", 0))
        mine.listen()
        command = [sys.executable, "-c", script, str(mine.getsockname()[1])]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.stdout.split("\n")[0] == "EADDRINUSE [None]", answer.stderr


def test_what_this_system_lacks_is_a_result(monkeypatch):
    monkeypatch.delattr(socket, "SO_REUSEPORT", raising=False)
    outcome = stage(BindRequest(reuse_port=True), BindRequest())
    assert [(step.name, step.refused.name) for step in outcome.steps] == [("open 1", "ENOPROTOOPT")]
    assert outcome.port is None


@each(
    [
        ({"protocol": "sctp"}, "'tcp' or 'udp'"),
        ({"address": "192.0.2.1"}, "loopback"),
        ({"address": "localhost"}, "in numbers"),
        ({"listens": True}, "'before' or 'after'"),
        ({"ipv6_only": True}, "IPv6 address"),
    ]
)
def test_a_callers_mistake_says_what_to_pass(wrong, says):
    with pytest.raises(BadInput, match=says):
        BindRequest(**wrong)


def test_what_other_systems_do_is_told_with_its_source():
    assert {"Linux", "Windows"} < {place.system for place in conflicts.ELSEWHERE}
    assert all(place.says.endswith(".") and place.source for place in conflicts.ELSEWHERE)
