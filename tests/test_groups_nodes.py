"""Lesson 09 between nodes, against other witnesses: the kernels' own counters and lists, and scapy on the cables."""

import os
import socket
from contextlib import ExitStack
from threading import Thread
from typing import Any

import pytest
from labs import open_lab

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel import machine
from sockets_lab.lab import Lab, Node
from sockets_lab.lessons import groups as lesson
from sockets_lab.lessons.groups import BetweenNodes, ends, rounds
from sockets_lab.lessons.groups import figure as figures
from sockets_lab.lessons.groups import questions as course

PLAN = {"A": "10.20.30.40", "B": "50.60.70.80", "C": "90.100.110.120", "D": "130.140.150.160"}
SOON = 10.0  # seconds; a deadline for what is otherwise done at once
MANY = 40
CAME = {
    rounds.JOINED: "BC", rounds.LEFT: "B", rounds.NEAR: "B", rounds.OWN: "AB", rounds.OWN_NEAR: "A",
    rounds.NO_LOOP: "B", rounds.EVERYONE: "ABCD",
}  # fmt: skip
with_groups = pytest.mark.skipif(isinstance(lesson.group_run(), Refused), reason="no groups on loopback here")


pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture
def lab(stack: ExitStack) -> Lab:
    return stack.enter_context(open_lab(**PLAN))


@pytest.fixture
def loopback(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    return stack.enter_context(Lab(**PLAN, fallback=True))


def played(lab: Lab, **how: Any) -> BetweenNodes:
    found = lesson.between(lab, **how)
    assert isinstance(found, BetweenNodes), found
    return found


def counters(node: Node) -> dict[str, int]:
    """Read what a node's kernel has counted, from the files that netstat -s reads."""

    def read() -> dict[str, int]:
        found = {}
        for name in ("/proc/net/snmp", "/proc/net/netstat"):
            with open(name) as file:
                lines = [line.split() for line in file]
            for names, values in zip(lines[::2], lines[1::2], strict=True):
                found |= {names[0] + one: int(value) for one, value in zip(names[1:], values[1:], strict=True)}
        return found

    counted: dict[str, int] = node.run(read)
    return counted


def groups_of(node: Node) -> set[str]:
    """Read which groups a node's cable end has joined, from the list that `ip maddress` shows."""

    def read() -> set[str]:
        with open("/proc/net/igmp") as file:
            told = file.read().split("eth0", 1)[1].splitlines()[1:]
        return {socket.inet_ntoa(bytes.fromhex(line.split()[0])[::-1]) for line in told if line.startswith("\t\t")}

    joined: set[str] = node.run(read)
    return joined


def test_forty_datagrams_come_to_each_node_that_joined_and_none_is_lost(lab: Lab) -> None:
    found = played(lab)
    assert len(found.round(rounds.JOINED).sent) == MANY
    for one in found.rounds:
        assert one.refused is None
        for name, numbers in one.came.items():
            assert sorted(numbers) == (list(one.sent) if name in CAME[one.what] else []), (one.what, name)
    members = {one.what: "".join(one.members or ()) for one in found.rounds}
    assert list(members.values()) == ["BC", "B", "B", "AB", "AB", "AB", ""]
    assert (found.ttl, found.announced, found.differs) == (1, ("A", "B", "C"), "")
    assert found.round(rounds.LEFT).missing("C") == found.round(rounds.LEFT).sent


def test_the_kernels_counters_say_the_same(lab: Lab) -> None:
    found = played(lab)
    for node in lab.nodes:
        told = counters(node)
        assert told["Udp:InDatagrams"] == sum(len((one.came or {})[node.name]) for one in found.rounds)
        assert told["Udp:InErrors"] == told["Udp:RcvbufErrors"] == 0
        assert not node.table(("udp",)), "a socket is still open"
    assert counters(lab.D)["IpExt:InMcastPkts"] == 0, "who never joined does not take the packets in"
    assert counters(lab.B)["IpExt:InMcastPkts"] >= MANY
    assert counters(lab.A)["Udp:OutDatagrams"] == sum(len(one.sent) for one in found.rounds)


def test_the_switch_carries_a_groups_packets_to_every_node(lab: Lab) -> None:
    scapy = pytest.importorskip("scapy.all", reason="needs scapy: pip install -r tests/requirements.txt")
    with lab.A.capture() as at_sender, lab.D.capture() as at_bystander:
        found = played(lab)
        sent, came = (
            [scapy.Ether(one.octets) for one in cable.packets()] for cable in (at_sender, at_bystander)
        )  # fmt: skip
    for name, packets in (("A", sent), ("D", came)):
        ours = [one for one in packets if scapy.UDP in one and one[scapy.IP].dst == found.group.address]
        numbers = tuple(int(bytes(one[scapy.UDP].payload)) for one in ours)
        told = [(one.carried or {})[name] for one in found.rounds if one.what != rounds.EVERYONE]
        assert numbers == sum(told, ())
        assert len(numbers) >= MANY
        third, fourth = (int(part) for part in found.group.address.split(".")[2:])
        for one in ours:  # RFC 1112 section 6.4: the group's low 23 bits behind 01:00:5e
            assert one[scapy.Ether].dst == f"01:00:5e:7f:{third:02x}:{fourth:02x}"
            expected = 0 if int(bytes(one[scapy.UDP].payload)) in found.round(rounds.NEAR).sent else 1
            assert one[scapy.IP].ttl == expected
    everyone = [one for one in came if scapy.UDP in one and one[scapy.IP].dst == "255.255.255.255"]
    assert len(everyone) == len(found.round(rounds.EVERYONE).sent)
    assert {one[scapy.Ether].dst for one in everyone} == {"ff:ff:ff:ff:ff:ff"}


def test_each_kernel_lists_the_group_just_as_long_as_a_socket_is_a_member(lab: Lab, stack: ExitStack) -> None:
    group = machine.home_group()
    sock = stack.enter_context(lab.B.socket(type=socket.SOCK_DGRAM))
    packed = socket.inet_aton(group) + socket.inet_aton(lab.B.address)
    assert group not in groups_of(lab.B)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, packed)
    assert group in groups_of(lab.B)
    assert lab.B.run(ends.in_group, group) is True
    for node in (lab.A, lab.C, lab.D):
        assert group not in groups_of(node)
        assert node.run(ends.in_group, group) is False
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, packed)
    assert group not in groups_of(lab.B)


