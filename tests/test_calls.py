"""The recorder of socket calls, against strace, the kernel's own tables, and the same code without a recording."""

import _socket
import asyncio
import gc
import http.client
import http.server
import json
import os
import re
import selectors
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import traceback
import warnings
import weakref
from socket import socket as Socket  # the name a learner may have taken before

import pytest
from jupyter_client import KernelManager

from sockets_lab.errors import Refused
from sockets_lab.figures.calls import conversation
from sockets_lab.kernel import descriptors, machine, table
from sockets_lab.kernel.connecting import until
from sockets_lab.lessons import binding
from sockets_lab.model import Endpoint
from sockets_lab.watch.calls import Data, Descriptor, Raised, raised, record
from sockets_lab.watch.calls.recording import EARLIER, TLS

HERE = "127.0.0.1"
DEADLINE = 30  # seconds, for what takes milliseconds


@pytest.fixture(autouse=True)
def _untouched():
    """Whatever a test does, the socket modules are the same after it as before."""
    places = (socket.socket, socket, _socket, threading.Thread)
    before = [dict(vars(place)) for place in places]
    yield
    assert [dict(vars(place)) for place in places] == before


def names(calls, thread=None):
    return [call.name for call in calls if call.thread == thread]


def of(calls, name):
    return [call for call in calls if call.name == name]


def inode(sock):
    return os.fstat(sock.fileno()).st_ino


def echo_once(listener):
    with listener.accept()[0] as connection:
        while data := connection.recv(100):
            connection.sendall(data)


# One call after the other


def test_each_call_its_arguments_and_its_answer():
    with record() as calls:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HERE, 0))
        listener.listen(5)
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        client.send(b"hello")
        server.recv(1024)
        server.shutdown(socket.SHUT_WR)
        client.recv(7)
        reached, came = client.getpeername(), client.getsockname()
        fds = listener.fileno(), client.fileno(), server.fileno()
        inodes = inode(listener), inode(client), inode(server)
        client.close()
        server.close()
        listener.close()
    a, b, c = fds
    here = f"{HERE}:{reached[1]}"
    assert [str(call) for call in calls] == [
        f"socket(AF_INET, SOCK_STREAM, 0) -> {a}",
        f"setsockopt({a}, SOL_SOCKET, SO_REUSEADDR, 1) -> done",
        f"bind({a}, {HERE}:0) -> done",
        f"listen({a}, backlog 5) -> done",
        f"socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) -> {b}",
        f"getsockname({a}) -> {here}",
        f"connect({b}, {here}) -> done",
        f"accept({a}) -> {c}, {HERE}:{came[1]}",
        f"send({b}, 5 bytes b'hello') -> 5 bytes",
        f"recv({c}, up to 1024 bytes) -> 5 bytes b'hello'",
        f"shutdown({c}, SHUT_WR) -> done",
        f"recv({b}, up to 7 bytes) -> 0 bytes",
        f"getpeername({b}) -> {here}",
        f"getsockname({b}) -> {HERE}:{came[1]}",
        f"close({b}) -> done",
        f"close({c}) -> done",
        f"close({a}) -> done",
    ]
    assert [call.order for call in calls] == [call.returned_after for call in calls] == list(range(1, 18))
    assert of(calls, "bind")[0].local == Endpoint.of(reached)
    assert of(calls, "connect")[0].local == Endpoint.of(came)
    assert of(calls, "accept")[0].answer == (Descriptor(c, inodes[2]), Endpoint.of(came))
    assert [call.answer[0].socket for call in of(calls, "socket")] == [inodes[0], inodes[1]]
    assert all(call.seconds >= 0 and call.thread is None for call in calls)


