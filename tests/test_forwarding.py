"""The forwarder, with real clients and targets; the kernel's table, `ss`, and the other ends are its witnesses."""

import errno
import gc
import hashlib
import http.server
import os
import random
import selectors
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from leaks import held
from rules import each
from trials import amount

from sockets_lab.errors import BadInput
from sockets_lab.kernel import machine, table
from sockets_lab.kernel.connecting import listening, ready, start_connect, until
from sockets_lab.lab import Lab
from sockets_lab.lessons.filtering.forwarding import Forwarded, Forwarder, forwarder, pipes, relay
from sockets_lab.lessons.fourtuples.port_search import more_descriptors
from sockets_lab.model import Endpoint, FourTuple

SOON = 30.0  # seconds; a deadline for what is otherwise done at once
MIB = 1 << 20
HERE = Endpoint("127.0.0.1", 0)
RESET = struct.pack("ii", 1, 0)
CUT_OFF = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)
SIZE = amount("FORWARD_MIB", 8, 48)  # by hand: 1024
posix = pytest.mark.skipif(os.name == "nt", reason="another struct linger, and other signals, on Windows")
netlink = pytest.mark.skipif(table.source() != "netlink", reason="only netlink tells of sockets without descriptors")
both_ways = pytest.mark.parametrize("splice", [True, False], ids=["splice", "copy"])


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    pipes.can_splice()
    before = held()
    yield
    until(lambda: held() == before, SOON)
    assert held() == before


class Stand:
    """A target that listens, a forwarder in front of it, and the sockets of a test."""

    def __init__(self, stack: ExitStack, target: socket.socket, run: Forwarder) -> None:
        self.stack, self.target, self.forwarder = stack, target, run

    def client(self) -> socket.socket:
        sock = socket.create_connection(self.forwarder.endpoint.sockaddr, timeout=SOON)
        return self.stack.enter_context(sock)

    def accepted(self) -> socket.socket:
        sock = self.stack.enter_context(self.target.accept()[0])
        sock.settimeout(SOON)
        return sock

    def joined(self) -> tuple[socket.socket, socket.socket]:
        """Return a client and what the target accepted for it."""
        return self.client(), self.accepted()

    def only(self) -> Forwarded:
        (connection,) = self.forwarder.connections()
        return connection

    def becomes(self, state: str) -> Forwarded:
        until(lambda: self.only().state == state, SOON)
        assert self.only().state == state, self.only()
        return self.only()


@contextmanager
def standing(splice: bool = True, address: str = "127.0.0.1", listen: str = "127.0.0.1") -> Iterator[Stand]:
    family = Endpoint(address, 0).family
    with ExitStack() as stack:
        target = stack.enter_context(socket.create_server((address, 0), family=family, backlog=2048))
        target.settimeout(SOON)
        run = stack.enter_context(Forwarder(Endpoint(listen, 0), Endpoint.of(target.getsockname()), splice=splice))
        yield Stand(stack, target, run)


def receive(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := sock.recv(count - len(data))):
        data += more
    return data


def error_of(call: Callable[[], object]) -> str | None:
    """Return the name of what a call is refused with."""
    try:
        call()
    except OSError as error:
        return errno.errorcode[error.errno]
    return None


@both_ways
def test_what_one_end_sends_the_other_gets_and_it_is_counted(splice: bool) -> None:
    with standing(splice) as stand:
        client, server = stand.joined()
        client.sendall(b"a question")
        assert receive(server, 10) == b"a question"
        server.sendall(b"the answer!")
        assert receive(client, 11) == b"the answer!"
        one = stand.only()
        assert (one.number, one.state, one.because) == (1, "open", None)
        assert (one.to_target, one.to_client) == (10, 11)
        assert not one.client_finished
        assert not one.target_finished
        assert one.client.reversed() == FourTuple.of(client)
        assert one.target.reversed() == FourTuple.of(server)
        assert one.target.local == Endpoint.of(server.getpeername())
        assert one.target.local != Endpoint.of(client.getsockname())
        assert one.client.local == stand.forwarder.endpoint
        assert one.target.remote == stand.forwarder.target


