"""Lesson 05 as a learner meets it: pictures that say what they show, a panel that the kernel feels, exercises."""

import re
import socket
import time
from contextlib import ExitStack, nullcontext
from io import BytesIO

import psutil
import pytest
from matplotlib.image import imread
from using import click, picture

from sockets_lab.course.questions import IMPOSSIBLE, Found, pick
from sockets_lab.errors import Refused
from sockets_lab.kernel import machine, table
from sockets_lab.lessons import fourtuples
from sockets_lab.lessons.fourtuples import (
    BacklogRun,
    ConnectCost,
    Connection,
    Crowd,
    Delivery,
    Exhaustion,
    Listener,
    QueueStep,
    questions,
)
from sockets_lab.lessons.fourtuples import panel as panels
from sockets_lab.lessons.fourtuples.figure import both_ends
from sockets_lab.lessons.fourtuples.figure_limits import cost_of_connect, price, queue_steps, range_used_up
from sockets_lab.lessons.fourtuples.questions import ACCEPTED, EXERCISES, WAITING
from sockets_lab.model import Endpoint, FourTuple, SocketRow

HOME = "127.0.0.1"
netlink = pytest.mark.skipif(table.source() != "netlink", reason="only netlink tells inodes and queues")
share = getattr(socket, "SO_REUSEPORT", socket.SO_REUSEADDR)


# Pictures


@netlink
def test_the_picture_says_who_woke_who_waits_and_who_found_no_room() -> None:
    with Listener(backlog=1) as listener:
        for _ in range(2):
            listener.add_client()
            listener.accept()
        for _ in range(3):
            listener.add_client(wait=0.1)
        listener.send(3, b"seven b", wait=0)
        sent = listener.send(2, b"hello")
        assert isinstance(sent, Delivery)
        woken = listener.connection(2).server
        drawing = both_ends(listener.row(), listener.descriptor, listener.connections(), sent)
        assert f"named {listener.endpoint}; 2 wait for accept, backlog 1" in drawing.alt
        assert f"descriptor {woken.descriptor}, which woke" in drawing.alt
        assert drawing.alt.count("which woke") == drawing.html().count(">wakes<") == 1
        assert "no descriptor, 7 bytes unread" in drawing.alt
        assert "SYN_SENT" in drawing.alt
        assert "not in the table" in drawing.alt
        back = listener.send(1, b"hello", from_server=True)
        assert isinstance(back, Delivery)
        answered = both_ends(listener.row(), listener.descriptor, listener.connections(), back)
        assert f"descriptor {listener.connection(1).client.descriptor}, which woke" in answered.alt
    picture(drawing)
    picture(answered)
    assert both_ends(None, None, ()).alt == "No listener is open. No client is here."
    picture(both_ends(None, None, ()))


def test_a_long_address_stays_inside_the_picture() -> None:
    local, remote = Endpoint("127.127.127.127", 65535), Endpoint("127.127.127.126", 65534)
    end = fourtuples.ConnectionEnd(FourTuple(local, remote), 1048575, None)
    row = SocketRow("tcp", local, remote, "ESTABLISHED", 65536, 0, 1)
    other = fourtuples.ConnectionEnd(FourTuple(remote, local), 1048574, row)
    listener = SocketRow("tcp", local, Endpoint("0.0.0.0", 0), "LISTEN", 4096, 65535, 1)
    drawing = both_ends(listener, 1048573, [Connection(1, end, other), Connection(2, other, end)])
    picture(drawing)
    assert "65536 bytes unread" in drawing.alt


def queue_run(outcome: str | Refused, waiting: int | None) -> BacklogRun:
    steps = (
        QueueStep("listen", None, None, waiting and 0, waiting, 0.0),
        QueueStep("connect", 1, "ESTABLISHED", waiting, waiting, 0.1),
        QueueStep("connect", None if isinstance(outcome, Refused) else 2, outcome, waiting, waiting, 0.2),
    )
    return BacklogRun(1, steps)


def test_the_plot_of_the_queue_says_every_step_also_where_little_is_told() -> None:
    plot = queue_steps(queue_run("SYN_SENT", 1))
    assert "After connect number 2, SYN_SENT: 1 wait." in plot.alt
    refused = queue_steps(queue_run(Refused("ECONNREFUSED", "nobody listens"), None))
    assert "limit kept: None" in refused.alt
    assert "ECONNREFUSED" in refused.alt
    assert "an unknown number wait" in refused.alt
    assert imread(BytesIO(plot.png())).shape[:2] == (600, 1520)


