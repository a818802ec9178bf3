"""Lesson 09 on one machine: who gets a copy, against /proc/net, captured packets and other processes; its panel."""

import os
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack, suppress
from io import BytesIO
from pathlib import Path

import pytest
from matplotlib.image import imread
from using import click, told

from sockets_lab import guard
from sockets_lab.course.questions import IMPOSSIBLE, Found, pick
from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel import machine
from sockets_lab.lessons import datagrams, groups
from sockets_lab.lessons.datagrams.sending import arrivals
from sockets_lab.lessons.groups import BetweenNodes, GroupRun, Round, copies
from sockets_lab.lessons.groups import figure as figures
from sockets_lab.lessons.groups import panel as panels
from sockets_lab.lessons.groups.copies import ALL_GROUPS, GroupTrial
from sockets_lab.lessons.groups.membership import IP_MULTICAST_ALL, send_to_group
from sockets_lab.lessons.groups.questions import CLAIMS, EXERCISES, GROUP, JOINED, PREDICTIONS
from sockets_lab.model import Endpoint

HOME = "127.0.0.1"
SOON = 10.0  # seconds; a deadline for what is otherwise done at once
linux = pytest.mark.skipif(sys.platform != "linux", reason="what Linux does")
with_groups = pytest.mark.skipif(isinstance(groups.group_run(), Refused), reason="no groups on loopback here")
pytestmark = pytest.mark.usefixtures("leaves_nothing")
JOIN = """
import socket, sys
group, port = sys.argv[1], int(sys.argv[2])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((group, port))
    member = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    sock.settimeout(10)
    print("joined", flush=True)
    print(sock.recvfrom(99), flush=True)
"""


def name_of(sock: socket.socket) -> Endpoint:
    return Endpoint.of(sock.getsockname())


def check(key: str) -> Found:
    return pick(EXERCISES, key).check()


@pytest.fixture
def own_group(monkeypatch: pytest.MonkeyPatch) -> str:
    """A group that no other test has, also where ten of them run at once."""
    monkeypatch.setenv("SOCKETS_LAB_LEARNER", str(os.getpid()))
    return machine.home_group()


@with_groups
def test_members_get_a_copy_each_and_others_none() -> None:
    run = groups.group_run()
    assert [one.what for one in run.trials] == list(copies.TRIALS)
    assert run.trial(copies.ALL_MEMBERS).copies == (1, 1, 1, 0)
    assert run.trial(copies.LEFT).copies == (1, 1, 0, 0)
    assert run.trial(copies.OTHER_GROUP).copies == (0, 0, 0, 0)
    assert run.trial(copies.ALL_MEMBERS).ttl in (1, None)
    if sys.platform == "linux":
        assert run.trial(copies.ALL_GROUPS).copies == (1, 1, 0, 1)
        assert run.trial(copies.NEAR).ttl == 0
        assert groups.bystander_hears() is True
    with pytest.raises(BadInput, match="was not tried"):
        run.trial("no such thing")


def users_on_loopback(group: str) -> int:
    """Read how many memberships /proc/net/igmp shows for a group on lo."""
    packed = f"{struct.unpack('=I', socket.inet_aton(group))[0]:08X}"
    users, interface = 0, ""
    for line in Path("/proc/net/igmp").read_text().splitlines()[1:]:
        parts = line.split()
        if not line.startswith("\t"):
            interface = parts[1]
        elif parts[0] == packed:
            assert interface == "lo", "a membership on another interface"
            users = int(parts[1])
    return users


@with_groups
@linux
def test_proc_shows_who_joined_and_only_on_loopback(own_group: str, stack: ExitStack) -> None:
    assert users_on_loopback(own_group) == 0
    first = stack.enter_context(groups.member(own_group))
    others = [stack.enter_context(groups.member(own_group, name_of(first).port)) for _ in range(3)]
    assert users_on_loopback(own_group) == 4
    groups.leave_group(others[0], own_group)
    assert users_on_loopback(own_group) == 3
    assert [groups.is_member(sock, own_group) for sock in (first, *others)] == [True, False, True, True]
    assert users_on_loopback(own_group) == 3  # asking has changed nothing


