"""Lesson 08 as a learner meets it: pictures that say what they show, a panel that the kernel feels, exercises."""

import re
import sys
from contextlib import ExitStack
from io import BytesIO

import psutil
import pytest
from matplotlib.image import imread
from using import click, picture

from sockets_lab.course.questions import Found, pick
from sockets_lab.errors import Refused
from sockets_lab.lessons import datagrams
from sockets_lab.lessons.datagrams import Datagram, Loss
from sockets_lab.lessons.datagrams import figure as figures
from sockets_lab.lessons.datagrams import panel as panels
from sockets_lab.lessons.datagrams.delivery import Boundaries
from sockets_lab.lessons.datagrams.questions import DROPPED, EXERCISES
from sockets_lab.model import Endpoint

HOME = "127.0.0.1"
linux = pytest.mark.skipif(sys.platform != "linux", reason="what Linux does")


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
    drawing = figures.bench(panel.held.seats(), panel.held.places["closed port"], sent)
    picture(drawing)
    assert "Sender 2 sent 60 datagrams to receiver; something reached receiver." in drawing.alt
    assert f"Sender 1 is descriptor {panel.held.seats()[0].descriptor}" in drawing.alt
    assert f"connected to {panel.held.places['closed port']}" in drawing.alt
    empty = figures.bench((), None)
    picture(empty)
    assert empty.alt == "No socket is open."


def test_tables_say_what_was_measured_and_what_is_not_there() -> None:
    who = Endpoint(HOME, 9)
    cut = figures.pieces(Boundaries((b"0123456789", b"x"), 4, (Datagram(b"0123", who, True), Refused("EMSGSIZE", ""))))
    assert cut.alt.count("the rest is lost") == 2
    assert "ECONNREFUSED" in figures.silence(datagrams.closed_port(True)).alt
    assert "it hears: peer." in figures.hearing(datagrams.one_peer()).alt
    assert imread(BytesIO(cut.png())).size


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


def test_release_closes_all_and_the_next_click_begins_anew(panel: panels.DatagramPanel) -> None:
    numbers = {seat.descriptor for seat in panel.held.seats()}
    assert panel.release()
    assert not numbers & {entry.fd for entry in psutil.Process().net_connections("udp4")}
    assert panel.picture.alt == "No socket is open."
    assert not panel.release()
    assert "Something waits" in click(panel, "Send")


# The questions


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


@linux
def test_exactly_as_many_datagrams_must_be_dropped_as_asked_for(stack: ExitStack) -> None:
    receiver, sender = stack.enter_context(datagrams.bound(buffer=4096)), stack.enter_context(datagrams.bound())
    while datagrams.drops(receiver) != DROPPED - 1:
        sender.sendto(b"x" * 100, receiver.getsockname())
    assert not check("dropped").done
    sender.sendto(b"x" * 100, receiver.getsockname())
    assert check("dropped").done
    sender.sendto(b"x" * 100, receiver.getsockname())
    assert not check("dropped").done
