"""The columns of a large table against `ss`, psutil, /proc, and the rows of the snapshot."""

import errno
import os
import random
import socket
import struct
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack

import numpy
import psutil
import pytest
from test_table import ABORT, DEADLINE, DONE, connect, eventually, message, names_of, on_netlink, ss, with_ss

from sockets_lab.errors import BadInput
from sockets_lab.kernel import netlink, table
from sockets_lab.kernel.machine import has_ipv6
from sockets_lab.kernel.table import sock_diag
from sockets_lab.model import Endpoint, FourTuple

ATTRIBUTE = netlink.attribute(15, b"\0\0\0\0")


@pytest.fixture(autouse=True)
def _source_of_this_machine(monkeypatch):
    monkeypatch.delenv("SOCKETS_LAB_TABLE", raising=False)


@pytest.fixture
def sockets():
    """Open TCP sockets whose messages differ in length: name -> (local, remote), of each end that has a row."""
    with ExitStack() as stack:
        found = {}
        for family, address in [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")][: 1 + has_ipv6()]:
            listener = stack.enter_context(socket.create_server((address, 0), family=family))
            client, server = connect(stack, listener, family)
            client.sendall(b"nobody reads this")
            first, second = connect(stack, listener, family)
            gone = FourTuple.of(first)
            for end in (first, second):  # the one that closes first is left in TIME_WAIT
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
                end.close()
            eventually(lambda gone=gone: getattr(table.find(gone), "state", None), "TIME_WAIT")
            waiting = stack.enter_context(socket.create_connection(listener.getsockname()[:2], DEADLINE))
            waiting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            for name, sock in {"listener": listener, "client": client, "server": server, "waiting": waiting}.items():
                found[name, address] = names_of(sock)[1:]
            found["not accepted", address] = found["waiting", address][::-1]
            found["gone", address] = gone.local, gone.remote
        deferring = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        deferring.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
        silent = stack.enter_context(socket.create_connection(deferring.getsockname(), DEADLINE))
        found["asked for"] = names_of(silent)[:0:-1]  # SYN_RECV until the first data
        yield found


def ends(big):
    """Put the columns of the names side by side: (local, remote) of each row."""
    local = map(Endpoint, big.local_addresses, big.local_ports)
    remote = map(Endpoint, big.remote_addresses, big.remote_ports)
    return list(zip(local, remote, strict=True))


def told(big):
    """Return (local, remote) -> (state, receive queue, send queue)."""
    return dict(zip(ends(big), zip(big.states, big.receive_queues, big.send_queues, strict=True), strict=True))


def kept(big, sockets):
    """Keep our own rows: other programs open and close theirs meanwhile."""
    names = set(sockets.values())
    return big.kept(one in names for one in ends(big))


@on_netlink
@with_ss
def test_columns_are_those_of_ss(sockets):
    big = table.columns("tcp")
    assert len(big) == len(big.states) == len(ends(big))
    ours = told(big)
    assert {ours[names][0] for names in sockets.values()} == {"LISTEN", "ESTABLISHED", "TIME_WAIT", "SYN_RECV"}
    theirs = ss("-t", "-u")
    for name, names in sockets.items():
        assert ours[names] == theirs["tcp", *names][:3], name


@on_netlink
def test_names_and_states_are_those_of_psutil(sockets):
    ours = told(table.columns("tcp"))
    theirs = {}
    for entry in psutil.net_connections("tcp"):
        wildcard = ("::" if entry.family == socket.AF_INET6 else "0.0.0.0", 0)
        theirs[Endpoint.of(entry.laddr or wildcard), Endpoint.of(entry.raddr or wildcard)] = entry.status
    for name, names in sockets.items():
        assert ours[names][0] == theirs[names], name


@on_netlink
@pytest.mark.parametrize("owners", [False, True])
def test_as_a_sequence_it_is_the_snapshot(sockets, owners):
    ours = kept(table.columns("tcp", owners=owners), sockets)
    rows = {row.four_tuple: row for row in table.snapshot("tcp", owners=owners)}
    assert len(ours) == len(sockets)
    assert all(row == rows[row.four_tuple] for row in ours)
    assert [ours[place] for place in range(len(ours))] == list(ours) == ours[:]
    assert (ours[-1], ours[1:3], ours[::-1][0]) == (list(ours)[-1], list(ours)[1:3], list(ours)[-1])
    with pytest.raises(IndexError):
        ours[len(ours)]
    if owners:
        assert {row.owners for row in ours if not row.inode} == {()}
        assert {owner.pid for row in ours for owner in row.owners} == {os.getpid()}


@on_netlink
def test_inodes_and_pids():
    program = "import sys; print(flush=True); sys.stdin.read()"
    with socket.create_server(("127.0.0.1", 0)) as shared, socket.create_server(("127.0.0.1", 0)) as ours:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[shared.fileno()],
        )  # fmt: skip
        with child:
            assert child.stdout.readline() == b"\n"
            big = table.columns("tcp", "LISTEN", owners=True)
            child.stdin.close()
        place = {inode: place for place, inode in enumerate(big.inodes)}
        here, there = (place[os.fstat(sock.fileno()).st_ino] for sock in (ours, shared))
        assert big.pids[here] == os.getpid()
        assert big.pids[there] in (os.getpid(), child.pid)
        assert [owner.pid for owner in big[there].owners] == sorted([os.getpid(), child.pid])
        assert big.holdings.programs[child.pid] == big[there].owners[-1].program != ""