def test_the_range_is_drawn_port_by_port_and_says_what_was_refused() -> None:
    there = Endpoint(HOME, 9)
    made = tuple(FourTuple(Endpoint(HOME, port), there) for port in range(40000, 40008))
    no = Refused("EADDRNOTAVAIL", "none left")
    found = Exhaustion(range(40000, 40008), HOME, there, made, no, FourTuple(Endpoint("127.0.0.2", 40003), there), no)
    drawing = range_used_up(found)
    picture(drawing)
    assert "8 connections, then EADDRNOTAVAIL" in drawing.alt
    assert "From 127.0.0.2 to 127.0.0.1:9: 1 connection." in drawing.alt
    assert f"From {HOME} to another listener: 0 connections, then EADDRNOTAVAIL" in drawing.alt
    wide = Exhaustion(range(40000, 40064), HOME, there, (), no, no, no)
    picture(range_used_up(wide))
    impossible = range_used_up(Refused("ENOPROTOOPT", "this kernel does not know that socket option"))
    picture(impossible)
    assert "ENOPROTOOPT" in impossible.alt


def test_the_curve_says_where_it_ended_and_why() -> None:
    whole = cost_of_connect(ConnectCost(100, (32, 64), (5.0, 900.0), (1.0, 0.0), None))
    assert "64 connections to one listener; range: 100 ports" in whole.alt
    assert "at last 900" in whole.alt
    early = cost_of_connect(ConnectCost(None, (32,), (5.0,), (0.5,), "no more descriptors"))
    assert "It ended early: no more descriptors." in early.alt
    assert "not told" in early.alt
    nothing = cost_of_connect(ConnectCost(100, (), (), (), "EMFILE"))
    assert "EMFILE" in nothing.alt


def test_the_price_of_one_is_reckoned_up_for_many_and_says_what_is_not_told() -> None:
    there = Endpoint(HOME, 9)
    whole = price(Crowd(1000, 1000, 1000, there, 1, 0.2, 228.4, 9512.0, None))
    assert whole.headings[1] == "one, as 1000 connections took it"
    assert [row[1:] for row in whole.rows[1:]] == [("1", "50,000"), ("228 bytes", "11 MB"), ("9,512 bytes", "476 MB")]
    assert "memory of the kernel, both ends; one, as 1000 connections took it: 9,512 bytes" in whole.alt
    less = price(Crowd(1000, 60, 60, there, 1, 0.2, None, -3.0, "no more descriptors"))
    assert less.headings[1] == "one, as 60 of 1000 connections took it"
    assert [row[1:] for row in less.rows[2:]] == [("this system does not tell", "")] * 2


# The panel


def seen_by_psutil(port: int) -> dict[int, str]:
    """Ask psutil for this process's descriptors that have to do with a port."""
    entries = psutil.Process().net_connections("tcp")
    return {entry.fd: entry.status for entry in entries if port in (entry.laddr[1], entry.raddr and entry.raddr[1])}


def port_of(panel: panels.FourTuplePanel) -> int:
    return panel.held.endpoint.port


def test_clients_come_and_go_in_the_kernel_too(panel: panels.FourTuplePanel) -> None:
    port = port_of(panel)
    assert sorted(seen_by_psutil(port).values()) == ["ESTABLISHED"] * 5 + ["LISTEN"]
    said = click(panel, "Add a client")
    assert "waits for accept" in said
    assert len(seen_by_psutil(port)) == 7
    number = int(re.search(r"descriptor (\d+)", click(panel, "Accept"))[1])  # type: ignore[index]
    assert seen_by_psutil(port)[number] == "ESTABLISHED"
    assert panel.chosen.value == 3
    assert "free again" in click(panel, "Remove")
    assert number not in seen_by_psutil(port)
    assert panel.chosen.options == (1, 2, 4)
    assert panel.release()
    assert "LISTEN" not in seen_by_psutil(port).values()
    assert panel.picture.alt.startswith("No listener is open")
    assert not panel.release()
    assert "connected" in click(panel, "Add a client")


def test_data_wakes_one_and_the_panel_names_it(panel: panels.FourTuplePanel) -> None:
    panel.chosen.value, panel.text.value = 2, "for <two>"
    said = click(panel, "Client sends")
    ends = panel.held.connection(2)
    assert f"Descriptor {ends.client.descriptor} sent 9 bytes" in said
    assert f"only descriptor {ends.server.descriptor} woke" in said
    assert "for &lt;two&gt;" in panel.line.value
    assert f"only descriptor {ends.client.descriptor} woke" in click(panel, "Server sends")
    panel.chosen.value = 3
    assert "Nobody woke" in click(panel, "Client sends")
    assert "9 bytes lie there already" in click(panel, "Accept") if table.source() == "netlink" else True
    assert "awake already" in click(panel, "Client sends")
    panel.text.value = ""
    assert "type something" in click(panel, "Client sends")