@pytest.mark.skipif(shutil.which("ss") is None, reason="ss is not installed")
def test_ss_shows_the_same_four_tuples() -> None:
    with standing() as stand:
        client, server = stand.joined()
        client.sendall(b"x")
        assert server.recv(1) == b"x"
        one = stand.only()
        shown = subprocess.run(["ss", "-Htn"], capture_output=True, text=True, check=True, timeout=SOON).stdout
        pairs = [tuple(line.split()[3:5]) for line in shown.splitlines()]
        for name in (one.client, one.client.reversed(), one.target, one.target.reversed()):
            assert pairs.count((str(name.local), str(name.remote))) == 1


@each([(who, splice) for who in ("client", "target") for splice in (True, False)])
def test_who_has_finished_still_gets_the_answer(who: str, splice: bool) -> None:
    with standing(splice) as stand:
        client, server = stand.joined()
        first, last = (client, server) if who == "client" else (server, client)
        first.sendall(b"all that I have")
        first.shutdown(socket.SHUT_WR)
        assert receive(last, 99) == b"all that I have"
        one = stand.only()
        assert (one.client_finished, one.target_finished, one.state) == (who == "client", who == "target", "open")
        answer = random.Random(1).randbytes(3 * MIB)
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(last.sendall, answer)
            assert receive(first, len(answer)) == answer
            sending.result(SOON)
        last.close()
        assert first.recv(1) == b""
        one = stand.becomes("ended")
        assert (one.client_finished, one.target_finished, one.because) == (True, True, None)
        assert {one.to_target, one.to_client} == {15, 3 * MIB}


def hangs_up(endpoint: Endpoint) -> str | None:
    """Connect and wait for data. Returns: the refusal, which connect itself may tell where the reset was as fast."""
    with socket.socket(endpoint.family) as client:
        client.settimeout(SOON)
        return error_of(lambda: client.connect(endpoint.sockaddr) or client.recv(1))


def test_a_refused_client_is_reset_so_that_nothing_looks_like_an_empty_answer() -> None:
    with ExitStack() as stack:
        bound = stack.enter_context(socket.socket())  # bound, and never listening: nobody else can listen here
        bound.bind(HERE.sockaddr)
        target = Endpoint.of(bound.getsockname())
        run = stack.enter_context(Forwarder(HERE, target))
        assert hangs_up(run.endpoint) == "ECONNRESET"
        (one,) = run.connections()
        assert one.state == "broken"
        assert one.because is not None
        assert one.because.name == "ECONNREFUSED"
        assert one.client.local == run.endpoint
        assert one.target.remote == target
        assert (one.to_target, one.to_client, one.client_finished, one.target_finished) == (0, 0, False, False)
        bound.listen()  # and from now on somebody does
        bound.settimeout(SOON)
        again = stack.enter_context(socket.create_connection(run.endpoint.sockaddr, timeout=SOON))
        again.sendall(b"x")
        assert stack.enter_context(bound.accept()[0]).recv(1) == b"x"
        assert [one.state for one in run.connections()] == ["broken", "open"]


@netlink
def test_a_target_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "PATIENCE", 0.2)
    with ExitStack() as stack:
        full = stack.enter_context(listening(HERE, 0))
        target = Endpoint.of(full.getsockname())
        for _ in range(16):
            if not start_connect(stack.enter_context(socket.socket()), target, 0.3):
                break
        else:
            pytest.skip("this system never fills a backlog")
        run = stack.enter_context(Forwarder(HERE, target))
        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(hangs_up, [run.endpoint] * 3)) == ["ECONNRESET"] * 3
        assert {one.because.name for one in run.connections() if one.because} == {"DEADLINE"}