def test_datagrams_options_and_flags():
    with record() as calls, socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        two.bind(("", 0))
        two.settimeout(DEADLINE)
        there = (HERE, two.getsockname()[1])
        one.sendto(b"x" * 100, there)
        one.sendto(b"y", 0, there)
        one.sendmsg([b"ab", b"cde"], [], 0, there)
        buffer = bytearray(10)
        two.recvfrom(5, socket.MSG_PEEK)
        two.recvfrom_into(buffer)
        two.recv_into(memoryview(buffer), 3)
        two.recvmsg_into([buffer])
        one.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
        one.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 3)
        one.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
        mine = one.getsockname()[1]
        here = f"{HERE}:{mine}"
        a, b = one.fileno(), two.fileno()
    port = there[1]
    assert [str(call) for call in calls][2:-2] == [
        f"bind({b}, 0.0.0.0:0) -> done",
        f"settimeout({b}, {DEADLINE} s) -> done",
        f"getsockname({b}) -> 0.0.0.0:{port}",
        f"sendto({a}, 100 bytes b'xxxxxxxxxxxxxxxx'..., {HERE}:{port}) -> 100 bytes",
        f"sendto({a}, 1 byte b'y', {HERE}:{port}) -> 1 byte",
        f"sendmsg({a}, 5 bytes, {HERE}:{port}) -> 5 bytes",
        f"recvfrom({b}, up to 5 bytes, MSG_PEEK) -> 5 bytes b'xxxxx', {here}",
        f"recvfrom({b}, up to 10 bytes) -> 10 bytes b'xxxxxxxxxx', {here}",
        f"recv({b}, up to 3 bytes) -> 1 byte b'y'",
        f"recvmsg({b}, up to 10 bytes) -> 5 bytes, {here}",
        f"getsockopt({a}, SOL_SOCKET, SO_TYPE) -> SOCK_DGRAM",
        f"setsockopt({a}, IPPROTO_IP, IP_TTL, 3) -> done",
        f"getsockopt({a}, IPPROTO_IP, IP_TTL) -> 3",
        f"getsockname({a}) -> 0.0.0.0:{mine}",
    ]
    assert of(calls, "sendto")[0].local == Endpoint("0.0.0.0", mine)  # bound by its first send


def test_refusals_are_answers():
    with socket.create_server((HERE, 0)) as gone:
        closed = gone.getsockname()
    with record() as calls, socket.socket() as sock, socket.socket() as other, socket.socket() as third:
        with pytest.raises(ConnectionRefusedError):
            sock.connect(closed)
        assert other.connect_ex(closed)
        third.bind((HERE, 0))
        third.listen()
        third.setblocking(False)
        with pytest.raises(BlockingIOError):
            third.accept()
        third.settimeout(0.01)
        with pytest.raises(TimeoutError):
            third.accept()
        with pytest.raises(OSError, match=r"\d+"):
            third.bind((HERE, 0))
        sock.close()
        with pytest.raises(OSError, match=r"\d+"):
            sock.recv(1)
        sock.close()  # a second time: the kernel is not asked
    assert [call.reply() for call in calls if isinstance(call.answer, Refused)] == [
        "ECONNREFUSED", "ECONNREFUSED", "EAGAIN", "DEADLINE", "EINVAL", "EBADF",
    ]  # fmt: skip
    assert of(calls, "recv")[0].descriptor == Descriptor(-1, 0)
    assert len(of(calls, "close")) == 3


def test_a_mistake_in_the_arguments_is_no_answer_of_the_kernel():
    with record() as calls, socket.socket() as sock:
        for mistake in ((1, 2), "nonsense", (HERE, 70000), object()):
            with pytest.raises((TypeError, OverflowError)) as inside:
                sock.bind(mistake)
            assert isinstance(of(calls, "bind")[-1].answer, Raised)
            assert of(calls, "bind")[-1].reply() == inside.type.__name__
        with pytest.raises(TypeError):
            sock.recv()
    assert isinstance(raised(socket.gaierror(-2, "")), Raised)
    assert isinstance(raised(socket.gaierror(8, "")), Raised)  # its number is no errno


