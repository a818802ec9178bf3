"""Doors that open to knocks, in labs of both kinds: against others' programs, captured packets, the kernels' tables."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import psutil
import pytest
from labs import KINDS
from trials import for_all

from sockets_lab.errors import BadInput
from sockets_lab.headers import TCP, UDP, Ethernet, ICMPv4, IPv4, build, checks, compose, dissect
from sockets_lab.lab import Lab, firewall, pcap
from sockets_lab.lab.capture import Captured
from sockets_lab.lessons import knocking
from sockets_lab.lessons.knocking import (
    Daemon,
    FirewallGate,
    Heard,
    Knock,
    Knockd,
    Lock,
    SocketEar,
    SocketFilterGate,
    UserspaceGate,
    debian,
    door,
    gate_at,
    kernel_gates,
    knock_daemon,
    knocker,
    place_of,
    sequence_of,
)
from sockets_lab.lessons.knocking.door import SEQUENCE
from sockets_lab.lessons.knocking.runs import tried
from sockets_lab.model import Endpoint

needs_filters = pytest.mark.skipif(sys.platform != "linux", reason="socket filters are Linux's")
RIGHT = sequence_of(SEQUENCE)


def skip_where_refused(lab, gate):
    """Loopback's firewall is not ours; and some kernels refuse ordinary users a filter on a TCP socket there."""
    try:
        gate(place_of(lab, lab.B)).close()
    except OSError as error:
        pytest.skip(f"not to be had here: {error}")


PATIENCE = 20.0  # seconds, for what is otherwise there at once
GATES = [UserspaceGate, SocketFilterGate, FirewallGate]


pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture(scope="module")
def lab():
    with knocking.three_nodes() as made:
        if made.kind != "namespaces":
            pytest.skip(made.differs)
        yield made


@pytest.fixture(scope="module")
def loopback():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOCKETS_LAB_NODES", "loopback")
        made = knocking.three_nodes()
    with made:
        if len({node.address for node in made.nodes}) < 3:
            pytest.skip("this system has one loopback address only, so all nodes are one source")
        yield made


@pytest.fixture(scope="module", params=KINDS)
def either(request):
    return request.getfixturevalue({"namespaces": "lab", "loopback": "loopback"}[request.param])


@pytest.fixture
def userspace(monkeypatch):
    """Let doors have the gate that answers at once."""
    monkeypatch.setattr(door, "gate_at", UserspaceGate)


def a_daemon(lab, sequence=SEQUENCE, **how) -> Daemon:
    return knock_daemon(place_of(lab, lab.B), sequence, **{"open_for": 600.0} | how)


def knock(lab, node, knocks, pace=0.02):
    return node.run(knocker.knock, lab.B.address, knocks, pace, node.address)


def visit(node, daemon):
    return tried(node, daemon).answer


def heard(daemon, count):
    """Wait for so many events; return what they are."""
    assert daemon.wait_for(count=count, patience=PATIENCE), daemon.events
    return [event.what for event in daemon.events]


def listening(node):
    """Return the ports at which somebody listens, as the kernel's own file has it: a witness that is not ours."""
    with open(f"/proc/{node.process}/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in list(table)[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A"}


# The door


@pytest.mark.parametrize("gate", GATES)
def test_the_right_knocks_open_for_their_source_only_and_it_shuts_again(either, gate, monkeypatch):
    skip_where_refused(either, gate)
    monkeypatch.setattr(door, "gate_at", gate)
    done = knocking.opening(either, open_for=3.0)
    shut, stranger = ("refused", "turned away") if gate is UserspaceGate else ("silence", "silence")
    assert [(when, who, visit.answer) for when, who, visit in done.visits] == [
        ("before", "A", shut), ("open", "A", "let in"), ("open", "C", stranger), ("after", "A", shut),
        ("after", "C", shut),
    ]  # fmt: skip
    assert done.visits[1][2].words == f"welcome, {either.A.address}\n".encode()
    assert [event.what for event in done.events] == ["step", "step", "opened", "shut"]
    assert {event.source for event in done.events} == {either.A.address}
    assert done.events[3].time == pytest.approx(done.events[2].time + 3.0, abs=0.001)
    assert [sent.knock for sent in done.sent] == list(done.sequence)


def test_who_tries_the_door_does_not_spoil_his_knocks(lab, userspace):
    with a_daemon(lab) as daemon:
        knock(lab, lab.A, RIGHT[:2])
        assert visit(lab.A, daemon) == "refused"
        knock(lab, lab.A, RIGHT[2:])
        assert heard(daemon, 3) == ["step", "step", "opened"]