def test_a_connection_of_the_forwarder_with_itself_is_nobody_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = socket.socket()
    bound.bind(HERE.sockaddr)
    monkeypatch.setattr(relay.Relay, "_new_socket", lambda _: bound)  # as if the kernel had chosen just that port
    with bound, Forwarder(HERE, Endpoint.of(bound.getsockname())) as run:
        assert hangs_up(run.endpoint) == "ECONNRESET"
        (one,) = run.connections()
        assert one.because is not None
        assert one.because.name == "ECONNREFUSED"


@posix
@each(["client", "target"])
def test_a_reset_is_passed_on_as_a_reset(who: str) -> None:
    with standing() as stand:
        client, server = stand.joined()
        client.sendall(b"x")
        assert server.recv(1) == b"x"
        breaks, other = (client, server) if who == "client" else (server, client)
        breaks.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        breaks.close()
        assert error_of(lambda: other.recv(1)) == "ECONNRESET"
        one = stand.becomes("broken")
        assert one.because is not None
        assert one.because.name == "ECONNRESET"


def push_until_stuck(sock: socket.socket, data: bytes = bytes(MIB), checksum: Any = None) -> int:
    """Send until nothing more is taken for half a second, or far too much was taken. Returns: bytes."""
    pushed = 0
    while pushed < 512 * MIB and ready([sock], selectors.EVENT_WRITE, 0.5):
        pushed += (count := sock.send(data))
        if checksum:
            checksum.update(data[:count])
    return pushed


FORWARDER = """
import sys
from sockets_lab.lessons.filtering.forwarding import Forwarder
from sockets_lab.model import Endpoint
limit = int(sys.argv[3])
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
with Forwarder(Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", int(sys.argv[1])), splice=sys.argv[2] == "1") as run:
    print(run.endpoint.port, flush=True)
    sys.stdin.readline()
"""


