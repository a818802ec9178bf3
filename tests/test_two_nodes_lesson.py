"""Lesson 06 as a learner meets it: the picture of the nodes, a panel that their kernels feel, exercises."""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from labs import needs_namespaces
from using import click, picture, said

from sockets_lab.course.questions import Found, pick
from sockets_lab.kernel.descriptors import Entry
from sockets_lab.kernel.machine import descriptor_limits
from sockets_lab.lab import Lab, Node, opened
from sockets_lab.lessons import two_nodes
from sockets_lab.lessons.two_nodes import Host, View, ends
from sockets_lab.lessons.two_nodes import figure as figures
from sockets_lab.lessons.two_nodes import panel as panels
from sockets_lab.lessons.two_nodes.questions import AT_A, AT_B, COMMON, EXERCISES, PORT
from sockets_lab.model import Endpoint, SocketRow

many = pytest.mark.skipif(descriptor_limits()[1] < 1024, reason="no descriptor can have the number 922 here")
NOBODY = Endpoint("0.0.0.0", 0)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(A="10.20.30.40", B="50.60.70.80", fallback=True) as one:
        yield one


# Pictures


def view_of(*tuples: tuple[str, str], **changes: Any) -> View:
    """Make a view in which A, B and C hold connections, as `A:1 B:2`; the inode is the row's place."""
    addresses = {"A": "10.20.30.40", "B": "50.60.70.80", "C": "90.100.110.120"}
    hosts = []
    for name, address in addresses.items():
        rows = [
            SocketRow("tcp", Endpoint(addresses[one[0]], int(one[2:])), Endpoint(addresses[two[0]], int(two[2:])),
                      "ESTABLISHED", 0, 0, place)
            for place, (one, two) in enumerate([*tuples, *(pair[::-1] for pair in tuples)], 1) if one[0] == name
        ]  # fmt: skip
        hosts.append(Host(name, address, (), tuple(rows)))
    return replace(View("namespaces", tuple(hosts)), **changes)


@many
def test_the_picture_of_the_example_says_all_that_the_text_says() -> None:
    found = two_nodes.example()
    drawing = figures.classic(found)
    picture(drawing)
    a, b = found.view["A"].address, found.view["B"].address
    assert f"{a}:4444 ESTABLISHED, to {b}:8888; descriptor 317 stands for it" in drawing.alt
    assert f"{b}:8888 ESTABLISHED, to {a}:4444; descriptor 922 stands for it" in drawing.alt
    assert f"{a}:4444 at A and {b}:8888 at B are the two ends of one connection" in drawing.alt
    assert "Its socket table is empty." in drawing.alt
    assert "317 at A -> 922 at B: b'from the client'" in drawing.alt


def test_the_picture_tells_what_waits_and_who_has_no_number() -> None:
    here = Endpoint("10.20.30.40", 9)
    rows = (
        SocketRow("tcp", here, NOBODY, "LISTEN", 3, 5, 7),
        SocketRow("tcp", here, Endpoint("50.60.70.80", 1), "ESTABLISHED", 11, 22, 0),
        SocketRow("udp", here, NOBODY, "UNCONNECTED", 33, 0, 8),
    )
    entries = (Entry(100, "socket", 7, "TCP", here), Entry(101, "socket", 7, "TCP", here))
    drawing = figures.network(View("loopback", (Host("A", "10.20.30.40", entries, rows, "cut"),)))
    picture(drawing)
    assert "LISTEN, 3 waiting for accept; descriptor 100 and 101 stands for it" in drawing.alt
    assert "11 bytes to be read, 22 bytes not yet confirmed; no descriptor of its process" in drawing.alt
    assert "udp 10.20.30.40:9 UNCONNECTED, 33 bytes to be read; no descriptor" in drawing.alt
    assert "Its cable is cut." in drawing.alt
    for label in ("none", "outside", "loop-"):
        assert f">{label}<" in drawing.html()