@with_groups
def test_a_member_in_another_process_gets_its_copy_too(own_group: str, stack: ExitStack) -> None:
    ours, sender = stack.enter_context(groups.member(own_group)), stack.enter_context(datagrams.bound())
    command = [sys.executable, "-c", JOIN, own_group, str(name_of(ours).port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "joined\n"
        send_to_group(sender, b"to both", name_of(ours))
        assert child.stdout.readline().strip() == repr((b"to both", sender.getsockname()))
    assert datagrams.receive(ours, wait=SOON).data == b"to both"


@with_groups
def test_a_learners_datagram_reaches_no_other_learners_group(monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    own = {}
    for who in ("1000", "1001", "1002", "ada"):
        monkeypatch.setenv("SOCKETS_LAB_LEARNER", who)
        own[who] = [machine.home_group(which) for which in range(machine.OWN_GROUPS)]
    first = stack.enter_context(groups.member(own["1000"][0]))
    port = name_of(first).port
    strangers = [
        stack.enter_context(groups.member(group, port)) for who in ("1001", "1002", "ada") for group in own[who]
    ]
    sender = stack.enter_context(datagrams.bound())
    for _ in range(5):
        send_to_group(sender, b"mine", Endpoint(own["1000"][0], port))
    assert arrivals([first, *strangers], wait=SOON) == (first.fileno(),)
    assert len(datagrams.receive_all(first)) == 5


@with_groups
@linux
def test_what_goes_to_a_group_is_seen_on_loopback_and_nowhere_else(own_group: str, stack: ExitStack) -> None:
    try:
        wire = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)))
    except OSError:
        pytest.skip("packets can be watched with privileges only")
    wire.settimeout(0.5)
    member, sender = stack.enter_context(groups.member(own_group)), stack.enter_context(datagrams.bound())
    for _ in range(3):
        send_to_group(sender, b"watched", name_of(member))
    seen = set()
    with suppress(TimeoutError):
        for _ in range(10_000):
            packet, place = wire.recvfrom(2048)
            if packet[16:20] == socket.inet_aton(own_group):
                seen.add(place[0])
                if len(datagrams.receive_all(member)) == 3:
                    wire.settimeout(0.2)
    assert seen == {"lo"}


def test_broadcast_needs_a_permission_and_reaches_who_is_bound_to_it() -> None:
    found = groups.everyone()
    if isinstance(found, Refused):
        pytest.skip(f"no broadcast on loopback here: {found.name}")
    if sys.platform == "linux":
        assert found.without.name == "EACCES"
        assert found.allowed == 11
        assert found.heard == (str(guard.EVERYONE),)
        assert found.came.data == b"to everyone"


def test_without_groups_on_loopback_all_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(19, "No such device")

    monkeypatch.setattr(copies, "member", refuse)
    monkeypatch.setattr("sockets_lab.lessons.groups.model.member", refuse)
    assert isinstance(groups.group_run(), Refused)
    assert isinstance(groups.bystander_hears(), Refused)
    panel = panels.GroupPanel()
    for label in ("Send", "Join", "Leave", "Read all"):
        assert "There are no groups" in click(panel, label)


def test_the_table_of_nodes_fits_the_page_and_says_what_was_refused() -> None:
    names, numbers = ("A", "B", "C", "D"), tuple(range(40))
    everywhere = dict.fromkeys(names, numbers)
    row = Round("again with time to live 0", numbers, None, names, everywhere, everywhere)
    group = Endpoint("239.255.1.1", 1)
    full = figures.between(BetweenNodes(group, names, (row,), 1, names, ""))
    assert imread(BytesIO(full.png())).shape[1] <= 2 * 760
    assert full.alt.endswith("came to D: 40, member; D's cable: 40.")
    lost = Round("x", (1,), Refused("ENOBUFS", ""), names, {"A": (), "B": (1,)}, None)
    some = figures.between(BetweenNodes(group, ("A", "B"), (lost,), None, None, "here all is one stack"))
    assert some.alt.endswith("sent: ENOBUFS; came to A: 0; came to B: 1.")
    assert "EADDRNOTAVAIL" in figures.between(Refused("EADDRNOTAVAIL", "no such address")).alt


