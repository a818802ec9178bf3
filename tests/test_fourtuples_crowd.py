"""A crowd against witnesses of its own: psutil, raw sockets at the other end, and processes that are killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from labs import HAS_STACKS
from rules import each

from sockets_lab.errors import BadInput
from sockets_lab.kernel import machine
from sockets_lab.lessons import fourtuples
from sockets_lab.lessons.fourtuples import load_test
from sockets_lab.lessons.fourtuples.load_roles import Guests, Host
from sockets_lab.lessons.fourtuples.load_test import divided, listener, shares, sources
from sockets_lab.lessons.fourtuples.load_worker import Member
from sockets_lab.model import Endpoint

SOON = 30.0  # seconds; a deadline for what is otherwise done at once
posix = pytest.mark.skipif(os.name != "posix", reason="a listener cannot be handed to another process here")


pytestmark = pytest.mark.usefixtures("leaves_nothing")


def until(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + SOON
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(holds)


def ended(process: int) -> bool:
    """Tell whether a process has come to its end, also where nobody has buried it yet."""
    try:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_all_are_in_the_kernels_table_under_different_names_and_leave_nothing() -> None:
    with fourtuples.crowd(60, weigh=False) as made:
        assert (made.wanted, made.made, made.here, made.ended_early) == (60, 60, 60, None)
        assert (made.python_bytes, made.processes) == (None, 1)
        me, (guests,) = psutil.Process(), psutil.Process().children()
        own = {(one.laddr, one.raddr) for one in me.net_connections("tcp") if one.laddr == made.endpoint.sockaddr}
        theirs = {(one.raddr, one.laddr) for one in guests.net_connections("tcp") if one.raddr}
        assert len(own - {(made.endpoint.sockaddr, ())}) == 60
        assert own - {(made.endpoint.sockaddr, ())} == theirs
    assert ended(guests.pid)
    # A reset leaves no row: nobody has to wait until the kernel has forgotten a thousand names.
    assert until(lambda: not [one for one in rows_of_all() if made.endpoint.sockaddr in (one.laddr, one.raddr)])


def rows_of_all() -> list:
    try:
        return psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS, where only this process's are told
        return psutil.Process().net_connections("tcp")


@posix
def test_where_one_process_cannot_hold_them_several_accept_at_the_same_port() -> None:
    code = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
import psutil
from sockets_lab.lessons.fourtuples import crowd
with crowd(300) as made:
    pids = [child.pid for child in psutil.Process().children()]
    rows = [one for pid in [None, *pids] for one in psutil.Process(pid).net_connections("tcp")]
    accepted = {one.raddr for one in rows if one.laddr == made.endpoint.sockaddr and one.raddr}
    print(made.made, made.here < 200, len(accepted), made.processes == len(pids) == 3, made.ended_early)
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=2 * SOON)
    assert (told.stderr, told.stdout) == ("", "300 True 300 True None\n(100, 200)\n")


@posix
@each([(64, 100, 500), (20, 0, 0)])
def test_where_there_are_too_few_descriptors_as_many_are_made_as_fit(limit: int, least: int, most: int) -> None:
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
from sockets_lab.lessons.fourtuples import crowd
with crowd(1000) as made:
    print({least} <= made.made <= {most}, made.ended_early)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=2 * SOON)
    assert (told.stderr, told.stdout) == ("", "True no more descriptors\n")


@each(["while they stand", "before they begin"])
@posix
def test_the_guests_end_when_whoever_called_them_is_killed(where: str) -> None:
    wait = "with crowd(40): " if where == "while they stand" else "Member.begin = lambda self: tell()\nwith crowd(40): "
    code = f"""
import psutil, time
from sockets_lab.lessons.fourtuples import crowd
from sockets_lab.lessons.fourtuples.load_worker import Member
def tell():
    print(*[child.pid for child in psutil.Process().children()], flush=True)
    time.sleep(1000)
{wait}tell()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        children = [int(word) for word in parent.stdout.readline().split()]
        assert children
        parent.send_signal(signal.SIGKILL)
    assert until(lambda: all(map(ended, children)))


def test_what_one_weighs_is_what_python_keeps_for_it() -> None:
    with fourtuples.crowd(1000) as made:
        assert made.python_bytes is not None
        assert 100 < made.python_bytes <= 300
    assert not tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        with load_test.python_memory() as kept:
            data = bytes(100_000)
            assert len(data) <= (kept() or 0) < 2 * len(data)
        assert tracemalloc.is_tracing()  # somebody else's goes on
    finally:
        tracemalloc.stop()


def test_where_the_kernel_does_not_tell_its_share_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(load_test, "MEMORY", tmp_path / "hidden")
    with fourtuples.crowd(20) as made:
        assert (made.made, made.kernel_bytes) == (20, None)


