"""A server's restart: what a closed connection leaves, held against ss and a plain second server; the exercise."""

import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest
from leaks import nothing_left
from rules import each

from sockets_lab.course.questions import pick
from sockets_lab.errors import BadInput
from sockets_lab.kernel import table
from sockets_lab.kernel.connecting import until
from sockets_lab.lessons.connection import CLOSES_FIRST, after_close, rebinding
from sockets_lab.lessons.connection.figure import way_back
from sockets_lab.lessons.connection.questions import BACKLOG, EXERCISES

HOME, SOON = "127.0.0.1", 10.0
linux = pytest.mark.skipif(sys.platform != "linux", reason="says what Linux does; other systems differ")


@pytest.fixture(autouse=True)
def _nothing_left():
    table.snapshot()  # what the first use of the table keeps open
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


def test_all_cases_are_tried_and_shown():
    results = rebinding()
    assert len({(r.closes_first, r.old_reuse_address, r.new_reuse_address) for r in results}) == 12
    for result, row in zip(results, way_back(results).rows, strict=True):
        assert row[0] == result.closes_first
        assert "TIME_WAIT" in row or not result.shown or result.closes_first == "nobody"


def test_a_callers_mistake_is_told():
    with pytest.raises(BadInput, match="'nobody'"):
        after_close("both")


def check(key: str) -> bool:
    return pick(EXERCISES, key).check().done


def waiting() -> set[tuple]:
    return {row.local.sockaddr for row in table.snapshot(("tcp",), ("TIME_WAIT",))}


@linux
def test_a_listener_over_time_wait_is_found_and_nothing_else_is_taken_for_it() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOME, 0), backlog=BACKLOG))
        name = listener.getsockname()
        assert not check("restart")
        client = stack.enter_context(socket.create_connection(name, 10))
        server, _ = listener.accept()
        assert not check("restart")  # a living connection is not one in TIME_WAIT
        client.close()
        assert server.recv(1) == b""
        server.close()
        assert not check("restart")  # the client's end waits, not the server's
        client = stack.enter_context(socket.create_connection(name, 10))
        server, _ = listener.accept()
        server.close()
        assert client.recv(1) == b""
        client.close()
        assert not check("restart")  # a first listener with the right backlog, which was never closed
        listener.close()
        assert until(lambda: name in waiting(), SOON)
        assert not check("restart")
        stack.enter_context(socket.create_server(name, backlog=BACKLOG))
        assert until(lambda: check("restart"), SOON)
    assert not check("restart")


@linux
def test_a_listener_at_the_wildcard_is_one_at_the_port_too() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("0.0.0.0", 0)))
        name = (HOME, listener.getsockname()[1])
        client = stack.enter_context(socket.create_connection(name, 10))
        server, _ = listener.accept()
        server.close()
        assert client.recv(1) == b""
        client.close()
        assert until(lambda: name in waiting(), SOON)
        assert not check("restart")  # it was never closed
        listener.close()
        assert not check("restart")
        stack.enter_context(socket.create_server(("0.0.0.0", name[1]), backlog=BACKLOG))
        assert check("restart")