def test_wires_in_the_switch_do_not_hide_each_other() -> None:
    view = view_of(("A:1", "B:1"), ("A:2", "B:2"), ("A:3", "B:3"), ("C:4", "B:4"), ("C:5", "A:5"))
    drawing = figures.network(view)
    picture(drawing)
    wires = [mark for mark in drawing.marks if getattr(mark, "role", "") == "connection" and hasattr(mark, "x1")]
    assert len(wires) == 3 * 5
    flat = [(mark.y1, *sorted((mark.x1, mark.x2))) for mark in wires if mark.y1 == mark.y2]
    for place, (y, begin, end) in enumerate(flat):
        assert all(end <= left or right <= begin or abs(y - other) > 3 for other, left, right in flat[:place])
    assert drawing.alt.count("are the two ends of one connection") == 5
    cut = figures.network(replace(view, hosts=(*view.hosts[:2], replace(view["C"], cable="cut"))))
    assert cut.html().count("stroke-dasharray") > drawing.html().count("stroke-dasharray")


def test_an_empty_picture_and_the_table_of_the_third_node() -> None:
    empty = figures.network(View("namespaces", ()))
    picture(empty)
    assert empty.alt == "No lab is open."
    found = two_nodes.third_node()
    assert f"as B sees it; the answer: {found.own}." in figures.third(found).alt
    assert "cannot be captured here" in figures.third(replace(found, seen=None)).alt
    assert "nothing; a word of what they said: no" in figures.third(replace(found, seen=())).alt


# The panel


def numbers(panel: panels.NodesPanel, name: str) -> dict[int, str]:
    """Ask /proc in a node of the panel what its descriptors stand for."""

    def read() -> dict[int, str]:
        found = {}
        for name in os.listdir("/proc/self/fd"):
            try:
                found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                continue
        return found

    answer: dict[int, str] = panel.held.lab[name].run(read)
    return answer


@many
def test_numbers_mean_what_they_mean_in_their_own_node(panel: panels.NodesPanel) -> None:
    assert 317 in numbers(panel, "A")
    assert 922 in numbers(panel, "B")
    panel.text.value = "for <you>"
    assert "A's kernel took 9 bytes for its descriptor 317" in click(panel, "Write")
    panel.number.value = 922
    for label in ("Write", "Read", "Close", "What is it?"):
        assert "A's kernel refused. EBADF" in click(panel, label)
    panel.node.value = "B"
    assert panel.number.value == 922
    assert "9 bytes to be read" in panel.picture.alt
    assert "B read from its descriptor 922: 9 bytes, b'for <you>'." in click(panel, "Read")
    assert "EAGAIN" in click(panel, "Read")
    assert "922 stands for: socket TCP" in click(panel, "What is it?")
    assert "922 is free again at B" in click(panel, "Close")
    assert 922 not in numbers(panel, "B")
    panel.node.value = "A"
    assert "the end, for the other side has closed" in click(panel, "Read")


def test_connect_waits_in_the_listeners_table_until_somebody_accepts(panel: panels.NodesPanel) -> None:
    panel.node.value, panel.number.value = "C", 200
    assert "C's process calls its end 200" in click(panel, "Connect")
    assert "1 waiting for accept" in panel.picture.alt
    panel.node.value, panel.number.value = "B", 210
    assert "B's process calls its end 210" in click(panel, "Accept")
    assert numbers(panel, "B")[210].startswith("socket:")
    assert "EAGAIN" in click(panel, "Accept")
    assert "EADDRINUSE" in click(panel, "Listen")
    panel.node.value = "C"
    assert "Nobody listens at C" in click(panel, "Accept")
    panel.port.value = 7000
    assert "C listens" in click(panel, "Listen")
    assert f"{Endpoint(panel.held.lab.C.address, 7000)}" in dict(panel.to.options)
    panel.port.value = 70000
    assert "70000 is not a port number" in click(panel, "Listen")
    panel.number.value = 0
    assert "needs: choose another number" in click(panel, "Close")
    assert 0 in numbers(panel, "C")


@needs_namespaces
@many
def test_cables_are_cut_and_mended_and_packets_are_shown(panel: panels.NodesPanel) -> None:
    panel.watch.value = True
    assert panel.ladder.value == "No packet since then."
    panel.node.value = "B"
    assert "B's cable is cut" in click(panel, "Cut cable")
    panel.node.value = "A"
    assert "5 bytes are not confirmed by the other end yet" in click(panel, "Write")
    assert "Its cable is cut." in panel.picture.alt
    assert "5 bytes not yet confirmed" in panel.picture.alt
    assert "PSH ACK 5 bytes" in panel.ladder.value
    panel.number.value, panel.port.value = 200, 0
    assert "No answer yet" in click(panel, "Connect")
    assert "SYN_SENT" in panel.picture.alt
    panel.node.value = "B"
    assert "B's cable is mended" in click(panel, "Mend cable")
    assert panel.held.lab.B.run(ends.read, 922, 10.0) == b"hello"
    assert "B's cable is slow" in click(panel, "Slow cable")
    assert "B's cable is lossy" in click(panel, "Lossy cable")
    panel.watch.value = False
    assert panel.ladder.value == ""