@contextmanager
def in_another_process(target: socket.socket, splice: bool = True, limit: int = 0) -> Iterator[tuple[int, Endpoint]]:
    """Run a forwarder in a process of its own. Yields: the process's id, and where it listens."""
    arguments = [str(target.getsockname()[1]), str(int(splice)), str(limit)]
    command = [sys.executable, "-c", FORWARDER, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.pid, Endpoint("127.0.0.1", int(process.stdout.readline()))
            output, _ = process.communicate("end\n", timeout=SOON)
            assert (output, process.returncode) == ("", 0)
        finally:
            process.kill()


@pytest.mark.thorough
@both_ways
def test_a_slow_reader_slows_the_sender_and_takes_no_memory(splice: bool) -> None:
    data, checksum = random.Random(4).randbytes(MIB), hashlib.sha256()
    with ExitStack() as stack:
        target = stack.enter_context(socket.create_server(HERE.sockaddr))
        target.settimeout(SOON)
        process, endpoint = stack.enter_context(in_another_process(target, splice))
        for _ in range(4):  # what is there only once, such as buffers, shall not count
            with socket.create_connection(endpoint.sockaddr, timeout=SOON) as client, target.accept()[0] as server:
                client.sendall(data[:70000])
                receive(server, 70000)
        before = psutil.Process(process).memory_info().rss
        client = stack.enter_context(socket.create_connection(endpoint.sockaddr, timeout=SOON))
        server = stack.enter_context(target.accept()[0])
        client.setblocking(False)
        pushed = push_until_stuck(client, data, checksum)
        assert pushed < 256 * MIB, "nothing held the sender back"  # all the kernel's buffers together are far smaller
        assert psutil.Process(process).memory_info().rss - before < 4 * MIB
        client.close()
        with socket.create_connection(endpoint.sockaddr, timeout=SOON) as other, target.accept()[0] as its_server:
            other.sendall(bytes(70000))  # what is held of the one must not be mixed with the other
            receive(its_server, 70000)
        server.settimeout(SOON)
        assert _hash_all(server) == (pushed, checksum.hexdigest())


@pytest.mark.thorough
@both_ways
def test_nothing_spins_while_nothing_can_be_done(splice: bool) -> None:
    """Half-closed one way, and stuck the other: whoever waits for the wrong event would turn in a circle."""
    with standing(splice) as stand:
        client, server = stand.joined()
        server.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        client.setblocking(False)
        push_until_stuck(client)
        idle, idle_server = stand.joined()
        idle.shutdown(socket.SHUT_WR)
        assert idle_server.recv(1) == b""
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.25


@both_ways
def test_much_arrives_unchanged_both_ways_at_once(splice: bool) -> None:
    with standing(splice) as stand, ThreadPoolExecutor(4) as pool:
        client, server = stand.joined()
        sent = [pool.submit(_send_much, *ends) for ends in ((client, 5), (server, 6))]
        received = [pool.submit(_hash_all, sock) for sock in (server, client)]
        for there, here in zip(sent, received, strict=True):
            assert here.result(600) == (SIZE * MIB, there.result(600))
        assert (stand.becomes("ended").to_target, stand.only().to_client) == (SIZE * MIB, SIZE * MIB)


def _send_much(sock: socket.socket, seed: int) -> str:
    """Send SIZE MiB in pieces of odd sizes, and finish. Returns: the checksum."""
    dice = random.Random(seed)
    block = memoryview(dice.randbytes(4 * MIB))
    checksum, left = hashlib.sha256(), SIZE * MIB
    while left:
        length = min(left, dice.choice([1, 700, 65536, 65537, 3 * MIB]))
        start = dice.randrange(len(block) - length)
        sock.sendall(piece := block[start : start + length])
        checksum.update(piece)
        left -= length
    sock.shutdown(socket.SHUT_WR)
    return checksum.hexdigest()


def _hash_all(sock: socket.socket) -> tuple[int, str]:
    checksum, total, room = hashlib.sha256(), 0, bytearray(MIB)
    while count := sock.recv_into(room):
        checksum.update(memoryview(room)[:count])
        total += count
    return total, checksum.hexdigest()


@pytest.mark.thorough
def test_a_thousand_connections_at_once_each_get_their_own_answer() -> None:
    with more_descriptors(5000) as limit:
        count = min(1000, (limit - relay.RESERVE - 60) // 4)  # each has four ends, all in this process
        with standing() as stand:
            clients = [stand.client() for _ in range(count)]
            for number, client in enumerate(clients):
                client.sendall(number.to_bytes(4, "big"))
            servers = [stand.accepted() for _ in range(count)]
            for server in servers:
                server.sendall(receive(server, 4)[::-1])
            for number, client in enumerate(clients):
                assert receive(client, 4)[::-1] == number.to_bytes(4, "big")
            connections = stand.forwarder.connections()
            assert [one.number for one in connections] == list(range(1, count + 1))
            assert {(one.state, one.to_target, one.to_client) for one in connections} == {("open", 4, 4)}
            assert {one.client.reversed() for one in connections} == {FourTuple.of(client) for client in clients}
            assert {one.target.reversed() for one in connections} == {FourTuple.of(server) for server in servers}
            for sock in (*clients, *servers):
                sock.close()
            until(lambda: {one.state for one in stand.forwarder.connections()} == {"ended"}, SOON)
            assert {one.state for one in stand.forwarder.connections()} == {"ended"}


def test_what_is_over_is_told_of_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "KEPT", 3)
    with standing() as stand:
        for _ in range(5):
            client, server = stand.joined()
            client.close()
            server.close()
        until(lambda: [one.number for one in stand.forwarder.connections()] == [3, 4, 5], SOON)
        assert [(one.number, one.state) for one in stand.forwarder.connections()] == [
            (3, "ended"), (4, "ended"), (5, "ended"),
        ]  # fmt: skip


@pytest.mark.thorough
@posix
def test_without_descriptors_clients_wait_until_others_have_gone() -> None:
    limit = relay.RESERVE + 40
    with ExitStack() as stack:
        target = stack.enter_context(socket.create_server(HERE.sockaddr, backlog=64))
        target.settimeout(SOON)
        process, endpoint = stack.enter_context(in_another_process(target, limit=limit))
        clients = [stack.enter_context(socket.create_connection(endpoint.sockaddr, SOON)) for _ in range(40)]
        for number, client in enumerate(clients):
            client.sendall(bytes([number]))
        served = []
        for turn in range(len(clients)):
            with target.accept()[0] as server:
                server.settimeout(SOON)
                served.append(server.recv(1)[0])
                server.sendall(bytes([served[-1]]))
                if turn == 10 and hasattr(psutil.Process, "num_fds"):
                    assert psutil.Process(process).num_fds() <= 40
            assert receive(clients[served[-1]], 9) == bytes([served[-1]])
            clients[served[-1]].close()
        assert sorted(served) == list(range(40))


def test_where_only_so_many_can_be_served_the_next_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "MOST", 2)
    with standing() as stand:
        pairs = [stand.joined(), stand.joined()]
        late = stand.client()
        late.sendall(b"late")
        assert [one.number for one in stand.forwarder.connections()] == [1, 2]
        for sock in pairs[0]:
            sock.close()
        assert receive(stand.accepted(), 4) == b"late"
        assert [(one.number, one.state) for one in stand.forwarder.connections()] == [
            (1, "ended"), (2, "open"), (3, "open"),
        ]  # fmt: skip