@netlink
def test_a_full_queue_is_told_and_ends_when_one_is_accepted(panel: panels.FourTuplePanel) -> None:
    said = [click(panel, "Add a client") for _ in range(3)]
    assert "queue is full" in said[2]
    assert "only asked for" in click(panel, "Client sends")
    for _ in range(panels.MOST):
        last = click(panel, "Add a client")
    assert "remove one first" in last
    assert "accept answered" in click(panel, "Accept")
    deadline = time.monotonic() + 20
    while panel.held.connection(6).client.state == "SYN_SENT" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "shows now" in click(panel, "Look again")
    assert panel.held.connection(6).client.state == "ESTABLISHED"


def test_mistakes_are_sentences_in_the_panel(panel: panels.FourTuplePanel) -> None:
    click(panel, "Accept")
    assert "Nobody waits" in click(panel, "Accept")
    for number in (1, 2, 3):
        panel.chosen.value = number
        click(panel, "Remove")
        for label in ("Remove", "Client sends", "Server sends"):  # a second click removes no other
            assert "Choose a connection" in click(panel, label)
        assert number not in panel.chosen.options
        assert len(panel.chosen.options) == 3 - number
    click(panel, "Add a client")
    assert "accept it" in click(panel, "Server sends")
    assert "still waits" in click(panel, "Remove")
    assert "closed already" in click(panel, "Remove")
    assert "Its client has closed already" in click(panel, "Accept") or table.source() != "netlink"
    assert "no descriptor" in click(panel, "Client sends")
    click(panel, "Remove")
    assert panel.chosen.options == ()


@pytest.mark.skipif(not machine.loopback_addresses(), reason="only one loopback address here")
def test_a_client_comes_from_the_chosen_address(panel: panels.FourTuplePanel) -> None:
    panel.source.value = "127.0.0.3"
    click(panel, "Add a client")
    sources = {entry.laddr[0] for entry in psutil.Process().net_connections("tcp") if entry.raddr}
    assert "127.0.0.3" in sources


# The questions


def test_the_ninth_is_measured_also_without_a_range_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fourtuples, "exhaust", lambda size: Refused("ENOPROTOOPT", ""))
    assert questions._ninth() in ("connected", "refused")


@pytest.mark.parametrize(
    ("weights", "said"),
    [((230.0, 9000.0), "kernel"), ((230.0, 20.0), "program"), ((230.0, None), IMPOSSIBLE)],
)
def test_the_heavier_side_is_named_where_it_can_be_told(
    weights: tuple[float, float | None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Crowd(500, 500, 500, Endpoint(HOME, 9), 1, 0.2, *weights, None)
    monkeypatch.setattr(fourtuples, "crowd", lambda count: nullcontext(found))
    assert questions._heavier() == said


def check(key: str) -> Found:
    return pick(EXERCISES, key).check()


def crowd(stack: ExitStack, accepted: int, waiting: int) -> None:
    server = stack.enter_context(socket.create_server((HOME, 0)))
    for _ in range(accepted + waiting):
        stack.enter_context(socket.create_connection(server.getsockname(), timeout=5))
    for _ in range(accepted):
        stack.enter_context(server.accept()[0])


def test_the_crowd_must_be_exactly_as_large_as_asked_for(stack: ExitStack) -> None:
    assert not check("crowd").done
    undone = check("crowd").because
    for accepted, waiting in ((ACCEPTED + 1, WAITING), (ACCEPTED, WAITING - 1), (WAITING + ACCEPTED, 0)):
        with ExitStack() as wrong:
            crowd(wrong, accepted, waiting)
            assert check("crowd") == Found(False, undone)
    crowd(stack, ACCEPTED, WAITING)
    assert check("crowd").done


def test_accepted_sockets_do_not_pass_for_clients_that_share_a_name(stack: ExitStack) -> None:
    crowd(stack, 3, 0)
    undone = check("shared-name")
    assert not undone.done
    servers = [stack.enter_context(socket.create_server((HOME, 0))) for _ in range(2)]
    one, two = (stack.enter_context(socket.socket()) for _ in range(2))
    for sock in (one, two):
        sock.setsockopt(socket.SOL_SOCKET, share, 1)
    one.bind((HOME, 0))
    two.bind(one.getsockname())
    one.connect(servers[0].getsockname())
    stack.enter_context(one.dup())
    assert check("shared-name") == undone  # one is connected, twice here; the other only bound
    two.connect(servers[1].getsockname())
    assert check("shared-name").done
    two.close()
    assert check("shared-name") == undone