def test_dup_detach_and_makefile():
    with record() as calls:
        one, two = socket.socketpair()
        same = one.dup()
        fd, copy, number_of_two = one.fileno(), same.fileno(), two.fileno()
        assert one.detach() == fd
        again = socket.socket(fileno=fd)  # no system call that makes a socket
        with again.makefile("rwb") as stream:
            again.close()  # the stream still holds it
            stream.write(b"line\n")
            stream.flush()
            assert "close" not in names(calls)
        assert names(calls)[-1] == "close"
        assert two.recv(10) == b"line\n"
        number = socket.dup(two.fileno())
        socket.close(number)
        same.close()
        two.close()
        one.close()
    assert "socket" not in names(calls)
    assert of(calls, "socketpair")[0].descriptor is None
    first, second = of(calls, "socketpair")[0].answer
    assert (first.number, second.number) == (fd, number_of_two)
    dups = of(calls, "dup")
    assert [call.descriptor for call in dups] == [first, second]
    assert dups[0].answer == (Descriptor(copy, first.socket),)  # another number, the same socket
    assert dups[1].answer == (Descriptor(number, second.socket),)
    assert of(calls, "detach")[0].answer == (first,)
    assert [call.descriptor.number for call in of(calls, "close")] == [fd, number, copy, second.number]


def test_what_cannot_be_seen_is_not_made_up():
    with record() as calls:
        one = socket.socket()
        two = socket.socket()
        os.close(one.detach())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del two
            gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]
    assert names(calls) == ["socket", "socket", "detach"]
    with socket.socket(type=socket.SOCK_DGRAM) as sock, record() as calls:
        assert (sock.recv(0), sock.recv_into(bytearray())) == (b"", 0)  # no system call: strace shows none
    assert names(calls) == []


def test_the_courses_own_questions_are_left_out_and_its_experiments_are_not():
    """The case that this was found with: a cell that looked into the table seemed to make 13 calls."""
    with record() as calls, socket.create_server((HERE, 0)) as listener:
        made = len(calls)
        table.at_port(listener.getsockname()[1])
        table.row_of(listener)
        descriptors.table()
        machine.has_local_port_range()
        asked = names(calls)[made:]
        binding.try_bind()
    assert set(asked) == {"getsockname"}
    assert [call for call in names(calls)[made + len(asked) :] if call in ("socket", "bind")] == ["socket", "bind"]


STORY = """
import json, os, socket, sys
from sockets_lab.watch.calls import record
with record() as calls:
    listener = socket.create_server(("127.0.0.1", 0), backlog=7)
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    client.sendall(b"abc")
    server.recv(10)
    twin = server.dup()
    server.close()
    twin.shutdown(socket.SHUT_RDWR)
    client.recv(10)
    client.setblocking(False)
    try:
        listener.bind(("127.0.0.1", 0))
    except OSError:
        pass
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.connect(listener.getsockname())
        udp.send(b"x")
        for attempt in range(100):
            try:
                udp.recv(1, socket.MSG_DONTWAIT)
            except ConnectionRefusedError:
                break
            except BlockingIOError:
                pass
    for sock in (twin, client, listener):
        sock.close()
kept = [[c.name, c.descriptor and c.descriptor.number, c.reply().split()[0].rstrip(",")] for c in calls]
print(json.dumps(kept))
"""


def test_strace_saw_the_same_calls(tmp_path):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    log = tmp_path / "log"
    command = ["strace", "-qq", "-e", "trace=%network,close,fcntl", "-e", "signal=none", "-o", str(log)]
    done = subprocess.run([*command, sys.executable, "-c", STORY], capture_output=True, text=True, timeout=DEADLINE)
    if "ptrace" in done.stderr:
        pytest.skip("this system lets nobody trace")
    ours = [tuple(row) for row in json.loads(done.stdout)]
    skipped = {"getsockname", "setblocking", "settimeout"}  # we ask for names ourselves; the others are ioctl
    ours = [row for row in ours if row[0] not in skipped]
    seen, sockets = [], set()
    rename = {"accept4": "accept", "fcntl": "dup"}
    for line in log.read_text().splitlines():
        call = re.match(r"(\w+)\((\d*)(.*)\)\s+= (-?\d+)(?: (E\w+))?", line)
        if not call or (call[1] == "fcntl" and "F_DUPFD" not in line):
            continue
        if call[1] == "close" and call[2] not in sockets:
            continue
        name, fd, result = rename.get(call[1], call[1]), int(call[2] or -1), call[5] or call[4]
        if name in ("sendto", "recvfrom"):
            name = {"sendto": "sendall" if "abc" in line else "send", "recvfrom": "recv"}[name]
        if name in ("socket", "accept", "dup"):
            sockets.add(result)
        if name == "close":
            sockets.discard(call[2])
        if name in ("bind", "listen", "connect", "setsockopt", "close", "shutdown") and not call[5]:
            result = "done"
        seen.append((name, None if name == "socket" else fd, "all" if name == "sendall" else result))
    seen = [row for row in seen if row[0] not in skipped]
    assert len(ours) > 20
    assert ours == seen