@both_ways
def test_a_stop_in_the_middle_resets_both_ends_and_leaves_nothing(splice: bool) -> None:
    with standing(splice) as stand, ThreadPoolExecutor(4) as pool:
        client, server = stand.joined()
        waiting, waiting_server = stand.joined()
        flows = [pool.submit(_flow, sock) for sock in (client, server)]
        reads = [pool.submit(_hash_all, sock) for sock in (server, client)]
        until(lambda: all(min(one.to_target, one.to_client) > MIB for one in stand.forwarder.connections()[:1]), SOON)
        stand.forwarder.close()
        assert stand.forwarder.closed
        for flow in flows:
            assert isinstance(flow.exception(SOON), CUT_OFF), flow
        for read in reads:
            read.exception(SOON)  # a socket tells a reset once, to whoever asks first: here perhaps to the sender
        for sock in (waiting, waiting_server):
            assert error_of(partial(sock.recv, 1)) == "ECONNRESET"
        connections = stand.forwarder.connections()
        assert [one.state for one in connections] == ["broken", "broken"]
        assert {one.because.name for one in connections if one.because} == {"STOPPED"}
        assert error_of(stand.client) == "ECONNREFUSED"
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("forwarder")]
        stand.forwarder.close()  # twice is no harm
        if table.source() == "netlink":
            names = {name for one in connections for name in (one.client, one.target)}
            assert not [row for row in table.snapshot(("tcp",)) if row.four_tuple in names]


def _flow(sock: socket.socket) -> None:
    block = bytes(MIB)
    while True:
        sock.sendall(block)


def test_a_forwarder_that_nobody_holds_any_more_stops_by_itself() -> None:
    with socket.create_server(HERE.sockaddr) as target:
        run = Forwarder(HERE, Endpoint.of(target.getsockname()))
        endpoint = run.endpoint
        del run
        gc.collect()
        assert until(lambda: hangs_up(endpoint) == "ECONNREFUSED", SOON)  # its thread ends a moment later