@on_netlink
def test_states_are_asked_for_and_counted(sockets):
    assert set(table.columns("tcp", "LISTEN").states) == {"LISTEN"}
    big = table.columns("tcp", ["TIME_WAIT", "SYN_RECV"])
    ours = kept(big, sockets)
    assert Counter(ours.states) == {"TIME_WAIT": 1 + has_ipv6(), "SYN_RECV": 1}
    assert len(table.columns("tcp", "CONNECTED")) == 0  # a state of UDP
    assert list(big.kept([])) == []


@on_netlink
def test_udp_has_columns_too():
    with ExitStack() as stack:
        one, other = (stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(2))
        one.bind(("127.0.0.1", 0))
        other.connect(one.getsockname())
        states = {local: state for (local, _), (state, _, _) in told(table.columns("udp")).items()}
        assert states[Endpoint.of(one.getsockname())] == "UNCONNECTED"
        assert states[Endpoint.of(other.getsockname())] == "CONNECTED"


@on_netlink
def test_numbers_are_arrays_for_numpy(sockets):
    big = table.columns("tcp")
    for column in (big.local_ports, big.remote_ports, big.receive_queues, big.send_queues, big.inodes):
        assert numpy.asarray(column).tolist() == list(column)
        assert len(column) == len(big)


def test_mistakes_are_told(monkeypatch):
    with pytest.raises(BadInput, match="pass 'tcp' or 'udp'"):
        table.columns("sctp")
    with pytest.raises(BadInput, match="ESTABLISHED"):
        table.columns("tcp", "ESTAB")
    with pytest.raises(BadInput, match="owners=True"):
        _ = table.Columns("tcp", b"").pids
    monkeypatch.setenv("SOCKETS_LAB_TABLE", "psutil")
    with pytest.raises(BadInput, match=r"table\.snapshot"):
        table.columns("tcp")


# --- what a kernel may answer ---------------------------------------------------------------------------------------


@pytest.fixture
def answering(monkeypatch):
    """Put parts of our own in the place of the kernel's answer."""

    def answer_with(*parts):
        left = list(parts)
        monkeypatch.setattr(netlink, "send", lambda *_: None)
        monkeypatch.setattr(netlink, "receive", lambda kernel: left.pop(0))

    return answer_with


@on_netlink
@pytest.mark.parametrize("seed", range(20))
def test_messages_of_all_lengths_are_kept_apart(answering, seed):
    dice = random.Random(seed)
    rows = [dice.randbytes(sock_diag.SIZE) for _ in range(50)]
    payloads = [row + ATTRIBUTE * dice.randrange(4) + bytes(dice.randrange(4)) for row in rows]
    packed = [message(20, payload) for payload in payloads]
    cut = sorted(dice.sample(range(1, len(rows)), 2))
    parts = [b"".join(packed[: cut[0]]), b"".join(packed[cut[0] : cut[1]]), b"".join([*packed[cut[1] :], DONE])]
    answering(*parts)
    assert sock_diag.dump("tcp", socket.AF_INET) == payloads
    answering(*parts[:2], b"".join(packed[cut[1] :]), DONE)
    assert sock_diag.packed("tcp", socket.AF_INET) == b"".join(rows)


@on_netlink
@pytest.mark.parametrize("echo", [16, 72])  # with the header of the request, or all of it: then it is as large as a row
def test_a_refusal_is_no_row(answering, echo):
    refused = message(netlink.NLMSG_ERROR, struct.pack("=i", -errno.EACCES) + bytes(echo))
    answering(message(20, bytes(sock_diag.SIZE)), refused)
    with pytest.raises(PermissionError):
        sock_diag.dump("tcp", socket.AF_INET)