# Nothing is disturbed


def test_existing_sockets_aliases_and_subclasses_are_covered():
    class Mine(Socket):
        def send(self, data):
            return super().send(data.upper())

    one, two = socket.socketpair()
    with one, two, record() as calls, Socket() as alias, Mine() as mine:
        one.send(b"before")
        mine.bind((HERE, 0))
        mine.listen()
        alias.connect(mine.getsockname())
        with mine.accept()[0] as server, Mine(fileno=server.dup().detach()) as sub:
            sub.send(b"abc")
            assert alias.recv(3) == b"ABC"
        assert type(mine) is Mine
        assert isinstance(alias, socket.socket)
    assert [str(call.arguments[0]) for call in of(calls, "send")] == ["6 bytes b'before'", "3 bytes b'ABC'"]
    assert len(of(calls, "socket")) == 2


def work(report):
    """Use many methods; report each value, or the exception's type and arguments."""
    with socket.create_server((HERE, 0)) as listener, socket.socket() as client:
        methods = [
            lambda: client.connect(listener.getsockname()), lambda: client.send(b"abc"), lambda: client.sendall(b"d"),
            lambda: client.recv(-1), lambda: client.setblocking(False), lambda: client.recv(1),
            lambda: client.recv_into(b"readonly"), lambda: client.connect_ex(listener.getsockname()), client.gettimeout,
            lambda: client.listen("x"), lambda: client.setsockopt(1), lambda: client.sendto(b"x"),
            lambda: client.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 4), lambda: client.shutdown(99),
            lambda: client.__getstate__(), lambda: client.sendmsg(x for x in [b"1", b"2"]),
            lambda: client.shutdown(how=1), client.fileno, lambda: client.close(1),
        ]  # fmt: skip
        for method in methods:
            try:
                report(method())
            except Exception as error:  # noqa: BLE001  whatever it is must be the same
                report((type(error), re.sub(r"call\(\)|\w+\.\w+\(\)", "", str(error))))


def test_values_and_exceptions_are_the_same():
    plain, recorded = [], []
    work(plain.append)
    with record() as calls:
        work(recorded.append)
    assert recorded == plain
    assert len(calls) > 15


def test_the_class_is_restored_after_errors_and_nesting():
    before = dict(vars(socket.socket))
    with pytest.raises(ZeroDivisionError), record():
        assert 1 / (vars(socket.socket) == before)
    assert vars(socket.socket) == before
    with record() as outer:
        with pytest.raises(KeyboardInterrupt), record() as inner, socket.socket():
            raise KeyboardInterrupt
        with socket.socket():
            pass
    assert names(inner) == ["socket", "close"]
    assert names(outer) == ["socket", "close"] * 2
    assert vars(socket.socket) == before


def test_overlapping_recordings_of_two_threads():
    first, second = threading.Event(), threading.Event()
    kept = []

    def other():
        with record() as calls:
            first.set()
            assert second.wait(DEADLINE)
            with socket.socket():
                kept.append(calls)

    thread = threading.Thread(target=other)
    thread.start()
    assert first.wait(DEADLINE)
    with record() as calls, socket.socket():
        pass
    assert "bind" in vars(socket.socket)  # the other one still records
    second.set()
    thread.join(DEADLINE)
    assert names(calls) == names(kept[0]) == ["socket", "close"]