@needs_filters
def test_a_knock_without_an_answer_is_not_repeated_by_the_kernel(lab):
    gate = SocketFilterGate(place_of(lab, lab.B))
    try:
        with lab.B.capture() as cable:
            (sent,) = knock(lab, lab.A, [gate.port], pace=1.5)
            caught = [one for one in cable.packets() if knocking.knock_in(one, lab.B.address)]
        assert (sent.answer, len(caught)) == ("silence", 1)
    finally:
        gate.close()


def test_a_cable_that_was_cut_and_mended_does_not_deafen_the_daemon(lab):
    with a_daemon(lab) as daemon:
        assert lab.B.cut() is None
        knock(lab, lab.A, RIGHT)
        assert lab.B.mend() is None
        knock(lab, lab.C, RIGHT)
        assert daemon.wait_for("opened", lab.C.address, patience=PATIENCE)


def test_the_ports_of_the_knocks_stay_closed_and_silent_ears_hear_them(lab, userspace):
    with lab.B.capture() as cable, a_daemon(lab) as daemon:
        assert [sent.answer for sent in knock(lab, lab.A, RIGHT)] == ["refused"] * 3
        assert daemon.wait_for("opened", patience=PATIENCE)
        assert listening(lab.B) == {daemon.door.port}
        packets = [(one.outgoing, dissect(one.octets)) for one in cable.packets()]
    answers = [packet.find(ICMPv4) or packet.find(TCP) for out, packet in packets if out and packet.find(IPv4)]
    assert [(layer.type, layer.code) if isinstance(layer, ICMPv4) else layer.flags for layer in answers] == [
        (3, 3), ("ACK", "RST"), ("ACK", "RST")
    ]  # fmt: skip
    assert listening(lab.B) == set()


# The gates


def test_the_userspace_gate_listens_only_while_somebody_may_come_in(lab):
    gate = UserspaceGate(place_of(lab, lab.B), 2222)
    try:
        assert (gate.port, listening(lab.B)) == (2222, set())
        for source in (lab.A.address, lab.C.address):
            gate.open_for(source)
            assert listening(lab.B) == {2222}
        gate.shut(lab.A.address)
        assert listening(lab.B) == {2222}
        gate.shut(lab.C.address)
        gate.shut(lab.C.address)
        assert listening(lab.B) == set()
        gate.open_for(lab.A.address)
        assert listening(lab.B) == {2222}
    finally:
        gate.close()
        gate.close()


@pytest.fixture
def accepted(monkeypatch):
    """The addresses whose connections a gate's program has got to see, let in or not."""
    met, meet = [], UserspaceGate._meet
    monkeypatch.setattr(UserspaceGate, "_meet", lambda gate, *caller: (met.append(caller[1]), meet(gate, *caller)))
    return met


@pytest.mark.parametrize("gate", GATES)
def test_who_is_in_stays_in_when_it_shuts(either, gate, accepted, monkeypatch):
    skip_where_refused(either, gate)
    monkeypatch.setattr(door, "gate_at", gate)
    with a_daemon(either) as daemon, either.A.socket() as client:
        knock(either, either.A, daemon.lock.sequence)
        assert daemon.wait_for("opened", patience=PATIENCE)
        client.settimeout(PATIENCE)
        client.bind((either.A.address, 0))
        client.connect(daemon.door.sockaddr)
        assert client.recv(100).startswith(b"welcome")
        daemon.gate.shut(either.A.address)  # without the lock, which still counts A as let in: so no `visit`
        again = either.A.run(knocker.visit, daemon.door, either.A.address)
        assert again.answer == ("refused" if gate is UserspaceGate else "silence")
        states = {row.state for row in either.B.table(("tcp",)) if row.remote == Endpoint.of(client.getsockname())}
        assert states == {"ESTABLISHED"}
        client.send(b"still here?")  # and the kernel at the other end takes it
        assert accepted == [either.A.address]


