"""Lesson 08's experiments against witnesses of their own: ss, psutil, /proc/net, captured packets, child processes."""

import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from rules import each

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import machine, table
from sockets_lab.lessons import datagrams
from sockets_lab.lessons.datagrams import Datagram, DatagramModel
from sockets_lab.lessons.datagrams.model import NOBODY, RECEIVER, SENDERS
from sockets_lab.lessons.datagrams.peers import dissolve
from sockets_lab.lessons.datagrams.sending import vacant
from sockets_lab.model import Endpoint

SOON = 10.0  # seconds; a deadline for what is otherwise done at once
netlink = pytest.mark.skipif(table.source() != "netlink", reason="only netlink tells inodes and queues")
with_ss = pytest.mark.skipif(shutil.which("ss") is None, reason="ss is not installed")
linux = pytest.mark.skipif(sys.platform != "linux", reason="what Linux does")
RECEIVE = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(10)
    print(sock.getsockname()[1], flush=True)
    for _ in range(int(sys.argv[1])):
        print(sock.recvfrom(65535), flush=True)
"""


pytestmark = pytest.mark.usefixtures("leaves_nothing")


def name_of(sock: socket.socket) -> Endpoint:
    return Endpoint.of(sock.getsockname())


def udp_entries(port: int) -> dict[int, object]:
    """Ask psutil for this process's UDP descriptors at one local port: number -> remote address."""
    entries = psutil.Process().net_connections("udp4")
    return {entry.fd: entry.raddr for entry in entries if entry.laddr and entry.laddr[1] == port}


