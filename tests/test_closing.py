"""What a closed connection leaves, held against ss and against a plain second server."""

import shutil
import socket
import subprocess
import sys

import pytest
from leaks import nothing_left
from rules import each

from sockets_lab.errors import BadInput
from sockets_lab.kernel import table
from sockets_lab.lessons.conflicts import CLOSES_FIRST, after_close, rebinding, server_defaults

linux = pytest.mark.skipif(sys.platform != "linux", reason="says what Linux does; other systems differ")


@pytest.fixture(autouse=True)
def _nothing_left():
    server_defaults()  # what the first use of the table keeps open
    with nothing_left():
        yield


@pytest.mark.parametrize("closes_first", ["server", "client"])
def test_the_end_that_closes_first_waits(closes_first):
    result = after_close(closes_first)
    if not result.shown:
        pytest.skip("this system's table does not show connections to this user")
    waits, gone = (result.server_end, result.client_end)[:: 1 if closes_first == "server" else -1]
    assert (waits.state, gone) == ("TIME_WAIT", None)
    assert not waits.owners
    if shutil.which("ss"):
        pair = [waits.local, waits.remote]
        ss = ["ss", "-Htn", "state", "time-wait", f"sport = :{pair[0].port} and dport = :{pair[1].port}"]
        told = subprocess.run(ss, capture_output=True, text=True, timeout=30, check=True).stdout
        assert [str(place) for place in pair] == told.split()[2:4]


def test_with_the_connection_alive_both_ends_are_still_there():
    result = after_close("nobody")
    if result.shown:
        assert (result.server_end.state, result.client_end.state) == ("ESTABLISHED", "ESTABLISHED")
        assert table.find(result.connection) is None  # nothing stays behind after the trial


@linux
@each(CLOSES_FIRST)
def test_on_linux_the_way_back_is_free_with_reuse_address_on_both(closes_first):
    assert after_close(closes_first, True, True).ending == "all worked"


@linux
@each(CLOSES_FIRST)
def test_on_linux_without_the_option_it_is_free_only_after_the_clients_close(closes_first):
    result = after_close(closes_first)
    assert result.ending == ("all worked" if closes_first == "client" else "bind 2")
    if result.refused:
        assert result.refused.refused.name == "EADDRINUSE"


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("new", [False, True])
def test_a_plain_second_server_gets_the_same_answer(old, new):
    def listening(port: int, reuse: bool) -> socket.socket:
        sock = socket.socket()
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            sock.bind(("127.0.0.1", port))
            sock.listen()
        except OSError:
            sock.close()
            raise
        return sock

    with listening(0, old) as first:
        name = first.getsockname()
        with socket.create_connection(name, 5) as client:
            server, _ = first.accept()
            server.close()
            assert client.recv(1) == b""
    try:
        listening(name[1], new).close()
        ending = "all worked"
    except OSError:
        ending = "bind 2"
    assert after_close("server", old, new).ending == ending


def test_all_cases_are_tried():
    cases = {(r.closes_first, r.old_reuse_address, r.new_reuse_address) for r in rebinding()}
    assert len(cases) == 12


def test_defaults_are_those_of_a_plain_and_a_made_server():
    plain, made = server_defaults()
    assert (plain.made_by, made.made_by) == ("socket.socket", "socket.create_server")
    assert plain.reuse_address is False
    with socket.create_server(("127.0.0.1", 0)) as witness:
        assert made.reuse_address == bool(witness.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR))
        row = table.row_of(witness)
    assert made.backlog == (row.send_queue if row else None)
    assert made.reuse_port in (False, None)


def test_a_callers_mistake_is_told():
    with pytest.raises(BadInput, match="'nobody'"):
        after_close("both")