def test_the_firewall_holds_a_rule_for_each_who_may_come_in_and_none_afterwards(lab):
    with a_daemon(lab) as daemon:
        assert isinstance(daemon.gate, FirewallGate)
        assert [str(rule) for rule in _held(lab.B)][1:] == ["tcp dport 2222 drop"]
        knock(lab, lab.A, RIGHT)
        assert daemon.wait_for("opened", patience=PATIENCE)
        entry = f"ip saddr {lab.A.address} tcp dport 2222 accept"
        assert [str(rule) for rule in _held(lab.B)][1:] == [entry, "tcp dport 2222 drop"]
        assert (visit(lab.A, daemon), visit(lab.C, daemon)) == ("let in", "silence")
        counted = [rule.packets for rule in firewall.held(lab.B).chain("input").rules]
        assert all(counted[1:])  # the SYN of A, and that of C
        if shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin"):
            listed = lab.B.run(_nft)
            assert f"ip saddr {lab.A.address} tcp dport 2222" in listed
            assert lab.C.address not in listed
        daemon.gate.shut(lab.A.address)
        assert [str(rule) for rule in _held(lab.B)][1:] == ["tcp dport 2222 drop"]
    assert _held(lab.B) == ()


def _held(node):
    """Return the rules for what comes in to a node as its kernel holds them, without what they have counted."""
    rules = firewall.held(node).chain("input").rules
    return tuple(str(rule).replace(f"counter packets {rule.packets} bytes {rule.octets} ", "") for rule in rules)


def _nft():
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin")
    return subprocess.run([program, "list", "ruleset"], capture_output=True, text=True, check=True, timeout=20).stdout


@needs_filters
def test_the_kernel_drops_what_strangers_send_before_tcp_sees_it(lab, accepted, monkeypatch):
    monkeypatch.setattr(door, "gate_at", SocketFilterGate)
    with a_daemon(lab) as daemon:
        knock(lab, lab.A, RIGHT)
        assert daemon.wait_for("opened", patience=PATIENCE)
        with lab.B.capture() as cable:
            assert visit(lab.C, daemon) == "silence"
            seen = [(one.outgoing, dissect(one.octets).find(TCP)) for one in cable.packets()]
        assert next((out, tcp.flags) for out, tcp in seen if tcp) == (False, ("SYN",))
        assert not [tcp for out, tcp in seen if out and tcp]
        assert visit(lab.A, daemon) == "let in"
        assert accepted == [lab.A.address]


@needs_filters
def test_a_filter_is_at_hand_on_loopback_too(loopback):
    skip_where_refused(loopback, SocketFilterGate)
    gate = gate_at(place_of(loopback, loopback.B))
    gate.close()
    assert isinstance(gate, SocketFilterGate)


def test_where_filters_are_refused_the_gate_is_one_in_userspace(loopback, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "not you")

    monkeypatch.setattr(kernel_gates, "attach", refuse)
    with a_daemon(loopback) as daemon:
        assert type(daemon.gate) is UserspaceGate
        knock(loopback, loopback.A, daemon.lock.sequence)
        assert daemon.wait_for("opened", patience=PATIENCE)
        assert (visit(loopback.A, daemon), visit(loopback.C, daemon)) == ("let in", "turned away")


class Stuck:
    """A gate that the system does not let move."""

    sockets = ()
    closed = False

    def open_for(self, source):
        raise PermissionError(1, "not you")

    shut = attend = lambda *_: None

    def close(self):
        self.closed = True


class Told:
    """An ear that hears what it is told."""

    sockets = ()

    def __init__(self, *heard):
        self.heard = heard

    def hear(self):
        now, self.heard = self.heard, ()
        return now

    def close(self):
        pass


def test_what_the_system_refuses_stands_in_the_event():
    gate, now = Stuck(), time.time()
    daemon = Daemon(Told(Heard(now, "127.0.0.2", Knock(1))), Lock("1"), gate, Endpoint("127.0.0.1", 9))
    with pytest.raises(BadInput):
        daemon.wait_for("opened")  # without a thread
    (event,) = daemon.step()
    assert (event.what, event.refused.name) == ("opened", "EPERM")
    daemon.close()
    assert gate.closed


# The stand-in for ears on loopback


def test_the_stand_in_hears_in_order_and_what_a_datagram_carries(loopback):
    ear = SocketEar(place_of(loopback, loopback.B), sequence_of("7000 7000:udp 8000 9000:udp"))
    try:
        assert len(ear.sockets) == len(set(ear.sequence)) == 4
        for which in (2, 0, 3, 1, 2):
            knock(loopback, loopback.A, [ear.sequence[which]], pace=0.0)
        to = Endpoint(loopback.B.address, ear.sequence[3].port)
        loopback.A.run(knocker.send_request, to, b"words", loopback.A.address)
        came = ear.hear()
        assert {(one.knock, one.source) for one in came} == {(one, loopback.A.address) for one in ear.sequence}
        assert [one.payload for one in came if one.knock == ear.sequence[3]] == [b"", b"words"]
        assert [one.knock for one in came[:4]] == [ear.sequence[which] for which in (2, 0, 3, 1)]
        assert ear.hear() == ()
    finally:
        ear.close()