def test_what_the_recorded_code_puts_into_the_class_stays():
    def mine(self, backlog=1):
        return "mine"

    try:
        with record(), socket.socket() as sock:
            socket.socket.listen = mine
            assert sock.listen() == "mine"
        assert vars(socket.socket)["listen"] is mine
    finally:
        del socket.socket.listen


def test_no_socket_is_kept_alive():
    with record() as calls:
        sock = socket.socket()
        gone = weakref.ref(sock)
        try:
            sock.connect("nonsense")
        except TypeError as error:
            kept = error.with_traceback(error.__traceback__)
        sock.close()
        del sock
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(kept.__traceback__)]
    assert [frame.get("__tracebackhide__") for frame in frames] == [None, True]
    assert set(frames[1]) <= {"__tracebackhide__", "known", "noted", "original", "started", "error"}
    del frames, kept
    assert gone() is None
    assert len(calls) == 3


def test_of_very_many_calls_the_middle_is_left_out():
    with record(limit=10) as calls, socket.socket() as sock:
        for _ in range(98):
            sock.getblocking()
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
    assert [call.order for call in calls] == [1, 2, 3, 4, 5, 96, 97, 98, 99, 100]
    assert (calls.total, calls.left_out, len(calls)) == (100, 90, 10)
    assert (calls[0].name, calls[-1].name) == ("socket", "close")


# Blocking calls and threads


def interrupt_when(condition):
    """Send this process Ctrl-C as soon as the condition holds."""

    def watch():
        deadline = time.monotonic() + DEADLINE
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.001)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C raise KeyboardInterrupt, also where these tests were started in the background, deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal can be sent to a thread here")
def test_an_interrupted_call_is_recorded_as_such(ctrl_c):
    one, two = socket.socketpair()
    one.settimeout(DEADLINE)
    with one, two, record() as calls:
        thread = interrupt_when(lambda: names(calls)[-1:] == ["recv"] and calls[-1].answer is None)
        with pytest.raises(KeyboardInterrupt):
            one.recv(1)
        thread.join(DEADLINE)
    assert calls[-1].name == "recv"
    assert calls[-1].answer == Raised("KeyboardInterrupt", "the call was interrupted before an answer came", asked=True)


def test_threads_and_the_moment_of_each_answer():
    with socket.create_server((HERE, 0)) as listener, record() as calls:
        thread = threading.Thread(target=echo_once, args=(listener,), name="server")
        thread.start()
        assert until(lambda: bool(calls), DEADLINE)
        assert (calls[0].name, calls[0].answer) == ("accept", None)  # seen while it waits
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(b"hello")
            client.recv(5)
        thread.join(DEADLINE)
    accept, connect = of(calls, "accept")[0], of(calls, "connect")[0]
    assert names(calls, "server") == ["accept", "recv", "sendall", "recv", "close"]
    assert accept.order < connect.order <= accept.returned_after


def test_a_thread_that_outlives_the_recording():
    one, two = socket.socketpair()
    got = []
    with one, two:
        with record() as calls:
            thread = threading.Thread(target=lambda: got.append((one.recv(1), one.recv(1))), name="late")
            thread.start()
            assert until(lambda: "recv" in names(calls, "late"), DEADLINE)
        assert "recv" not in vars(socket.socket)
        two.send(b"ab")
        thread.join(DEADLINE)
    assert got == [(b"a", b"b")]
    assert [(call.name, call.answer, call.reply()) for call in calls] == [("recv", None, "no answer yet")]


