"""Who gets what at a shared port, held against plain sockets, ss and a plain fork."""

import os
import shutil
import socket
import subprocess
import sys

import pytest
from leaks import nothing_left
from rules import each

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel import table
from sockets_lab.lessons.conflicts import inherit, share, sharing

linux = pytest.mark.skipif(sys.platform != "linux", reason="says what Linux does; other systems differ")


@pytest.fixture(autouse=True)
def _nothing_left():
    inherit()  # what the first use of the table keeps open
    with nothing_left():
        yield


@pytest.mark.parametrize("option", sharing.OPTIONS)
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_every_sender_is_served_once_or_the_refusal_is_told(protocol, option):
    result = share(protocol, option, sockets=3, senders=50)
    if result.refused:
        assert result.counts == (0, 0, 0)
    else:
        assert sum(result.counts) == 50
        assert len(result.senders) == len(result.went_to) == 50
        assert set(result.went_to) <= {1, 2, 3}


@linux
@each(["tcp", "udp"])
def test_linux_spreads_over_all_sockets_with_reuse_port(protocol):
    assert min(share(protocol, "SO_REUSEPORT", sockets=2, senders=200).counts) > 0


@linux
def test_two_listeners_are_refused_with_reuse_address():
    result = share("tcp", "SO_REUSEADDR")
    assert (result.ending, result.refused.refused.name) == ("bind 2", "EADDRINUSE")


def test_datagrams_with_reuse_address_go_where_plain_sockets_get_them():
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        port = 0
        for sock in (one, two):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            port = sock.getsockname()[1]
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            for _ in range(10):
                sender.sendto(b"?", ("127.0.0.1", port))
        got = [0, 0]
        for index, sock in enumerate((one, two)):
            sock.settimeout(0.2)
            try:
                while sock.recv(8):
                    got[index] += 1
            except TimeoutError:
                pass
    if sum(got) == 10:  # else a stranger shared the port with us
        assert [bool(n) for n in share("udp", "SO_REUSEADDR", senders=10).counts] == [bool(n) for n in got]


@each([{"option": "SO_LINGER"}, {"sockets": 1}, {"senders": 0}, {"protocol": "icmp"}])
def test_a_callers_mistake_is_told(wrong):
    with pytest.raises(BadInput):
        share(**wrong)


def test_the_senders_refusal_is_a_result(monkeypatch):
    def connect(*_):
        raise OSError(99 if sys.platform == "linux" else 49, "no port left")

    monkeypatch.setattr(sharing, "_connect", connect)
    if hasattr(socket, "SO_REUSEPORT"):
        result = share("tcp", "SO_REUSEPORT")
        assert (result.ending, result.refused.refused.name, result.went_to) == ("connect 3", "EADDRNOTAVAIL", ())


def test_one_listener_in_two_processes(monkeypatch):
    witness = []
    real = table.holders

    def watched(place, *rest):
        if shutil.which("ss"):
            ss = ["ss", "-Htlnp", f"sport = :{place.port}"]
            witness.append(subprocess.run(ss, capture_output=True, text=True, timeout=30, check=False).stdout)
        return real(place, *rest)

    monkeypatch.setattr(table, "holders", watched)
    result = inherit()
    assert isinstance(result.own_bind, Refused)
    assert [who for who, _ in result.accepted] == ["second", "first", "second"]
    assert tuple(client for _, client in result.accepted) == result.clients
    assert result.first_pid == os.getpid() != result.second_pid
    if table.source() == "netlink":  # psutil names one process a socket
        assert len(result.rows) == 1
        assert {owner.pid for owner in result.rows[0].owners} >= {result.first_pid, result.second_pid}
        for told in witness:
            assert len(told.splitlines()) == 1
            assert f"pid={result.first_pid}," in told
            assert f"pid={result.second_pid}," in told