def test_a_taken_port_is_refused_and_one_in_time_wait_is_not() -> None:
    with socket.create_server(HERE.sockaddr) as holder, pytest.raises(OSError, match=r".*") as refused:
        Forwarder(Endpoint.of(holder.getsockname()), Endpoint("127.0.0.1", 9))
    assert refused.value.errno in (errno.EADDRINUSE, errno.EACCES)
    with standing() as stand:
        client, server = stand.joined()
        server.close()  # the forwarder finishes first toward the client, and so has the TIME_WAIT
        assert client.recv(1) == b""
        client.close()
        stand.becomes("ended")
        stand.forwarder.close()
        if table.source() == "netlink":
            waiting = [row.local for row in table.snapshot("tcp", "TIME_WAIT")]
            assert stand.forwarder.endpoint in waiting
        Forwarder(stand.forwarder.endpoint, stand.forwarder.target).close()


@pytest.mark.skipif(not machine.has_ipv6(), reason="no IPv6 here")
@each([("::1", "127.0.0.1"), ("127.0.0.1", "::1"), ("::1", "::1")])
def test_it_joins_one_address_family_with_the_other(listen: str, address: str) -> None:
    with standing(address=address, listen=listen) as stand:
        client, server = stand.joined()
        client.sendall(b"x")
        assert server.recv(1) == b"x"
        assert stand.only().client.reversed() == FourTuple.of(client)
        assert stand.only().target.reversed() == FourTuple.of(server)


@pytest.mark.skipif(not machine.loopback_addresses(), reason="only one loopback address here")
def test_it_connects_from_the_address_that_it_is_told() -> None:
    with ExitStack() as stack:
        target = stack.enter_context(socket.create_server(HERE.sockaddr))
        target.settimeout(SOON)
        run = stack.enter_context(Forwarder(HERE, Endpoint.of(target.getsockname()), source="127.0.0.2"))
        stack.enter_context(socket.create_connection(run.endpoint.sockaddr, timeout=SOON))
        server, peer = target.accept()
        server.close()
        assert peer[0] == "127.0.0.2"
        assert run.connections()[0].target.local == Endpoint.of(peer)


OK = Endpoint("127.0.0.1", 8080)
@pytest.fixture
def _no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a socket was made")

    monkeypatch.setattr(socket, "socket", forbidden)


@pytest.mark.usefixtures("_no_sockets")
@pytest.mark.parametrize("wrong", [None, "127.0.0.1:8080", ("127.0.0.1", 8080), 8080, b"", object()])
def test_what_is_no_endpoint_is_told_so(wrong: object) -> None:
    for listen, target in ((wrong, OK), (HERE, wrong)):
        with pytest.raises(BadInput, match="is no endpoint"):
            Forwarder(listen, target)  # type: ignore[arg-type]


@pytest.mark.usefixtures("_no_sockets")
def test_other_mistakes_are_told_so() -> None:
    with pytest.raises(BadInput, match="Port 0"):
        Forwarder(HERE, HERE)
    with pytest.raises(BadInput, match="to itself"):
        Forwarder(OK, OK)
    with pytest.raises(BadInput, match="one family"):
        Forwarder(HERE, OK, source="::1")
    with pytest.raises(BadInput, match="not an IP address"):
        Forwarder(HERE, OK, source="localhost")


def test_a_port_that_would_be_the_target_itself_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    real, first = forwarder._listening, forwarder._listening(HERE)
    target = Endpoint.of(first.getsockname())
    answers = iter([lambda _: first, real])
    monkeypatch.setattr(forwarder, "_listening", lambda endpoint: next(answers)(endpoint))
    with first, Forwarder(HERE, target) as run:
        assert run.endpoint != target


@pytest.mark.skipif(not pipes.can_splice(), reason="no splice here")
def test_pipes_are_few_and_one_that_holds_bytes_is_nobody_elses() -> None:
    some = pipes.Pipes()
    with ExitStack() as stack:
        stack.callback(some.close)
        before = len(os.listdir("/proc/self/fd"))
        taken = [one for one in (some.take() for _ in range(pipes.MOST)) if one]
        assert some.take() is None
        near, far = (stack.enter_context(one) for one in socket.socketpair())
        near.send(b"somebody's")
        far.setblocking(False)
        assert taken[0].fill(far) == 10
        dirty, clean, *others = taken
        some.give_back(clean)
        some.give_back(dirty)
        again = [one for one in (some.take(), some.take()) if one]
        assert again[0] is clean
        assert again[1] is not dirty
        assert again[1].holds == 0
        for pipe in (*others, *again):
            some.give_back(pipe)
        assert len(os.listdir("/proc/self/fd")) <= before + 2 * pipes.SPARE + 2  # the two are near and far