def test_the_stand_in_and_the_door_take_other_ports_where_theirs_are_taken(loopback):
    with ExitStack() as held:
        for port, kind in ((8000, socket.SOCK_STREAM), (7000, socket.SOCK_DGRAM), (2222, socket.SOCK_STREAM)):
            sock = held.enter_context(loopback.B.socket(socket.AF_INET, kind))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)  # for TIME_WAIT
            sock.bind((loopback.B.address, port))
            if kind == socket.SOCK_STREAM:
                sock.listen()
        daemon = held.enter_context(a_daemon(loopback))
        assert [one.protocol for one in daemon.lock.sequence] == ["udp", "tcp", "tcp"]
        ports = [one.port for one in daemon.lock.sequence]
        assert ports[0] != 7000 and ports[1] != 8000 and daemon.door.port != 2222  # noqa: PT018
        knock(loopback, loopback.A, daemon.lock.sequence)
        assert daemon.wait_for("opened", patience=PATIENCE)
        assert visit(loopback.A, daemon) == "let in"


# Others' programs

needs_knock = pytest.mark.skipif(shutil.which("knock") is None, reason="Debian's knock is not installed")
needs_knockd = pytest.mark.skipif(not isinstance(debian.installed("knockd"), str), reason="knockd is not installed")


def debians_knock(address, sequence, delay):
    command = ["knock", "-d", str(round(delay * 1000)), address, *map(str, sequence)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode


@needs_knock
def test_debians_knock_opens_our_door_for_the_address_from_which_it_comes(either, userspace):
    with a_daemon(either) as daemon:
        assert either.A.run(debians_knock, either.B.address, daemon.lock.sequence, 0.05) == 0
        event = daemon.wait_for("opened", patience=PATIENCE)
        assert event, daemon.events
        assert either.A.run(knocker.visit, daemon.door, event.source, PATIENCE).answer == "let in"
        assert visit(either.C, daemon) == "turned away"


@needs_knockd
def test_our_knocks_open_debians_knockd_and_wrong_ones_do_not(lab):
    held = lab.B.run(os.listdir, "/proc/self/fd")
    with Knockd(lab, lab.B, SEQUENCE) as other:
        assert other.refused is None
        knock(lab, lab.C, [RIGHT[0], RIGHT[2], RIGHT[1]])
        knock(lab, lab.A, RIGHT)
        assert other.opened_for(lab.A.address, PATIENCE)
        assert re.findall(r"(\S+): door: OPEN SESAME", other.log) == [lab.A.address]
        assert _programs(lab.B) == ["knockd"]
    assert _programs(lab.B) == []
    assert lab.B.run(os.listdir, "/proc/self/fd") == held


def test_where_debians_programs_are_missing_that_is_said(loopback, monkeypatch):
    with Knockd(loopback, loopback.B, SEQUENCE) as other:
        assert other.refused.name == "ENOSYS"
        assert not other.opened_for("127.0.0.1", 0)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert debian.installed("knockd").name == "ENOENT"


def _programs(node):
    """Name the programs that a node's process has started."""
    return [child.name() for child in psutil.Process(node.process).children()]


# The replay, and the cure


def test_replayed_packets_are_the_same_byte_for_byte_or_have_one_address_changed(lab, tmp_path):
    with lab.B.capture() as cable:
        knock(lab, lab.A, RIGHT)
        frames = knocking.overheard(cable.packets(), lab.A.address, lab.B.address)
        pcap.write(tmp_path / "knocks.pcap", frames)
        assert knocking.replay(lab, lab.C, pcap.read(tmp_path / "knocks.pcap"), own_address=False) is None
        again = [one for one in cable.wait(3, PATIENCE, lambda one: not one.outgoing) if not one.outgoing]
        assert [one.octets for one in again if dissect(one.octets).find(IPv4)] == [one.octets for one in frames]
        assert knocking.replay(lab, lab.C, frames, own_address=True) is None
        caught = cable.wait(3, PATIENCE, lambda one: knocking.knock_in(one, lab.B.address))
        own = [dissect(one.octets) for one in knocking.overheard(caught, lab.C.address, lab.B.address)]
    assert len(own) == 3
    for packet, frame in zip(own, frames, strict=True):
        assert {check.verdict for check in checks(packet)} == {"right"}
        first = dissect(frame.octets)
        layer = TCP if packet.find(TCP) else UDP
        there = first.find(layer).__dict__ | {"checksum": 0}
        assert packet.find(layer).__dict__ | {"checksum": 0} == there
        assert packet.find(IPv4).source == lab.C.address


def test_whatever_reaches_a_door_with_a_key_it_stands(either):
    key, junk = knocking.new_key(), [os.urandom(length) for length in (*range(130), 1400)]
    with knocking.key_daemon(place_of(either, either.B), key, open_for=600.0) as daemon:
        to = Endpoint(either.B.address, daemon.lock.at.port)
        either.C.run(_send_all, to, junk, either.C.address)
        heard(daemon, len(junk))
        assert {event.because for event in daemon.events} <= {"wrong length", "unknown version", "not authentic"}
        good = knocking.compose(key, either.A.address, daemon.door.port, time.time())
        either.A.run(knocker.send_request, to, good, either.A.address)
        assert daemon.wait_for("opened", either.A.address, patience=PATIENCE)


def _send_all(to, datagrams, source):
    for data in datagrams:
        knocker.send_request(to, data, source)
        time.sleep(0.001)


# The guard, and what is left


def test_whatever_crosses_the_cable_is_a_knock_or_none():
    syn = compose(Ethernet(), IPv4(destination="10.0.0.1"), TCP(destination_port=7000, syn=1))
    datagram = compose(Ethernet(), IPv4(destination="10.0.0.1"), UDP(destination_port=7000), payload=b"x")

    def check(octets, which, changes):
        for data in (octets, mutated(build(which), changes)):
            heard = knocking.knock_in(Captured(10**9, data, False, len(data)), "10.0.0.1")
            assert heard is None or (heard.time == 1.0 and 1 <= heard.knock.port <= 65535)

    def mutated(octets, changes):
        data = bytearray(octets)
        for at, change in changes:
            data[at % len(data)] ^= change
        return bytes(data)

    assert knocking.knock_in(Captured(0, build(syn), False, 54), "10.0.0.1").knock == Knock(7000)
    assert knocking.knock_in(Captured(0, build(datagram), False, 43), "10.0.0.1").payload == b"x"
    assert knocking.knock_in(Captured(0, build(syn), False, 54), "10.0.0.2") is None
    assert knocking.knock_in(Captured(0, build(syn.change(TCP, ack=1)), False, 54), "10.0.0.1") is None
    assert knocking.knock_in(Captured(0, build(syn.change(TCP, destination_port=0)), False, 54), "10.0.0.1") is None
    for_all(check, lambda st: {
        "octets": st.binary(max_size=80), "which": st.sampled_from([syn, datagram]),
        "changes": st.lists(st.tuples(st.integers(0, 60), st.integers(1, 255)), max_size=4),
    })  # fmt: skip


def test_a_replay_stays_in_the_lab(lab):
    with lab.B.capture() as cable:
        knock(lab, lab.A, "9")
        (frame,) = knocking.overheard(cable.packets(), lab.A.address, lab.B.address)
    with Lab(aside=True, A="1.2.3.4", B="1.2.3.5") as other, pytest.raises(BadInput):
        knocking.replay(other, other.A, [frame], own_address=False)


def test_knocking_leaves_nothing_in_the_table(loopback):
    with a_daemon(loopback) as daemon:
        knock(loopback, loopback.A, daemon.lock.sequence)
        assert daemon.wait_for("opened", patience=PATIENCE)
    ports = {one.port for one in daemon.lock.sequence}
    assert [row for row in loopback.A.table() if row.remote.port in ports] == []
    assert [row for row in loopback.B.table() if row.remote.address == loopback.A.address] == []


def test_a_mistake_in_a_door_opens_nothing(lab):
    for wrong in (lambda: a_daemon(lab, ""), lambda: a_daemon(lab, "1", window=-1), lambda: a_daemon(lab, "2222"),
                  lambda: knocking.key_daemon(place_of(lab, lab.B), b"short")):  # fmt: skip
        with pytest.raises(BadInput):
            wrong()


def test_a_door_whose_lab_is_gone_says_so_and_closes():
    lab = knocking.three_nodes()
    with a_daemon(lab) as daemon:
        lab.close()
        with pytest.raises((OSError, ValueError)) as told:
            daemon.wait_for("opened", patience=PATIENCE)
        assert daemon.failed is told.value
    assert daemon._thread is None
