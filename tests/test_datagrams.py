"""Lesson 06's experiments against witnesses of their own: ss, psutil, /proc/net, captured packets, child processes."""

import os
import re
import shutil
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from rules import each

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import machine, table
from sockets_lab.lessons import datagrams
from sockets_lab.lessons.datagrams import Datagram, DatagramModel, copies
from sockets_lab.lessons.datagrams.groups import send_to_group
from sockets_lab.lessons.datagrams.model import GROUP, MEMBERS, NOBODY, RECEIVER, SENDERS
from sockets_lab.lessons.datagrams.peers import dissolve
from sockets_lab.lessons.datagrams.sending import arrivals, vacant
from sockets_lab.model import Endpoint

SOON = 10.0  # seconds; a deadline for what is otherwise done at once
netlink = pytest.mark.skipif(table.source() != "netlink", reason="only netlink tells inodes and queues")
with_ss = pytest.mark.skipif(shutil.which("ss") is None, reason="ss is not installed")
with_groups = pytest.mark.skipif(isinstance(datagrams.group_run(), Refused), reason="no groups on loopback here")
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


pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture
def own_group(monkeypatch: pytest.MonkeyPatch) -> str:
    """A group that no other test has, also where ten of them run at once."""
    monkeypatch.setenv("SOCKETS_LAB_LEARNER", str(os.getpid()))
    return machine.home_group()


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


# Groups


@with_groups
def test_members_get_a_copy_each_and_others_none() -> None:
    run = datagrams.group_run()
    assert [one.what for one in run.trials] == list(copies.TRIALS)
    assert run.trial(copies.ALL_MEMBERS).copies == (1, 1, 1, 0)
    assert run.trial(copies.LEFT).copies == (1, 1, 0, 0)
    assert run.trial(copies.OTHER_GROUP).copies == (0, 0, 0, 0)
    assert run.trial(copies.ALL_MEMBERS).ttl in (1, None)
    if sys.platform == "linux":
        assert run.trial(copies.ALL_GROUPS).copies == (1, 1, 0, 1)
        assert run.trial(copies.NEAR).ttl == 0
        assert datagrams.bystander_hears() is True
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
    first = stack.enter_context(datagrams.member(own_group))
    others = [stack.enter_context(datagrams.member(own_group, name_of(first).port)) for _ in range(3)]
    assert users_on_loopback(own_group) == 4
    datagrams.leave_group(others[0], own_group)
    assert users_on_loopback(own_group) == 3
    assert [datagrams.is_member(sock, own_group) for sock in (first, *others)] == [True, False, True, True]
    assert users_on_loopback(own_group) == 3  # asking has changed nothing


@with_groups
def test_a_member_in_another_process_gets_its_copy_too(own_group: str, stack: ExitStack) -> None:
    ours, sender = stack.enter_context(datagrams.member(own_group)), stack.enter_context(datagrams.bound())
    command = [sys.executable, "-c", JOIN, own_group, str(name_of(ours).port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "joined\n"
        send_to_group(sender, b"to both", name_of(ours))
        assert child.stdout.readline().strip() == repr((b"to both", sender.getsockname()))
    assert datagrams.receive(ours, wait=SOON).data == b"to both"


@with_groups
def test_a_learners_datagram_reaches_no_other_learners_group(monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    groups = {}
    for who in ("1000", "1001", "1002", "ada"):
        monkeypatch.setenv("SOCKETS_LAB_LEARNER", who)
        groups[who] = [machine.home_group(which) for which in range(machine.OWN_GROUPS)]
    first = stack.enter_context(datagrams.member(groups["1000"][0]))
    port = name_of(first).port
    strangers = [
        stack.enter_context(datagrams.member(group, port)) for who in ("1001", "1002", "ada") for group in groups[who]
    ]
    sender = stack.enter_context(datagrams.bound())
    for _ in range(5):
        send_to_group(sender, b"mine", Endpoint(groups["1000"][0], port))
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
    member, sender = stack.enter_context(datagrams.member(own_group)), stack.enter_context(datagrams.bound())
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


# Everyone


def test_broadcast_needs_a_permission_and_reaches_who_is_bound_to_it() -> None:
    found = datagrams.everyone()
    if isinstance(found, Refused):
        pytest.skip(f"no broadcast on loopback here: {found.name}")
    if sys.platform == "linux":
        assert found.without.name == "EACCES"
        assert found.allowed == 11
        assert found.heard == (str(guard.EVERYONE),)
        assert found.came.data == b"to everyone"


# The bench


def test_the_bench_says_who_was_reached() -> None:
    with DatagramModel() as bench:
        assert bench.send(SENDERS[0], RECEIVER, b"hello").reached == (RECEIVER,)
        silent = bench.send(SENDERS[1], NOBODY, b"hello")
        assert (silent.taken, silent.reached) == (1, ())
        if isinstance(bench.group, Endpoint):
            assert bench.send(SENDERS[2], GROUP, b"all").reached == MEMBERS
            assert bench.set_membership(MEMBERS[1], False) is None
            assert bench.send(SENDERS[2], GROUP, b"all").reached == (MEMBERS[0], MEMBERS[2])
            again = bench.set_membership(MEMBERS[1], False)
            assert isinstance(again, Refused)
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
            lambda: bench.set_membership(RECEIVER, True),
        ):  # fmt: skip
            with pytest.raises(BadInput, match="pass"):
                call()


@each(["0.0.0.0", "192.0.2.1", "224.0.0.1", "239.255.1.1", "127.255.255.255", "::"])
def test_nothing_leaves_the_loopback(address: str) -> None:
    with pytest.raises(BadInput, match="loopback"):
        datagrams.bound(address)
    with datagrams.bound() as sock, pytest.raises(BadInput, match="loopback"):
        datagrams.send(sock, b"x", Endpoint(address, 9))


def test_without_groups_on_loopback_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(19, "No such device")

    monkeypatch.setattr(copies, "member", refuse)
    monkeypatch.setattr("sockets_lab.lessons.datagrams.model.member", refuse)
    assert isinstance(datagrams.group_run(), Refused)
    assert isinstance(datagrams.bystander_hears(), Refused)
    with DatagramModel() as bench:
        assert isinstance(bench.group, Refused)
        assert bench.send(SENDERS[0], RECEIVER, b"x").reached == (RECEIVER,)
        with pytest.raises(BadInput, match="no groups"):
            bench.send(SENDERS[0], GROUP, b"x")


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
