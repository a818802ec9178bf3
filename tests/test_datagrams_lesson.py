"""Lesson 06 as a learner meets it: pictures that say what they show, a panel that the kernel feels, exercises."""

import re
import socket
import sys
from contextlib import ExitStack
from io import BytesIO

import psutil
import pytest
from matplotlib.image import imread
from using import click, picture, told

from sockets_lab.course.questions import IMPOSSIBLE, Found, pick
from sockets_lab.errors import Refused
from sockets_lab.lessons import datagrams
from sockets_lab.lessons.datagrams import BetweenNodes, Datagram, GroupRun, Loss, Round
from sockets_lab.lessons.datagrams import figure as figures
from sockets_lab.lessons.datagrams import panel as panels
from sockets_lab.lessons.datagrams.copies import ALL_GROUPS, GroupTrial
from sockets_lab.lessons.datagrams.delivery import Boundaries
from sockets_lab.lessons.datagrams.questions import CLAIMS, EXERCISES, GROUP, JOINED, PREDICTIONS
from sockets_lab.model import Endpoint

HOME = "127.0.0.1"
linux = pytest.mark.skipif(sys.platform != "linux", reason="what Linux does")
with_groups = pytest.mark.skipif(isinstance(datagrams.group_run(), Refused), reason="no groups on loopback here")


# Pictures


def test_every_datagram_stands_in_the_picture_of_the_losses() -> None:
    found = datagrams.overflow()
    drawing = figures.losses(found)
    picture(drawing)
    assert drawing.html().count("stroke-dasharray") == len(found.lost)
    assert f"Came: {', '.join(map(str, found.received))}. Lost: {len(found.lost)}." in drawing.alt
    unknown = figures.losses(Loss((31,), 100, 1, 2, 31, (), tuple(range(1, 32)), None, None))
    picture(unknown)
    assert "does not tell" in unknown.alt


def test_the_picture_of_the_bench_says_who_was_reached_and_what_waits(panel: panels.DatagramPanel) -> None:
    panel.held.connect("receiver", "sender 2")
    panel.held.connect("sender 1", "closed port")
    sent = panel.held.send("sender 2", "receiver", b"x" * 100, 60)
    drawing = figures.bench(panel.held.seats(), panel.held.nobody, sent)
    picture(drawing)
    assert "Sender 2 sent 60 datagrams to receiver; something reached receiver." in drawing.alt
    assert f"Sender 1 is descriptor {panel.held.seats()[0].descriptor}" in drawing.alt
    assert f"connected to {panel.held.nobody}" in drawing.alt
    empty = figures.bench((), None)
    picture(empty)
    assert empty.alt == "No socket is open."


def test_tables_say_what_was_measured_and_what_is_not_there() -> None:
    who = Endpoint(HOME, 9)
    cut = figures.pieces(Boundaries((b"0123456789", b"x"), 4, (Datagram(b"0123", who, True), Refused("EMSGSIZE", ""))))
    assert cut.alt.count("the rest is lost") == 2
    assert "ECONNREFUSED" in figures.silence(datagrams.closed_port(True)).alt
    assert "it hears: peer." in figures.hearing(datagrams.one_peer()).alt
    assert "EADDRNOTAVAIL" in figures.copies(Refused("EADDRNOTAVAIL", "no such address")).alt
    refused = GroupTrial(ALL_GROUPS, refused=Refused("ENOPROTOOPT", ""))
    partly = figures.copies(GroupRun(Endpoint("239.255.1.1", 1), (GroupTrial("x", (1, 1, 1, 0), 1), refused)))
    assert "ENOPROTOOPT" in partly.alt
    said = figures.loud(datagrams.everyone()).alt
    assert "EACCES" in said or sys.platform != "linux"
    assert "ENETUNREACH" in figures.loud(Refused("ENETUNREACH", "")).alt
    for table in (cut, partly):
        assert imread(BytesIO(table.png())).size


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


# The panel


def peers_seen(panel: panels.DatagramPanel) -> dict[str, tuple]:
    """Ask psutil for the remote address of each socket of the panel."""
    entries = {entry.fd: entry.raddr for entry in psutil.Process().net_connections("udp4")}
    return {seat.name: entries[seat.descriptor] for seat in panel.held.seats()}


def test_what_is_sent_waits_until_it_is_read(panel: panels.DatagramPanel) -> None:
    panel.sender.value, panel.text.value = "sender 2", "for <you>"
    assert "Something waits at receiver" in click(panel, "Send")
    said = click(panel, "Read all")
    assert "receiver received 2: 'hello' from sender 1, 'for <you>' from sender 2" in said
    assert "for &lt;you&gt;" in panel.line.value
    assert "Nothing waits" in click(panel, "Read all")
    panel.text.value = ""
    assert "1 datagram of 0 bytes" in click(panel, "Send")
    assert "'' from sender 2" in click(panel, "Read all")


