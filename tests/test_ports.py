"""Ranges, the text's table, the map and the probe, held against ss, psutil and sockets of our own."""

import errno
import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace

import psutil
import pytest
from rules import each

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel import table
from sockets_lab.lessons import ports
from sockets_lab.model import Endpoint

HOME = "127.0.0.1"


def bound(stack: ExitStack, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    sock = stack.enter_context(socket.socket(socket.AF_INET, kind))
    sock.bind((HOME, 0))
    return sock


def port_of(sock: socket.socket) -> int:
    return sock.getsockname()[1]


def test_the_three_ranges_part_all_ports_without_gap_or_overlap() -> None:
    assert [port for each in ports.RANGES for port in range(each.low, each.high + 1)] == list(range(65536))
    assert sum(map(len, ports.RANGES)) == 65536
    edges = {0: "System", 1023: "System", 1024: "User", 49151: "User", 49152: "Dynamic", 65535: "Dynamic"}
    assert {port: ports.range_of(port).name for port in edges} == edges


@each([-1, 65536, True, 80.0, None, "http", b"80"])
def test_what_is_no_port_has_no_range(port: object) -> None:
    with pytest.raises(BadInput, match="0 to 65535"):
        ports.range_of(port)  # type: ignore[arg-type]


def test_only_3389_contradicts_the_range_that_it_stands_in() -> None:
    assert len(ports.TEXT_TABLE) == 15
    assert [row.port for row in ports.misplaced()] == [3389]
    moved = tuple(replace(row, stands_in=ports.USER) if row.port == 3389 else row for row in ports.TEXT_TABLE)
    assert ports.misplaced(moved) == []
    assert [row.port for row in ports.TEXT_TABLE if row.correction] == [53, 443]


def test_the_text_is_compared_and_the_map_drawn_without_any_service_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> int:
        raise OSError("service/proto not found")

    monkeypatch.setattr(socket, "getservbyport", missing)
    assert {(str(check.tcp), str(check.udp)) for check in ports.compare_names()} == {("unknown", "unknown")}
    drawn = ports.port_map("tcp")
    assert drawn.named is None
    assert "service name unknown" in str(drawn)
    assert len(drawn.marks()) == 65536
    assert str(ports.probe(0).service) == "unknown"


@pytest.mark.parametrize(("protocol", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
def test_the_map_shows_sockets_while_they_are_open(stack: ExitStack, protocol: str, kind: socket.SocketKind) -> None:
    waiting, peer = bound(stack, kind), bound(stack, kind)
    if protocol == "tcp":
        waiting.listen()
    peer.connect(waiting.getsockname())
    drawn = ports.port_map(protocol)
    assert {port_of(waiting), port_of(peer)} <= drawn.occupied
    assert port_of(waiting) in drawn.waiting
    assert port_of(peer) not in drawn.waiting
    seen = {each.laddr.port for each in psutil.Process().net_connections(protocol + "4")}
    assert seen <= drawn.occupied


def test_each_byte_of_the_map_says_what_the_sets_say(stack: ExitStack) -> None:
    bound(stack).listen()
    drawn = ports.port_map("tcp")
    marks = drawn.marks()
    low, high = drawn.ephemeral or (1, 0)
    assert len(marks) == 65536 == ports.SIDE**2
    for port, mark in enumerate(marks):
        assert ports.RANGES[mark & ports.RANGE] is ports.range_of(port)
        assert bool(mark & ports.NAMED) == (port in (drawn.named or ()))
        assert bool(mark & ports.OCCUPIED) == (port in drawn.occupied)
        assert bool(mark & ports.WAITING) == (port in drawn.waiting)
        assert bool(mark & ports.EPHEMERAL) == (low <= port <= high)


def test_the_text_of_the_map_tells_what_it_does_not_know() -> None:
    bare = ports.PortMap("udp", None, frozenset(range(100, 125)), frozenset({101}), None, False)
    told = str(bare)
    assert "hands out unknown" in told
    assert "System ports, 0-1023: 25 of 1024 occupied: 100, 101*, 102" in told
    assert "119 and 5 more" in told
    assert "other users" in told


def test_a_listener_is_found_open_with_its_owner(stack: ExitStack) -> None:
    listener = bound(stack)
    listener.listen()
    found = ports.probe(port_of(listener))
    assert found.outcome == "open"
    assert found.reached.remote == Endpoint.of(listener.getsockname())
    accepted, client = listener.accept()
    accepted.close()
    assert Endpoint.of(client) == found.reached.local
    assert found.bound.name == "EADDRINUSE"
    assert (os.getpid(), listener.fileno()) in {
        (owner.pid, owner.descriptor) for row in found.holders for owner in row.owners or ()
    }
    assert f"process {os.getpid()}" in str(found)


def test_another_programs_port_is_told_with_its_process() -> None:
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        found = ports.probe(int(child.stdout.readline()))
        child.stdin.close()
        child.wait(30)
    assert found.outcome == "open"
    owners = {owner.pid for row in found.holders for owner in row.owners or ()}
    assert child.pid in owners or not table.covers_machine()


def test_a_port_that_is_bound_but_not_listening_is_taken_and_refuses(stack: ExitStack) -> None:
    found = ports.probe(port_of(bound(stack)))
    assert found.outcome == "refused"
    assert found.bound.name == "EADDRINUSE"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_free_port_can_be_bound_and_refuses(protocol: str) -> None:
    for _ in range(20):  # another process may take the port between two calls: then it was not free
        with ExitStack() as opened:
            port = port_of(bound(opened))
        found = ports.probe(port, protocol)
        if found.bound == found.asked and not found.holders:
            assert found.outcome == "refused"
            assert "held by: nobody" in str(found)
            return
    pytest.fail("no free port in 20 tries")


def test_a_free_port_is_not_connected_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the kernel "choose" the very port that is asked about, as it does once in some ten thousand times."""
    with ExitStack() as opened:
        port = port_of(bound(opened))

    class Unlucky(socket.socket):
        unlucky = 1

        def bind(self, address: tuple) -> None:  # type: ignore[override]
            if address[1] == 0 and Unlucky.unlucky:
                Unlucky.unlucky -= 1
                address = (address[0], port)
            super().bind(address)

    monkeypatch.setattr(socket, "socket", Unlucky)
    assert ports.probe(port).outcome == "refused"
    assert Unlucky.unlucky == 0


@each(["tcp", "udp"])
def test_port_zero_is_a_wish_for_bind_and_nothing_for_connect(protocol: str) -> None:
    found = ports.probe(0, protocol)
    assert found.bound.port > 0
    assert found.asked.port == 0
    assert isinstance(found.reached, Refused)
    assert found.outcome != "open"
    assert found.holders == ()


def test_a_datagram_port_may_be_silent_or_answer(stack: ExitStack) -> None:
    silent, answering = bound(stack, socket.SOCK_DGRAM), bound(stack, socket.SOCK_DGRAM)
    answering.settimeout(30)

    def answer() -> None:
        _, asker = answering.recvfrom(10)
        answering.sendto(b"here", asker)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        assert ports.probe(port_of(silent), "udp").outcome == "silent"
    finally:
        found = ports.probe(port_of(answering), "udp", deadline=30)
        thread.join(30)
    assert found.outcome == "open"
    assert silent.recv(10) == b""


@pytest.mark.parametrize(
    "arguments",
    [(65536,), (-1,), (True,), (80, "sctp"), (80, "tcp", "192.0.2.1"), (80, "tcp", "0.0.0.0"), (80, "tcp", "here")],
)
def test_a_callers_mistake_opens_nothing(arguments: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    with pytest.raises(BadInput, match=r"pass|write it in numbers"):
        ports.probe(*arguments)


def test_without_ipv6_the_refusal_is_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoIPv6(socket.socket):
        def __init__(self, family: int = -1, *rest: int, **named: object) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "socket", NoIPv6)
    found = ports.probe(80, "tcp", "::1")
    assert found.bound.name == "EAFNOSUPPORT"
    assert found.outcome == "impossible"