def test_without_stacks_of_their_own_the_panel_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    panel = panels.make()
    try:
        assert "nodes share its one stack" in said(panel)
        for label in ("Cut cable", "Mend cable", "Slow cable", "Lossy cable"):
            assert "ENOSYS: nodes on loopback have no cable" in click(panel, label)
        panel.watch.value = True
        assert "Capture is not possible here" in said(panel)
        assert not panel.watch.value
        assert "took 5 bytes" in click(panel, "Write")
    finally:
        panel.release()


def test_release_ends_the_lab_and_the_next_click_begins_anew(panel: panels.NodesPanel, lab: Lab) -> None:
    assert opened() is lab
    first = panel.held.lab
    assert panel.release()
    assert first.closed
    assert not panel.release()
    assert panel.picture.alt == "No lab is open."
    assert "took 5 bytes" in click(panel, "Write") or descriptor_limits()[1] < 1024
    panel.release()
    click(panel, "Look again")
    assert "the two ends of one connection" in panel.picture.alt
    assert opened() is lab  # a panel's lab takes no `%%node` cell from the learner's


# The questions


def check(key: str) -> Found:
    return pick(EXERCISES, key).check()


def test_a_connection_must_have_the_right_ends_port_and_numbers(lab: Lab) -> None:
    a, b, there = lab["A"], lab["B"], Endpoint(lab["B"].address, 8888)
    undone = check("numbers")
    assert not undone.done
    listener = b.run(ends.listen, there)
    a.run(ends.connect, Endpoint(a.address, 0), there)
    assert b.run(ends.accept, listener, AT_B) == AT_B
    assert check("numbers") == undone
    a.run(ends.connect, Endpoint(a.address, PORT), there, AT_A)
    assert "not the two ends of one connection" in check("numbers").because  # B's number is that of the first one
    b.run(ends.close, AT_B)
    assert "at B does not refer to a connection" in check("numbers").because
    b.run(ends.accept, listener, AT_B)
    assert check("numbers").done
    a.run(ends.close, AT_A)
    b.run(ends.close, AT_B)
    a.run(ends.connect, Endpoint(a.address, 0), there, AT_A)
    b.run(ends.accept, listener, AT_B)
    assert "not at port" in check("numbers").because


def udp_at(node: Node, number: int) -> None:
    """Let a descriptor of a node's process stand for a bound UDP socket."""
    told = node.execute(f"import os, socket\nwith socket.socket(type=socket.SOCK_DGRAM) as sock:\n"
                        f"    sock.bind(({node.address!r}, 0))\n    os.dup2(sock.fileno(), {number})")  # fmt: skip
    assert told.error is None


def test_the_common_number_must_be_in_both_processes(lab: Lab) -> None:
    a, b = lab["A"], lab["B"]
    undone = check("common")
    assert not undone.done
    with lab.B.socket() as ours:  # lives in B's stack, and its number is one of this process's
        ours.bind((b.address, 0))
        assert check("common") == undone
    udp_at(a, COMMON)
    assert check("common") == undone  # a UDP socket does not listen
    a.run(ends.close, COMMON)
    a.run(ends.listen, Endpoint(a.address, 0), COMMON)
    assert f"descriptor {COMMON} at B" in check("common").because
    b.run(ends.listen, Endpoint(b.address, 0), COMMON)
    assert not check("common").done
    b.run(ends.close, COMMON)
    udp_at(b, COMMON)
    assert check("common").done


def test_checks_need_a_lab_but_not_that_its_nodes_are_idle(lab: Lab) -> None:
    lab.A.start("import time; time.sleep(60)")
    assert "does not refer to a connection" in check("numbers").because
    assert "does not refer to a TCP socket that listens" in check("common").because
    lab.A.interrupt()
    lab.A.result()
    lab.close()
    for exercise in EXERCISES:
        assert "no lab" in exercise.check().because
    with Lab(X="10.20.30.40", fallback=True):
        assert "no lab" in check("numbers").because