@linux
def test_a_flood_overflows_the_receiver(panel: panels.DatagramPanel) -> None:
    click(panel, "Read all")
    assert "took 50 datagrams" in click(panel, "Send 50")
    dropped = int(re.search(r"Receiver is .*?, (\d+) dropped", panel.picture.alt)[1])  # type: ignore[index]
    came = int(re.search(r"receiver received (\d+)", click(panel, "Read all"))[1])  # type: ignore[index]
    assert dropped > 0
    assert dropped + came == 50


def test_connect_and_disconnect_are_felt_by_the_kernel(panel: panels.DatagramPanel) -> None:
    assert set(peers_seen(panel).values()) == {()}
    panel.target.value = "closed port"
    assert "nobody is told" in click(panel, "Send")
    assert "is connected to closed port" in click(panel, "Connect sender")
    assert "ECONNREFUSED" in click(panel, "Send")
    panel.sender.value, panel.target.value = "sender 2", "receiver"
    assert "is connected to sender 2" in click(panel, "Connect receiver")
    seen = peers_seen(panel)
    assert seen["sender 1"]
    assert seen["receiver"]
    panel.sender.value = "sender 3"
    assert "reached nobody" in click(panel, "Send")
    said = click(panel, "Disconnect both")
    if sys.platform == "linux":
        assert said == "No peer any more: sender 1, receiver."
        assert set(peers_seen(panel).values()) == {()}
        assert "No socket here is connected" in click(panel, "Disconnect both")
    panel.target.value = "group"
    assert "needs no peer" in click(panel, "Connect sender")


@with_groups
def test_members_join_and_leave(panel: panels.DatagramPanel) -> None:
    panel.target.value, panel.chosen.value = "group", "member 2"
    assert "member 1 and member 2 and member 3" in click(panel, "Send")
    assert "left the group" in click(panel, "Leave")
    assert "has left already" in click(panel, "Leave")
    assert "member 1 and member 3" in click(panel, "Send")
    assert "joined the group" in click(panel, "Join")
    assert "is in the group already" in click(panel, "Join")


def test_without_groups_the_panel_says_so(panel: panels.DatagramPanel) -> None:
    panel.held.group = Refused("EADDRNOTAVAIL", "no such address")
    panel.target.value = "group"
    for label in ("Send", "Join", "Leave"):
        assert "There are no groups" in click(panel, label)


def test_release_closes_all_and_the_next_click_begins_anew(panel: panels.DatagramPanel) -> None:
    numbers = {seat.descriptor for seat in panel.held.seats()}
    assert panel.release()
    assert not numbers & {entry.fd for entry in psutil.Process().net_connections("udp4")}
    assert panel.picture.alt == "No socket is open."
    assert not panel.release()
    assert "Something waits" in click(panel, "Send")


# The questions


def test_without_groups_every_question_still_has_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("group_run", "bystander_hears"):
        monkeypatch.setattr(datagrams, name, lambda: Refused("EADDRNOTAVAIL", "no such address"))
    assert pick(PREDICTIONS, "bystander").experiment() == IMPOSSIBLE
    assert sum("no groups (EADDRNOTAVAIL)" in told(claim)[0] for claim in CLAIMS) == 1


def check(key: str) -> Found:
    return pick(EXERCISES, key).check()


def test_a_pair_must_be_connected_both_ways(stack: ExitStack) -> None:
    undone = check("pair")
    assert not undone.done
    one, two, alone = (stack.enter_context(datagrams.bound()) for _ in range(3))
    alone.connect(alone.getsockname())  # to itself is not to each other
    one.connect(two.getsockname())
    assert check("pair") == undone
    two.connect(one.getsockname())
    assert check("pair").done
    two.close()
    assert check("pair") == undone


@with_groups
def test_the_members_must_be_exactly_as_many_as_asked_for_in_the_right_group(stack: ExitStack) -> None:
    undone = check("members")
    assert not undone.done
    with ExitStack() as wrong:
        first = wrong.enter_context(datagrams.member("239.255.255.254"))
        for _ in range(JOINED - 1):
            wrong.enter_context(datagrams.member("239.255.255.254", first.getsockname()[1]))
        assert check("members") == undone  # another group
    first = stack.enter_context(datagrams.member(GROUP))
    port = first.getsockname()[1]
    others = [stack.enter_context(datagrams.member(GROUP, port, join=False)) for _ in range(JOINED - 1)]
    stack.enter_context(first.dup())
    assert check("members") == undone  # bound there, and not joined; one of them open twice
    for sock in others:
        datagrams.join_group(sock, GROUP)
    assert check("members").done
    more = stack.enter_context(datagrams.member(GROUP, port))
    assert check("members") == undone
    more.close()
    assert check("members").done
    others[0].setsockopt(
        socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(HOME)
    )
    assert check("members") == undone