def test_without_descriptors_for_pipes_everything_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more(_: object) -> None:
        raise OSError(errno.EMFILE, "no more")

    monkeypatch.setattr(pipes.Pipe, "__init__", no_more)
    data = random.Random(9).randbytes(2 * MIB)
    with standing() as stand, ThreadPoolExecutor(1) as pool:
        client, server = stand.joined()
        sending = pool.submit(client.sendall, data)
        assert receive(server, len(data)) == data
        sending.result(SOON)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_gets_through_it_what_a_web_server_has(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(page := random.Random(8).randbytes(5 * MIB))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            with Forwarder(HERE, Endpoint("127.0.0.1", server.server_port)) as run:
                urls = [f"http://{run.endpoint}/page"] * 3 + [f"http://{run.endpoint}/nothing"]
                got = [curl("-f", url) for url in urls]
                until(lambda: not {one.state for one in run.connections()} & {"connecting", "open"}, SOON)
                assert [done.stdout == page for done in got] == [True, True, True, False]
                assert got[-1].returncode == 22  # an answer of HTTP's, 404: the forwarder did its work
                # The last may be "broken": with -f, curl hangs up on the error page, whether or not it has come.
                assert [one.state for one in run.connections()[:3]] == ["ended"] * 3
        finally:
            server.shutdown()
            serving.join(SOON)


def curl(*arguments: str) -> subprocess.CompletedProcess:
    command = ["curl", "-q", "-s", "--noproxy", "*", "--max-time", str(SOON), *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=2 * SOON)


MIDDLE = """
import sockets_lab.lessons.filtering.forwarding as forwarding
from sockets_lab.model import Endpoint
forwarder = forwarding.Forwarder(Endpoint(ME, {port}), Endpoint(ADDRESS["C"], {target}), source=ME)
forwarder.endpoint.port
"""
NODES = {"A": "10.20.30.40", "B": "40.50.60.70", "C": "50.60.70.80"}


def test_a_nodes_cell_that_is_interrupted_ends_its_forwarder() -> None:
    with Lab(**NODES, fallback=True) as lab:
        then = "import socket, time\nwith forwarder, socket.create_server((ME, 0)):\n    time.sleep(60)"
        lab.B.start(MIDDLE.format(port=0, target=9) + then)

        def listeners() -> list[Endpoint]:
            return [row.local for row in lab.B.table(("tcp",)) if row.state == "LISTEN"]

        assert until(lambda: len(listeners()) == 2, SOON)  # the second one tells that the `with` has begun
        both = listeners()
        lab.B.interrupt()
        assert isinstance(lab.B.result(SOON).error, KeyboardInterrupt)
        assert not set(both) & set(listeners())


@posix
@both_ways
def test_urgent_bytes_pass_at_their_place(splice: bool) -> None:
    big = random.randbytes(3 * MIB)
    for parts in ((b"abc", b"!", b"def"), (b"", b"!", b""), (big, b"!", big), (big, b"!", b"")):
        with standing(splice) as stand, ThreadPoolExecutor(1) as pool:
            sender, reader = stand.joined()
            reading = pool.submit(receive, reader, 7 * MIB)
            sender.sendall(parts[0])
            sender.send(parts[1], socket.MSG_OOB)
            sender.sendall(parts[2])
            sender.shutdown(socket.SHUT_WR)
            assert reading.result(SOON) == b"".join(parts)