def test_other_threads_are_not_recorded_unless_they_use_our_sockets():
    begin, ours = threading.Event(), []

    def other():
        begin.wait(DEADLINE)
        with socket.socket() as mine:
            mine.getsockname()
        ours[0].getsockname()

    thread = threading.Thread(target=other, name="other")
    thread.start()
    with record() as calls, socket.socket() as sock:
        ours.append(sock)
        begin.set()
        thread.join(DEADLINE)
    assert names(calls) == ["socket", "close"]
    assert calls.notes == (EARLIER,)
    assert f"{EARLIER}." in conversation(calls[:], notes=calls.notes).alt
    assert [(call.name, call.descriptor.number) for call in calls if call.thread == "other"] == [
        ("getsockname", of(calls, "close")[0].descriptor.number)
    ]


# Everything that the standard library builds on sockets


def test_create_connection_and_create_server():
    with record() as calls, socket.create_server((HERE, 0)) as listener:
        socket.create_connection(("localhost", listener.getsockname()[1]), timeout=DEADLINE).close()
    assert [name for name in names(calls) if name != "setsockopt"][:4] == ["socket", "bind", "listen", "getsockname"]
    assert names(calls)[-5:] == ["socket", "settimeout", "connect", "close", "close"]  # maybe after a try with ::1
    assert of(calls, "connect")[-1].arguments == (Endpoint.of(of(calls, "getsockname")[0].answer[0].sockaddr),)


def test_socketserver_and_http():
    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    with record() as calls, http.server.ThreadingHTTPServer((HERE, 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="serve")
        thread.start()
        connection = http.client.HTTPConnection(*server.server_address, timeout=DEADLINE)
        connection.request("GET", "/")
        assert connection.getresponse().status == 204
        connection.close()
        server.shutdown()
        thread.join(DEADLINE)
    assert isinstance(server, socketserver.TCPServer)
    requests = [call for call in of(calls, "sendall") if call.thread is None]
    assert requests[0].arguments[0].start.startswith(b"GET / HTTP/1.1")
    assert of(calls, "accept")[0].thread == "serve"
    worker = next(call.thread for call in of(calls, "recv") if call.thread not in (None, "serve"))
    assert of(calls, "accept")[0].answer[0] in [call.descriptor for call in calls if call.thread == worker]
    assert sorted(call.descriptor.socket for call in of(calls, "close")) == sorted(
        call.answer[0].socket for call in calls if call.name in ("socket", "accept")
    )


def test_selectors():
    one, two = socket.socketpair()
    with one, two, selectors.DefaultSelector() as ready, record() as calls:
        one.setblocking(False)
        ready.register(one, selectors.EVENT_READ)
        two.send(b"x")
        assert ready.select(DEADLINE)[0][0].fileobj is one
        one.recv(1)
    assert names(calls) == ["setblocking", "send", "recv"]


async def talk():
    async def echo(reader, writer):
        writer.write(await reader.read(100))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, HERE, 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"hello")
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()


def test_asyncio_here_and_in_a_thread():
    with record() as calls:
        asyncio.run(talk())
        thread = threading.Thread(target=lambda: asyncio.run(talk()), name="loop")
        thread.start()
        thread.join(DEADLINE)
    for name in (None, "loop"):
        mine = [call for call in calls if call.thread == name]
        assert [call.reply() for call in of(mine, "connect")] == ["EINPROGRESS"]
        assert of(mine, "connect")[0].local is not None
        assert [call.arguments[0].start for call in of(mine, "send")][-2:] == [b"hello", b"hello"]
        opened = [part.socket for call in mine if call.name in ("socket", "socketpair") for part in call.answer]
        opened += [call.answer[0].socket for call in of(mine, "accept") if isinstance(call.answer, tuple)]
        assert sorted(opened) == sorted(call.descriptor.socket for call in of(mine, "close"))


def test_an_event_loop_from_before_is_not_recorded_only_our_tasks_on_it():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="old loop")
    thread.start()

    async def noise():
        with socket.socket():
            await asyncio.sleep(0)

    try:
        asyncio.run_coroutine_threadsafe(noise(), loop).result(DEADLINE)
        with record() as calls:
            asyncio.run_coroutine_threadsafe(talk(), loop).result(DEADLINE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE)
        loop.close()
    assert {call.thread for call in calls} == {"old loop"}
    assert len(of(calls, "socket")) == 2
    assert b"\0" not in [call.arguments[0].start for call in of(calls, "send")]  # how the loop is woken