def test_shares_add_up_and_nobody_gets_more_than_fits() -> None:
    for count in (1, 99, 1000, 50_000):
        for here, there, most in ((0, 50, 7), (120, 240, 16), (19_000, 19_984, 16), (10**6, 10**6, 16), (-5, 40, 3)):
            hosts, guests = shares(count, here, there, most)
            assert sum(hosts) == sum(guests) <= count
            assert hosts[0] <= max(0, here)
            assert all(share <= there for share in [*hosts[1:], *guests])
            assert max(len(hosts), len(guests)) <= most
            assert sum(hosts) == count or sum(hosts) + there >= there * most + min(0, here)
        assert shares(count, -60, -12, 0) == ([0], [])
        assert shares(count, 40, 48, 0) == ([0], [])
    assert divided(10, 4) == [4, 3, 3]
    assert divided(0, 4) == divided(4, 0) == []


def test_guests_come_from_so_many_addresses_that_none_gets_near_half_of_the_range() -> None:
    low, high = machine.ephemeral_range() or (49152, 65535)
    names = [sources(number, 16_667) for number in range(3)]
    if not machine.loopback_addresses():
        assert names == [[], [], []]
        return
    assert len({name for some in names for name in some}) == 3 * len(names[0])
    assert 16_667 / len(names[0]) < (high - low + 1) / 2


def test_a_guest_takes_no_other_byte_than_its_own() -> None:
    def lie(sock: socket.socket) -> None:
        with sock.accept()[0] as client:
            client.recv(1)
            client.send(b"?")
            client.recv(1)

    with listener() as sock:
        sock.settimeout(SOON)
        liar = threading.Thread(target=lie, args=(sock,))
        liar.start()
        with Guests(Endpoint.of(sock.getsockname()), []) as guests:
            guests.play(1, time.monotonic() + SOON)
            assert (guests.done, guests.ended_early) == (0, "ECONNRESET")
        liar.join(SOON)


def test_a_client_that_hangs_up_is_told() -> None:
    with Host(listener()) as host, socket.create_connection(host.listener.getsockname(), timeout=SOON) as client:
        client.shutdown(socket.SHUT_WR)
        host.play(1, time.monotonic() + SOON)
        assert (host.done, host.ended_early) == (0, "ECONNRESET")


def test_what_ends_a_role_early_is_told() -> None:
    with Host(listener()) as host, listener() as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        there, nowhere = Endpoint.of(silent.getsockname()), Endpoint.of(closed.getsockname())
        with Guests(there, []) as guests, Guests(nowhere, []) as refused:
            for role, seconds, why in (host, 0, "DEADLINE"), (guests, 0.1, "DEADLINE"), (refused, SOON, "ECONNREFUSED"):
                role.play(2, time.monotonic() + seconds)
                assert (role.done, role.ended_early) == (0, why)


@each([0, 200_001, True, 1.5, "50"])
def test_a_crowd_is_a_number_of_connections(wrong: object) -> None:
    with pytest.raises(BadInput, match="pass a whole number"), fourtuples.crowd(wrong):  # type: ignore[arg-type]
        pass


@posix
def test_a_member_that_cannot_begin_is_told() -> None:
    with (
        Member(["host"], [], time.monotonic() + SOON, (sys.executable, "-c", "pass")) as member,
        pytest.raises(ChildProcessError, match="ended"),
    ):
        member.wait_until_ready()


IN_A_SHORT_QUEUE = """
from sockets_lab import fourtuples
with fourtuples.crowd(600, weigh=False, seconds=300) as made: print(made.made, made.ended_early)
names, values = [line.split() for line in open("/proc/net/netstat") if line.startswith("TcpExt")]
print(values[names.index("ListenOverflows")])
"""


@pytest.mark.skipif(not HAS_STACKS, reason="takes a network namespace whose settings may be changed")
@pytest.mark.parametrize(("setting", "said"), [
    ("net.core.somaxconn=1", "600 None 0"),
    ("net.core.somaxconn=16", "600 None 0"),
    ("net.ipv4.ip_local_port_range='40000 40000'", "0 EADDRNOTAVAIL 0"),  # the listener has the only port
])  # fmt: skip
def test_no_client_finds_a_short_queue_full_and_a_small_range_is_told(setting: str, said: str) -> None:
    command = ["unshare", "-Urn", "sh", "-c", f'ip link set lo up; sysctl -qw {setting}; exec "$0" -c "$1"']
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command += [sys.executable, IN_A_SHORT_QUEUE]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
    assert ran.stdout.split() == said.split(), ran.stderr


def test_more_processes_than_fit_into_the_queue_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sockets_lab.lessons.fourtuples.load_test.accept_queue", lambda sock: 1)
    monkeypatch.setattr("sockets_lab.lessons.fourtuples.load_test.shares", lambda *_: ([30], [10, 10, 10]))
    with pytest.raises(BadInput, match=r"pass at most 20, or raise net\.core"), fourtuples.crowd(30):
        pass