@with_groups
def test_members_join_and_leave(panel: panels.GroupPanel) -> None:
    panel.chosen.value = "member 2"
    assert "member 1 and member 2 and member 3 and bystander" in click(panel, "Send")
    assert "left the group" in click(panel, "Leave")
    assert "has left already" in click(panel, "Leave")
    assert "member 1 and member 3 and bystander" in click(panel, "Send")
    assert "joined the group" in click(panel, "Join")
    assert "is in the group already" in click(panel, "Join")




def test_without_groups_every_question_still_has_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("group_run", "bystander_hears"):
        monkeypatch.setattr(groups, name, lambda: Refused("EADDRNOTAVAIL", "no such address"))
    assert pick(PREDICTIONS, "bystander").experiment() == IMPOSSIBLE
    assert sum("no groups (EADDRNOTAVAIL)" in told(claim)[0] for claim in CLAIMS) == 1


@with_groups
def test_the_members_must_be_exactly_as_many_as_asked_for_in_the_right_group(stack: ExitStack) -> None:
    undone = check("members")
    assert not undone.done
    with ExitStack() as wrong:
        first = wrong.enter_context(groups.member("239.255.255.254"))
        for _ in range(JOINED - 1):
            wrong.enter_context(groups.member("239.255.255.254", first.getsockname()[1]))
        assert check("members") == undone  # another group
    first = stack.enter_context(groups.member(GROUP))
    port = first.getsockname()[1]
    others = [stack.enter_context(groups.member(GROUP, port, join=False)) for _ in range(JOINED - 1)]
    stack.enter_context(first.dup())
    assert check("members") == undone  # bound there, and not joined; one of them open twice
    for sock in others:
        groups.join_group(sock, GROUP)
    assert check("members").done
    more = stack.enter_context(groups.member(GROUP, port))
    assert check("members") == undone
    more.close()
    assert check("members").done
    others[0].setsockopt(
        socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(HOME)
    )
    assert check("members") == undone


@with_groups
@linux
def test_the_second_socket_must_share_the_name_and_get_no_copy(stack: ExitStack) -> None:
    undone = check("deaf")
    assert not undone.done
    first = stack.enter_context(groups.member(GROUP))
    second = stack.enter_context(groups.member(GROUP, first.getsockname()[1], join=False, all_groups=None))
    assert check("deaf") == undone  # it would get a copy
    second.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
    assert check("deaf").done
    with datagrams.bound() as sender:
        send_to_group(sender, b"to the group", name_of(first))
        assert arrivals([first, second], wait=SOON) == (first.fileno(),)
    groups.join_group(second, GROUP)
    assert check("deaf") == undone


def test_tables_say_what_was_measured_and_what_is_not_there() -> None:
    assert "EADDRNOTAVAIL" in figures.copies(Refused("EADDRNOTAVAIL", "no such address")).alt
    refused = GroupTrial(ALL_GROUPS, refused=Refused("ENOPROTOOPT", ""))
    partly = figures.copies(GroupRun(Endpoint("239.255.1.1", 1), (GroupTrial("x", (1, 1, 1, 0), 1), refused)))
    assert "ENOPROTOOPT" in partly.alt
    said = figures.loud(groups.everyone()).alt
    assert "EACCES" in said or sys.platform != "linux"
    assert "ENETUNREACH" in figures.loud(Refused("ENETUNREACH", "")).alt
    assert imread(BytesIO(partly.png())).size