def secure(side):
    context = ssl.SSLContext(side)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH:@SECLEVEL=0")  # nobody proves who he is, so that no certificate is needed
    return context


def test_ssl():
    try:
        client, server = secure(ssl.PROTOCOL_TLS_CLIENT), secure(ssl.PROTOCOL_TLS_SERVER)
    except ssl.SSLError:
        pytest.skip("this OpenSSL has no anonymous ciphers")

    def serve(listener):
        with server.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.sendall(connection.recv(10))
            connection.recv(10)

    with record() as calls, socket.create_server((HERE, 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), name="server")
        thread.start()
        with client.wrap_socket(socket.socket()) as secret:
            secret.settimeout(DEADLINE)
            secret.connect(listener.getsockname())
            secret.sendall(b"x")
            assert secret.recv(10) == b"x"
        thread.join(DEADLINE)
    assert of(calls, "connect")[0].arguments == of(calls, "getsockname")[0].answer
    assert [call.thread for call in of(calls, "close")].count("server") == 1
    assert "sendall" not in names(calls)  # OpenSSL writes by itself, and that is not made up
    assert calls.notes == (TLS,)
    with socket.socket() as plain, record({"secret": secret}) as later, record({}) as other:
        plain.getsockname()
    assert (later.notes, other.notes) == ((TLS,), ())
    assert conversation(later[:], notes=later.notes).title.endswith(TLS)


def test_a_forked_child_changes_nothing_here():
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    with warnings.catch_warnings(), record() as calls, socket.socket() as sock:
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads
        pid = os.fork()
        if not pid:
            try:
                sock.close()
            finally:
                os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    assert names(calls) == ["socket", "close"]


def test_data_says_how_much_and_how_it_begins():
    assert str(Data.of(b"")) == "0 bytes"
    assert str(Data.of(memoryview(bytearray(b"ab" * 20)).cast("H"))) == "40 bytes b'abababababababab'..."
    assert Data.of(bytearray(b"abc"), 1) == Data(1, b"a")