def ss_line(port: int) -> str:
    command = ["ss", "-Huanm", f"sport = :{port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SOON, check=True)
    return " ".join(done.stdout.split())


# One piece


def test_boundaries_are_kept_also_for_a_receiver_that_is_not_ours() -> None:
    parts = [b"one ", b"", b"three" * 200]
    with subprocess.Popen([sys.executable, "-c", RECEIVE, "3"], stdout=subprocess.PIPE, text=True) as child:
        port = int(child.stdout.readline())
        with datagrams.bound() as sender:
            for part in parts:
                assert datagrams.send(sender, part, Endpoint("127.0.0.1", port)) == len(part)
            told = [child.stdout.readline().strip() for _ in parts]
            assert told == [repr((part, sender.getsockname())) for part in parts]
    ours = datagrams.boundaries(parts)
    assert [got.data for got in ours.received if isinstance(got, Datagram)] == parts


@pytest.mark.skipif(not hasattr(socket.socket, "recvmsg"), reason="this system tells of cut datagrams by an error")
def test_what_finds_no_room_is_cut_off_and_does_not_come_later() -> None:
    found = datagrams.boundaries([b"0123456789", b"next", b"", b"abc"], room=4).received
    assert [(got.data, got.cut) for got in found if isinstance(got, Datagram)] == [
        (b"0123", True), (b"next", False), (b"", False), (b"abc", False)
    ]  # fmt: skip
    nothing = datagrams.boundaries([b"x"], room=0).received[0]
    assert (nothing.data, nothing.cut) == (b"", True)


def test_the_largest_datagram_passes_and_one_byte_more_does_not() -> None:
    found = datagrams.largest_datagram()
    assert found.received == found.size
    assert found.beyond.name == "EMSGSIZE"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain, datagrams.bound() as receiver:
        assert plain.sendto(bytes(found.size), receiver.getsockname()) == found.size
        refused = attempt(plain.sendto, bytes(found.size + 1), receiver.getsockname())
        assert isinstance(refused, Refused)
    assert found.size == 65507 or sys.platform != "linux"  # 16 bits, less 20 bytes for IPv4 and 8 for UDP


# Loss


def test_all_sends_succeed_and_what_is_lost_is_the_last_of_each_round() -> None:
    found = datagrams.overflow(rounds=(80, 40), size=200)
    assert found.taken == 120
    assert found.refusals == ()
    assert found.lost
    assert sorted(set(found.received) | set(found.lost)) == list(range(1, 121))
    first = [number for number in found.received if number <= 80]
    assert first == list(range(1, len(first) + 1))


@linux
def test_every_loss_is_counted_by_the_kernel() -> None:
    found = datagrams.overflow()
    assert found.dropped == len(found.lost) > 0
    assert found.limit == 2 * found.asked


@linux
@netlink
def test_three_witnesses_count_the_same_drops(stack: ExitStack) -> None:
    deaf, sender = stack.enter_context(datagrams.bound(buffer=4096)), stack.enter_context(datagrams.bound())
    assert datagrams.drops(deaf) == 0
    for _ in range(50):
        datagrams.send(sender, b"x" * 300, name_of(deaf))
    counted = datagrams.drops(deaf)
    assert counted
    inode = str(os.fstat(deaf.fileno()).st_ino)
    lines = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    assert [int(line[12]) for line in lines if line[9] == inode] == [counted]
    assert counted + len(datagrams.receive_all(deaf)) == 50
    if shutil.which("ss"):
        assert f",d{counted})" in ss_line(name_of(deaf).port)


# Peers


def test_a_vacant_port_is_nobodys_and_will_not_be_handed_out() -> None:
    found = vacant()
    assert table.holders(found, "udp") == []
    told = machine.ephemeral_range()
    assert told is None or not told[0] <= found.port <= told[1]


def test_one_socket_talks_to_many_and_the_table_shows_no_peer() -> None:
    found = datagrams.many_peers(4)
    assert found.answered == (True,) * 4
    assert len({one.sender for one in found.came}) == 4
    assert (found.row.state, found.row.remote.port) == ("UNCONNECTED", 0)


def test_a_closed_port_is_silent_unless_the_sender_is_connected() -> None:
    bare, connected = datagrams.closed_port(False), datagrams.closed_port(True)
    assert bare.first == connected.first == 17
    assert connected.second.name == "ECONNREFUSED"
    assert connected.told
    if sys.platform == "linux":
        assert (bare.told, bare.second) == (False, 8)


def test_connect_filters_names_the_peer_and_can_be_dissolved() -> None:
    found = datagrams.one_peer()
    assert found.heard_before == ("peer", "stranger")
    assert found.heard == ("peer",)
    assert (found.before.state, found.connected.state) == ("UNCONNECTED", "CONNECTED")
    assert found.connected.remote == found.peer
    if sys.platform == "linux":
        assert found.dissolved is None
        assert found.heard_after == ("peer", "stranger")
        assert found.stranger_told is not None
        assert found.stranger_told.name == "ECONNREFUSED"


def test_psutil_and_ss_see_the_peer_come_and_go(stack: ExitStack) -> None:
    receiver, peer = stack.enter_context(datagrams.bound()), stack.enter_context(datagrams.bound())
    name = name_of(receiver)
    assert udp_entries(name.port) == {receiver.fileno(): ()}
    receiver.connect(peer.getsockname())
    assert udp_entries(name.port) == {receiver.fileno(): peer.getsockname()}
    if shutil.which("ss"):
        assert ss_line(name.port).startswith("ESTAB ")
    if attempt(dissolve, receiver) is None:
        assert isinstance(attempt(receiver.getpeername), Refused)
        with suppress(OSError):
            receiver.bind(name.sockaddr)
        assert udp_entries(name.port) == {receiver.fileno(): ()}


def test_an_ordinary_socket_always_has_a_source_port() -> None:
    found = datagrams.source_port()
    assert found.before == 0
    assert found.after == found.seen != 0


# The bench


def test_the_bench_says_who_was_reached() -> None:
    with DatagramModel() as bench:
        assert bench.send(SENDERS[0], RECEIVER, b"hello").reached == (RECEIVER,)
        silent = bench.send(SENDERS[1], NOBODY, b"hello")
        assert (silent.taken, silent.reached) == (1, ())
        came = bench.read()
        assert [one.data for one in came[RECEIVER]] == [b"hello"]
        seats = {seat.name: seat for seat in bench.seats()}
        assert came[RECEIVER][0].sender == seats[SENDERS[0]].endpoint
        seen = {entry.fd: entry.laddr for entry in psutil.Process().net_connections("udp4")}
        for seat in seats.values():
            assert seen[seat.descriptor] == seat.endpoint.sockaddr
    assert bench.seats() == ()


def test_on_the_bench_a_peer_filters_and_errors_come_back() -> None:
    with DatagramModel() as bench:
        assert bench.connect(RECEIVER, SENDERS[0]) is None
        assert bench.send(SENDERS[1], RECEIVER, b"x").reached == ()
        assert bench.send(SENDERS[0], RECEIVER, b"x").reached == (RECEIVER,)
        assert bench.connect(SENDERS[2], NOBODY) is None
        told = bench.send(SENDERS[2], NOBODY, b"x").told
        assert told.name == "ECONNREFUSED"
        name = next(seat.endpoint for seat in bench.seats() if seat.name == RECEIVER)
        if bench.disconnect(RECEIVER) is None:
            assert next(seat.endpoint for seat in bench.seats() if seat.name == RECEIVER) == name
            assert bench.send(SENDERS[1], RECEIVER, b"x").taken == 1
            assert len(bench.read()[RECEIVER]) == 2


@linux
def test_the_bench_loses_what_finds_no_room_and_counts_it() -> None:
    with DatagramModel(buffer=4096) as bench:
        bench.send(SENDERS[0], RECEIVER, b"x" * 100, times=50)
        receiver = next(seat for seat in bench.seats() if seat.name == RECEIVER)
        assert receiver.dropped
        assert receiver.dropped + len(bench.read()[RECEIVER]) == 50


# Mistakes, and other systems


def test_a_callers_mistake_says_what_to_pass_instead() -> None:
    with datagrams.bound() as sock:
        for wrong in ("text", b"x" * 65537, None):
            with pytest.raises(BadInput, match="pass bytes"):
                datagrams.send(sock, wrong, name_of(sock))  # type: ignore[arg-type]
        for size in (-1, 65536, True, "5"):
            with pytest.raises(BadInput, match="a number of bytes"):
                datagrams.receive(sock, size)  # type: ignore[arg-type]
        with pytest.raises(TimeoutError):
            datagrams.receive(sock, wait=0)
    for arguments in ({"rounds": ()}, {"rounds": (0,)}, {"size": 7}, {"buffer": 0}, {"buffer": True}):
        with pytest.raises(BadInput, match="pass"):
            datagrams.overflow(**arguments)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="at most 32"):
        datagrams.boundaries([b"x"] * 33)
    with DatagramModel() as bench:
        for call in (
            lambda: bench.send("nobody", RECEIVER, b"x"), lambda: bench.send(SENDERS[0], "nowhere", b"x"),
            lambda: bench.send(SENDERS[0], RECEIVER, b"x", times=0), lambda: bench.connect("member 1", RECEIVER),
        ):  # fmt: skip
            with pytest.raises(BadInput, match="pass"):
                call()


@each(["0.0.0.0", "192.0.2.1", "224.0.0.1", "239.255.1.1", "127.255.255.255", "::"])
def test_nothing_leaves_the_loopback(address: str) -> None:
    with pytest.raises(BadInput, match="loopback"):
        datagrams.bound(address)
    with datagrams.bound() as sock, pytest.raises(BadInput, match="loopback"):
        datagrams.send(sock, b"x", Endpoint(address, 9))


def test_where_only_psutil_tells_the_same_lesson_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKETS_LAB_TABLE", "psutil")
    assert datagrams.one_peer().heard == ("peer",)
    assert datagrams.overflow().waiting is None
    with DatagramModel() as bench:
        assert bench.send(SENDERS[0], RECEIVER, b"x").reached == (RECEIVER,)
        assert all(seat.waiting is None for seat in bench.seats())


@with_ss
def test_ss_writes_the_memory_line_as_the_lesson_reads_it() -> None:
    with datagrams.bound() as sock:
        assert re.search(r"skmem:\(r\d+,.*,d\d+\)", ss_line(name_of(sock).port))