def test_what_a_cut_cable_does_not_bring_is_missing(lab: Lab) -> None:
    assert lab.C.cut() is None
    found = played(lab, count=7)
    first = found.round(rounds.JOINED)
    assert first.missing("C") == first.sent == tuple(range(1, 8))
    assert first.missing("B") == ()
    assert (first.carried or {})["C"] == ()


@pytest.mark.parametrize("learners", [("a", "b"), ("a", "a")], ids=["own groups", "one group"])
def test_no_datagram_of_one_lab_reaches_another_labs_group(
    learners: tuple[str, str], stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = (stack.enter_context(open_lab(**PLAN)) for _ in range(2))
    groups = []
    for learner in learners:
        monkeypatch.setenv("SOCKETS_LAB_LEARNER", learner)
        groups.append(machine.home_group())
    assert len(set(groups)) == len(set(learners))
    number, port = there.B.run(ends.open_member, groups[1], 0, True, None)
    cables = [stack.enter_context(node.capture()) for node in there.nodes]
    listening = Thread(target=lambda: got.append(played(there, group=groups[1], port=port)))
    got: list[BetweenNodes] = []
    listening.start()  # both at once, and at the same port
    found = played(here, group=groups[0], port=port)
    listening.join(6 * SOON)
    assert len(got) == 1
    for one in (found, *got):
        assert sorted((one.round(rounds.JOINED).came or {})["C"]) == list(range(1, MANY + 1))
    for cable in cables:
        cable.packets()
    mine = here.A.run(ends.send_to_members, here.A.address, found.group, range(1000, 1040), 1, True)
    assert mine == (tuple(range(1000, 1040)), None)
    came = there.B.run(ends.collect, number, None, 0.3)
    assert not [one for one in came if len(one.data) == 4]
    assert len(came) >= MANY, "it heard its own lab"
    for cable in cables:
        assert not [one for one in cable.packets() if one.octets[-4:] in {b"%d" % n for n in mine[0]}]


@with_groups
def test_on_loopback_a_learners_datagram_never_reaches_another_learners_group(
    loopback: Lab, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = stack.enter_context(Lab(**PLAN, fallback=True))
    groups = []
    for learner in ("a", str(os.getpid())):
        monkeypatch.setenv("SOCKETS_LAB_LEARNER", learner)
        groups.append(machine.home_group())
    number, port = other.B.run(ends.open_member, groups[0], 0, True, None)
    stack.callback(other.B.run, ends.close, number)
    found = played(loopback, group=groups[1], port=port)
    assert sorted((found.round(rounds.JOINED).came or {})["B"]) == list(range(1, MANY + 1))
    assert other.B.run(ends.collect, number, None, 0.2) == ()


@with_groups
def test_on_loopback_the_nodes_share_one_stack_and_say_so(loopback: Lab) -> None:
    found = played(loopback)
    came = found.round(rounds.JOINED).came or {}
    assert [len(came[name]) for name in "BC"] == [MANY, MANY]
    assert [len((found.round(rounds.LEFT).came or {})[name]) > 0 for name in "BC"] == [True, False]
    assert found.announced is None
    assert found.round(rounds.JOINED).carried is None
    assert "share its one stack" in found.differs
    hears = lesson.bystander_hears()
    assert (len(came["D"]) == MANY) is hears  # as any other socket of this machine


def test_the_experiments_of_one_machine_work_in_a_node_too(lab: Lab) -> None:
    found = lab.A.run(lesson.group_run)
    assert [one.copies for one in found.trials] == [
        (1, 1, 1, 0), (1, 1, 0, 0), (0, 0, 0, 0), (1, 1, 0, 1), (1, 1, 0, 0), (0, 0, 0, 0),
    ]  # fmt: skip
    assert lab.A.run(lesson.bystander_hears) is True
    assert lab.A.run(lesson.everyone).heard == ("127.255.255.255",)


def test_the_table_has_every_count_and_who_was_a_member(lab: Lab) -> None:
    said = figures.between(played(lab)).alt
    assert "two nodes have joined; sent: 40; came to A: 0; came to B: 40, member; came to C: 40, member;" in said
    assert "again with time to live 0; sent: 5; came to A: 5, member; came to B: 0, member;" in said
    assert said.endswith("came to D: 5; D's cable: 5.")


def test_the_question_and_the_claim_are_measured_between_nodes(lab: Lab) -> None:
    question = next(one for one in course.PREDICTIONS if one.key == "elsewhere")
    assert question.experiment() == "no"
    claim = next(one for one in course.CLAIMS if "several nodes" in one.text)
    text, verdict = claim.measure()
    assert "40 and 40 came to nodes B and C, who had to join, and none to D" in text
    assert verdict == "true here"


@with_groups
def test_the_question_and_the_claim_on_loopback_say_what_holds_there(loopback: Lab) -> None:
    question = next(one for one in course.PREDICTIONS if one.key == "elsewhere")
    assert question.experiment() == ("yes" if lesson.bystander_hears() else "no")
    claim = next(one for one in course.CLAIMS if "several nodes" in one.text)
    assert "here two addresses of one machine" in claim.measure()[0]


def test_too_few_nodes_and_too_many_datagrams_are_refused(lab: Lab, stack: ExitStack) -> None:
    for count in (0, 101, True, 1.5):
        with pytest.raises(BadInput, match="from 1 to 100"):
            lesson.between(lab, count)  # type: ignore[arg-type]
    two = stack.enter_context(Lab(A="10.20.30.40", B="50.60.70.80"))
    with pytest.raises(BadInput, match="three or more"):
        lesson.between(two)
    with pytest.raises(BadInput, match=r"239\.255"):
        lesson.between(lab, group="224.0.0.1")
    with pytest.raises(BadInput, match="was not tried"):
        played(lab, count=1).round("a seventh")