# Inside a notebook's kernel, which uses sockets of Python's itself: only the learner's count


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A function that runs a cell in a real kernel and returns what it printed."""
    file = tmp_path_factory.mktemp("k") / "k.json"  # beside it the kernel's own sockets, not in the working directory
    manager = KernelManager(kernel_name="python3", transport="ipc", connection_file=str(file))
    manager.start_kernel()
    client = manager.blocking_client()

    def run(cell):
        printed, errors = [], []

        def output(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                printed.append(content["text"])
            elif message["msg_type"] == "error":
                errors.append(content["traceback"])

        client.execute_interactive(cell, timeout=DEADLINE, output_hook=output)
        assert not errors, "\n".join(errors[0])
        return "".join(printed)

    try:
        client.start_channels()
        client.wait_for_ready(timeout=2 * DEADLINE)
        run("import asyncio, json, socket, threading, time\nfrom sockets_lab.watch.calls import record")
        run("def show(calls): print(json.dumps([(c.thread, c.name, c.reply().split()[0]) for c in calls]))")
        yield run
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_prints_in_a_kernel_are_no_calls(kernel):
    kernel("listener = socket.create_server(('127.0.0.1', 0))")
    shown = kernel(
        "import sys\n"
        "with record() as calls:\n"
        "    for i in range(200):\n"
        "        print(i, flush=True); time.sleep(0.002)\n"
        "    print('err', file=sys.stderr, flush=True)\n"
        "    display(i)\n"
        "    with socket.create_connection(listener.getsockname()) as client: print(client)\n"
        "show(calls)"
    )
    lines = shown.splitlines()
    assert lines[:200] == [str(i) for i in range(200)]
    assert [row[1] for row in json.loads(lines[-1])] == ["getsockname", "socket", "connect", "close"]
    assert {row[0] for row in json.loads(lines[-1])} == {None}


ECHO = (
    "async def echo(reader, writer):\n"
    "    print('served'); writer.write(await reader.read(100)); writer.close(); await writer.wait_closed()\n"
)


def test_top_level_await_in_a_kernel(kernel):
    shown = kernel(
        f"{ECHO}"
        "with record() as calls:\n"
        "    server = await asyncio.start_server(echo, '127.0.0.1', 0)\n"
        "    reader, writer = await asyncio.open_connection('localhost', server.sockets[0].getsockname()[1])\n"
        "    writer.write(b'hi'); print(await reader.read()); writer.close(); await writer.wait_closed()\n"
        "    await asyncio.gather(*[asyncio.create_task(asyncio.sleep(0.001)) for _ in range(50)])\n"
        "    await asyncio.to_thread(time.sleep, 0.01)\n"
        "    server.close(); await server.wait_closed()\n"
        "show(calls)"
    )
    lines = shown.splitlines()
    assert lines[:2] == ["served", "b'hi'"]
    calls = [row for row in json.loads(lines[-1]) if row[1] in ("socket", "bind", "listen", "accept", "close", "send")]
    assert {row[0] for row in calls} == {None}
    kinds = [row[1] for row in calls]
    assert (kinds.count("bind"), kinds.count("listen"), kinds.count("send")) == (1, 1, 2)
    accepted = len([row for row in calls if row[1] == "accept" and row[2] != "EAGAIN"])
    assert (accepted, kinds.count("socket") + accepted) == (1, kinds.count("close"))


def test_asyncio_run_in_a_thread_of_a_kernel(kernel):
    shown = kernel(
        f"{ECHO}"
        "async def main():\n"
        "    server = await asyncio.start_server(echo, '127.0.0.1', 0)\n"
        "    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())\n"
        "    writer.write(b'hi'); print(await reader.read(), flush=True); writer.close(); await writer.wait_closed()\n"
        "    server.close(); await server.wait_closed()\n"
        "with record() as calls:\n"
        "    t = threading.Thread(target=asyncio.run, args=(main(),), name='loop'); t.start(); t.join()\n"
        "show(calls)"
    )
    assert "b'hi'" in shown
    calls = json.loads(shown.splitlines()[-1])
    assert {row[0] for row in calls} == {"loop"}
    kinds = [row[1] for row in calls]
    accepted = len([row for row in calls if row[1] == "accept" and row[2] != "EAGAIN"])
    assert kinds.count("close") == kinds.count("socket") + 2 * kinds.count("socketpair") + accepted
    assert (accepted, kinds.count("connect"), kinds.count("socketpair")) == (1, 1, 1)


def test_a_threading_server_in_a_kernel_across_cells(kernel):
    first = kernel(
        "import socketserver\n"
        "class Echo(socketserver.BaseRequestHandler):\n"
        "    def handle(self): print('handled', flush=True); self.request.sendall(self.request.recv(100))\n"
        "def ask():\n"
        "    with socket.create_connection(server.server_address, timeout=30) as client:\n"
        "        client.sendall(b'x'); client.recv(1); client.recv(1)\n"
        "with record() as calls:\n"
        "    server = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Echo)\n"
        "    serving = threading.Thread(target=server.serve_forever, args=(0.01,), name='serve'); serving.start()\n"
        "    ask()\n"
        "show(calls)"
    )
    calls = json.loads(first.splitlines()[-1])
    assert [row[1] for row in calls if row[0] == "serve"] == ["accept"]
    worker = [row[1] for row in calls if row[0] not in (None, "serve")]
    assert worker[:3] == ["recv", "sendall", "shutdown"]
    later = kernel("with record() as calls: ask()\nshow(calls)")  # the server is of an earlier cell: not ours
    calls = json.loads(later.splitlines()[-1])
    assert [row[1] for row in calls] == ["socket", "settimeout", "connect", "sendall", "recv", "recv", "close"]
    kernel("server.shutdown(); server.server_close(); serving.join()")
    assert kernel("print('bind' in vars(socket.socket))") == "False\n"
