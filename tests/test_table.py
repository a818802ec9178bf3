"""The socket table against `ss`, psutil and the sockets that we opened ourselves."""

import errno
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

import psutil
import pytest
from machines import NO_PROC
from rules import each

from sockets_lab.errors import BadInput
from sockets_lab.kernel import netlink, table
from sockets_lab.kernel.machine import descriptor_limits, has_dual_stack, has_ipv6
from sockets_lab.kernel.table import owners, psutil_table, sock_diag
from sockets_lab.model import TCP_STATES, Endpoint, FourTuple, Owner

DEADLINE = 20.0
SS_STATES = {"ESTAB": "ESTABLISHED", "UNCONN": "UNCONNECTED", "FIN-WAIT-1": "FIN_WAIT1", "FIN-WAIT-2": "FIN_WAIT2"}
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close by RST, so that nothing is left in TIME_WAIT

on_netlink = pytest.mark.skipif(not sock_diag.works("tcp"), reason="this kernel tells no sockets over netlink")
with_ss = pytest.mark.skipif(shutil.which("ss") is None, reason="`ss` is not installed: package iproute2")


@pytest.fixture(autouse=True)
def _source_of_this_machine(monkeypatch):
    monkeypatch.delenv("SOCKETS_LAB_TABLE", raising=False)


@pytest.fixture(params=["netlink", "psutil"])
def each_source(request, monkeypatch):
    """Run a test once with the kernel's own answers and once with psutil's."""
    if request.param == "psutil":
        monkeypatch.setenv("SOCKETS_LAB_TABLE", "psutil")
    if table.source() != request.param:
        pytest.skip("this kernel tells no sockets over netlink")
    return request.param


def connect(stack, listener, family=socket.AF_INET):
    """Connect and accept: (client, server)."""
    client = stack.enter_context(socket.socket(family))
    client.settimeout(DEADLINE)
    client.connect(listener.getsockname()[:2])
    listener.settimeout(DEADLINE)
    server = stack.enter_context(listener.accept()[0])
    for end in (client, server):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    return client, server


def eventually(ask, wanted):
    """Ask until the answer is the one that is wanted, and return the last answer."""
    end = time.monotonic() + DEADLINE
    while (answer := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.01)
    return answer


@pytest.fixture
def zoo():
    """Open one socket of each kind: name -> (socket, the state that it must have)."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client, server = connect(stack, listener)
        half, other_half = connect(stack, listener)
        half.shutdown(socket.SHUT_WR)
        waiting = stack.enter_context(socket.create_connection(listener.getsockname(), timeout=DEADLINE))
        waiting.sendall(b"before accept")
        waiting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        unconnected = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        unconnected.bind(("127.0.0.1", 0))
        connected = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        connected.connect(unconnected.getsockname())
        connected.send(b"a datagram that nobody reads")
        animals = {
            "listener": (listener, "LISTEN"),
            "client": (client, "ESTABLISHED"),
            "server": (server, "ESTABLISHED"),
            "half closed": (half, "FIN_WAIT2"),
            "its other end": (other_half, "CLOSE_WAIT"),
            "waiting": (waiting, "ESTABLISHED"),
            "unconnected datagrams": (unconnected, "UNCONNECTED"),
            "connected datagrams": (connected, "CONNECTED"),
        }
        if has_ipv6():
            listener6 = stack.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6))
            client6, server6 = connect(stack, listener6, socket.AF_INET6)
            animals |= {
                "IPv6 listener": (listener6, "LISTEN"),
                "IPv6 client": (client6, "ESTABLISHED"),
                "IPv6 server": (server6, "ESTABLISHED"),
            }
        for sock, state in animals.values():  # a FIN may need a moment to be acknowledged
            eventually(lambda sock=sock: getattr(table.row_of(sock), "state", None), state)
        yield animals


def names_of(sock):
    """What the table must show as (protocol, local, remote)."""
    protocol = "udp" if sock.type == socket.SOCK_DGRAM else "tcp"
    try:
        remote = Endpoint.of(sock.getpeername())
    except OSError:
        remote = Endpoint("::" if sock.family == socket.AF_INET6 else "0.0.0.0", 0)
    return protocol, Endpoint.of(sock.getsockname()), remote


def ss(*options):
    """Run `ss` and read its lines: (protocol, local, remote) -> (state, receive queue, send queue, rest)."""
    lines = subprocess.run(
        ["ss", "-H", "-a", "-n", *options], capture_output=True, text=True, timeout=DEADLINE, check=True
    ).stdout.splitlines()
    found = {}
    for line in lines:
        protocol, state, receive_queue, send_queue, local, remote, *rest = line.split()
        state = SS_STATES.get(state, state.replace("-", "_"))
        names = (protocol, ss_endpoint(local), ss_endpoint(remote))
        found[names] = (state, int(receive_queue), int(send_queue), " ".join(rest))
    return found


def ss_endpoint(text):
    address, _, port = text.rpartition(":")
    address = re.sub("%.*", "", address).strip("[]")  # the device, of which our endpoints know only on one link
    return Endpoint("::" if address == "*" else address, 0 if port == "*" else int(port))


def key(row):
    return row.protocol, row.local, row.remote


@pytest.mark.usefixtures("each_source")
def test_every_kind_of_socket_has_its_row(zoo):
    rows = {key(row): row for row in table.snapshot()}
    for name, (sock, state) in zoo.items():
        assert rows[names_of(sock)].state == state, name
        assert table.row_of(sock) == rows[names_of(sock)], name


@on_netlink
@with_ss
def test_rows_are_those_of_ss(zoo):
    theirs = ss("-t", "-u")
    ours = {key(row): row for row in table.snapshot()}
    for name, (sock, _) in zoo.items():
        row = ours[names_of(sock)]
        state, receive_queue, send_queue, _ = theirs[names_of(sock)]
        shown = "ESTABLISHED" if row.state == "CONNECTED" else row.state
        assert (shown, row.receive_queue, row.send_queue) == (state, receive_queue, send_queue), name


@with_ss
@pytest.mark.usefixtures("each_source")
def test_owners_are_those_of_ss(zoo):
    theirs = ss("-t", "-u", "-p")
    ours = {key(row): row for row in table.snapshot(owners=True)}
    for name, (sock, _) in zoo.items():
        users = re.findall(r'\("([^"]*)",pid=(\d+),fd=(\d+)\)', theirs[names_of(sock)][3])
        held = ours[names_of(sock)].owners
        assert [(owner.pid, owner.descriptor) for owner in held] == [(int(pid), int(fd)) for _, pid, fd in users], name
        assert (os.getpid(), sock.fileno()) in [(owner.pid, owner.descriptor) for owner in held], name
        assert all(owner.program for owner in held), name


def test_rows_are_those_of_psutil(zoo):
    ours = {key(row): row for row in table.snapshot()}
    theirs = {}
    for entry in psutil.Process().net_connections("inet"):
        wildcard = ("::" if entry.family == socket.AF_INET6 else "0.0.0.0", 0)
        protocol = "tcp" if entry.type == socket.SOCK_STREAM else "udp"
        theirs[protocol, Endpoint.of(entry.laddr), Endpoint.of(entry.raddr or wildcard)] = entry.status
    for name, (sock, state) in zoo.items():
        assert names_of(sock) in theirs, name
        if sock.type == socket.SOCK_STREAM:
            assert ours[names_of(sock)].state == theirs[names_of(sock)] == state, name


@on_netlink
def test_queues_and_inode(zoo):
    inodes = {name: os.fstat(sock.fileno()).st_ino for name, (sock, _) in zoo.items()}
    for name, (sock, _) in zoo.items():
        assert table.row_of(sock).inode == inodes[name], name
    listening = table.row_of(zoo["listener"][0])
    assert listening.receive_queue == 1  # one connection waits for accept
    assert listening.send_queue > 1
    assert table.row_of(zoo["unconnected datagrams"][0]).receive_queue > 0


@pytest.mark.usefixtures("each_source")
def test_a_connection_before_accept(zoo):
    waiting = FourTuple.of(zoo["waiting"][0]).reversed()
    row = table.find(waiting)
    assert row.four_tuple == waiting
    assert row.state == "ESTABLISHED"
    if table.source() == "netlink":
        assert (row.inode, row.receive_queue) == (0, len(b"before accept"))
        (again,) = [each for each in table.holders(waiting.local) if each.four_tuple == waiting]
        assert again.owners == ()  # known to have none


@pytest.mark.usefixtures("each_source")
def test_find_is_exact(zoo):
    here = FourTuple.of(zoo["client"][0])
    assert table.find(here).four_tuple == here
    assert table.find(here.reversed()).four_tuple == here.reversed()
    # Nobody has this tuple; the kernel's lookup would fall back to the listener.
    assert table.find(FourTuple(here.remote, Endpoint("127.0.0.1", 1))) is None
    assert table.find(FourTuple(here.remote, Endpoint("127.7.7.7", here.local.port))) is None
    assert table.find(FourTuple(here.remote, Endpoint("::1", here.local.port))) is None


@on_netlink
def test_an_open_reader_finds_what_find_finds(zoo):
    held = len(os.listdir("/proc/self/fd"))
    with table.Reader() as reader:
        for name, (sock, _) in zoo.items():
            names = FourTuple(*names_of(sock)[1:])
            if sock.type == socket.SOCK_STREAM:
                assert reader.find(names) == table.find(names), name
                assert reader.find(names).inode == os.fstat(sock.fileno()).st_ino, name
                assert reader.find(FourTuple(names.local, Endpoint("127.0.0.1", 1))) is None, name
        assert len(os.listdir("/proc/self/fd")) == held + 1
    assert len(os.listdir("/proc/self/fd")) == held


@on_netlink
def test_a_reader_that_was_interrupted_takes_no_old_answer(zoo, monkeypatch):
    def interrupt(kernel, *request):
        if request:
            netlink.send(kernel, *request)
        raise KeyboardInterrupt  # asked, and the answer not yet received

    names, other = (FourTuple.of(zoo[name][0]) for name in ("client", "half closed"))
    with table.Reader() as reader:
        for ask in (lambda: reader.find(other), lambda: reader.rows([])):
            with monkeypatch.context() as patched:
                patched.setattr(netlink, "receive", interrupt)
                patched.setattr(netlink, "ask_for_one", interrupt)
                with pytest.raises(KeyboardInterrupt):
                    ask()
            assert reader.find(names).four_tuple == names


@pytest.mark.usefixtures("each_source")
def test_time_wait_is_found():
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.create_connection(listener.getsockname(), timeout=DEADLINE))
        names = FourTuple.of(client)
        server = stack.enter_context(listener.accept()[0])
        client.close()  # it closes first, so its end is the one that waits
        server.settimeout(DEADLINE)
        assert server.recv(1) == b""
        server.close()
        row = eventually(lambda: getattr(table.find(names), "state", None), "TIME_WAIT")
        assert row == "TIME_WAIT"
        assert names in [row.four_tuple for row in table.snapshot("tcp", "TIME_WAIT")]
        assert eventually(lambda: table.find(names.reversed()), None) is None


@on_netlink
def test_a_connection_that_is_asked_for():
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        clients = []
        for _ in range(4):  # more than the queue holds: the kernel lets the last ones ask again and again
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            clients.append(client)
        local = Endpoint.of(clients[-1].getsockname())
        (row,) = [row for row in table.snapshot("tcp", "SYN_SENT") if row.local == local]
        assert row.remote == Endpoint.of(listener.getsockname())
        assert table.row_of(clients[-1]) == row


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
def test_the_kernel_is_asked_wherever_it_answers():
    """A dump of listeners, asked for with nothing of ours. Source: sock_diag(7)."""
    question = struct.pack("=IHHIIBBBxI48x", 72, 20, 0x301, 1, 0, socket.AF_INET, socket.IPPROTO_TCP, 0, 1 << 10)
    try:
        with socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:
            kernel.settimeout(DEADLINE)
            kernel.sendto(question, (0, 0))
            (kind,) = struct.unpack_from("=H", kernel.recv(65536), 4)
    except OSError:
        kind = 2  # NLMSG_ERROR
    assert sock_diag.works("tcp") is (kind == 20)


@cache
def shows_bound_sockets():
    """Whether this kernel lists a TCP socket that is bound only: found by asking it with one."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock_diag.dump("tcp", port=sock.getsockname()[1]) != []


@on_netlink
def test_bound_and_not_listening():
    with socket.socket() as sock:
        assert table.row_of(sock) is None  # not bound yet: no name, no row
        sock.bind(("127.0.0.1", 0))
        row = table.row_of(sock)
        if not shows_bound_sockets():
            assert row is None
            pytest.skip("this kernel, as Linux before 6.8, has no row of a TCP socket that is bound only")
        assert row is not None
        assert (row.state, row.local) == ("CLOSE", Endpoint.of(sock.getsockname()))
        assert row in table.snapshot("tcp", "CLOSE")
        assert row not in table.snapshot("tcp", set(TCP_STATES) - {"CLOSE"})


@pytest.mark.usefixtures("each_source")
def test_rows_at_a_port_are_of_that_port_only(each_source):
    """Linux lists sockets that are bound and do nothing yet, whichever port it was asked for."""
    with socket.socket() as idle, socket.create_server(("127.0.0.1", 0)) as listener:
        idle.bind(("127.0.0.1", 0))
        for sock in (idle, listener):
            here = Endpoint.of(sock.getsockname())
            assert {row.local for row in table.at_port(here.port)} == {
                row.local for row in table.snapshot("tcp") if row.local.port == here.port}  # fmt: skip


def test_states_and_protocols_are_kept_apart(zoo):
    mine = {names_of(sock): state for sock, state in zoo.values()}
    for states in ("LISTEN", ["ESTABLISHED", "CONNECTED"], ("UNCONNECTED",)):
        wanted = {states} if isinstance(states, str) else set(states)
        rows = table.snapshot(states=states)
        assert {row.state for row in rows} <= wanted
        assert {key(row) for row in rows} & mine.keys() == {names for names, state in mine.items() if state in wanted}
    assert {row.protocol for row in table.snapshot("udp")} == {"udp"}


def test_mistakes_are_told():
    with pytest.raises(BadInput, match="pass 'tcp' or 'udp'"):
        table.snapshot(("icmp",))
    with pytest.raises(BadInput, match="ESTABLISHED"):
        table.snapshot(states=["ESTAB"])
    with pytest.raises(BadInput, match="pass 'tcp' or 'udp'"):
        table.holders(Endpoint("127.0.0.1", 80), "sctp")
    closed = socket.socket()
    closed.close()
    with pytest.raises(OSError, match=re.escape(os.strerror(errno.EBADF))):
        table.row_of(closed)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no AF_UNIX")
def test_a_socket_of_another_family_is_told():
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(BadInput, match="AF_UNIX"):
        table.row_of(sock)


@pytest.mark.usefixtures("each_source")
def test_holders_by_address():
    with ExitStack() as stack:
        one = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        (row,) = table.holders(Endpoint("127.0.0.1", port), "udp")
        assert row.owners == (Owner(os.getpid(), one.fileno(), psutil.Process().name()),)
        assert descriptors(table.holders(Endpoint("127.0.0.2", port), "udp")) == []
        assert descriptors(table.holders(Endpoint("0.0.0.0", port), "udp")) == []


@pytest.mark.usefixtures("each_source")
def test_a_wildcard_holds_every_address():
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 0))
        port = sock.getsockname()[1]
        for address in ("127.0.0.1", "127.0.0.2", "0.0.0.0", "::ffff:127.0.0.1"):
            assert sock.fileno() in descriptors(table.holders(Endpoint(address, port), "udp")), address
        assert sock.fileno() not in descriptors(table.holders(Endpoint("::1", port), "udp"))


@on_netlink
@pytest.mark.skipif(not (has_ipv6() and has_dual_stack()), reason="this machine has no dual stack")
@pytest.mark.parametrize("only", [0, 1])
@pytest.mark.parametrize("listens", [True, False])
def test_the_ipv6_wildcard_holds_ipv4_unless_told_not_to(only, listens):
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM if listens else socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        sock.bind(("::", 0))
        if listens:
            sock.listen()
        port = sock.getsockname()[1]
        protocol = "tcp" if listens else "udp"
        assert sock.fileno() in descriptors(table.holders(Endpoint("::1", port), protocol))
        assert (sock.fileno() in descriptors(table.holders(Endpoint("127.0.0.1", port), protocol))) is not bool(only)


def descriptors(rows):
    return [owner.descriptor for row in rows for owner in row.owners or () if owner.pid == os.getpid()]


@pytest.mark.usefixtures("each_source")
@pytest.mark.skipif(not has_dual_stack(), reason="this machine has no dual stack")
def test_ipv4_on_an_ipv6_socket_is_found():
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True))
        except OSError:
            pytest.skip("this machine has no dual stack")
        client = stack.enter_context(socket.create_connection(("127.0.0.1", listener.getsockname()[1]), DEADLINE))
        names = FourTuple.of(client)
        server = stack.enter_context(listener.accept()[0])
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        assert table.find(names.reversed()).local == Endpoint(f"::ffff:{names.remote.address}", names.remote.port)
        assert table.row_of(server).four_tuple == FourTuple.of(server)


@on_netlink
def test_a_socket_in_two_processes_has_two_owners():
    program = "import sys; print(flush=True); sys.stdin.read()"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[listener.fileno()],
        )  # fmt: skip
        with child:
            assert child.stdout.readline() == b"\n"
            (row,) = table.holders(Endpoint.of(listener.getsockname()))
            child.stdin.close()
            child.wait(DEADLINE)
        assert {(each.pid, each.descriptor) for each in row.owners} == {
            (os.getpid(), listener.fileno()), (child.pid, listener.fileno()),
        }  # fmt: skip
        (row,) = table.holders(Endpoint.of(listener.getsockname()))
        assert [owner.pid for owner in row.owners] == [os.getpid()]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.usefixtures("each_source")
def test_another_users_socket_has_an_unknown_owner():
    """Ask as an ordinary user for a socket of root's. A fork, because that user may not be able to read this Python."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = Endpoint.of(listener.getsockname())
        assert table.holders(endpoint)[0].owners is not None
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(writing, json.dumps(ask_as_nobody(listener, endpoint)).encode())
            except BaseException as error:  # noqa: BLE001
                os.write(writing, json.dumps(repr(error)).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with open(reading, "rb") as pipe:
            answer = json.loads(pipe.read())
        os.waitpid(pid, 0)
        assert answer == [["LISTEN", None]] * 2


@pytest.mark.thorough
@on_netlink
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can take /proc away")
@each(["netlink", "psutil"])
def test_without_proc_nobody_is_known_as_owner(source):
    program = """
import socket
from sockets_lab import table
from sockets_lab.model import Endpoint
with socket.create_server(("127.0.0.1", 0)) as listener:
    rows = [row for row in table.snapshot("tcp", owners=True) if row.local == Endpoint.of(listener.getsockname())]
    print([row.owners for row in rows], table.holders(Endpoint.of(listener.getsockname())) == rows)
"""
    environment = os.environ | {"SOCKETS_LAB_TABLE": source}
    done = subprocess.run([*NO_PROC, sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == {"netlink": "[None] True\n", "psutil": "[] True\n"}[source]  # psutil reads all in /proc


def ask_as_nobody(listener, endpoint):
    listener.close()  # what the fork handed down would make this process an owner too
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    rows = [row for row in table.snapshot(owners=True) if row.local == endpoint]
    return [[row.state, row.owners] for row in rows + table.holders(endpoint)]


@pytest.mark.thorough
@on_netlink
def test_thousands_of_rows_come_in_several_parts():
    pairs = min(1500, (descriptor_limits()[0] - 100) // 2)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        wanted = set()
        for _ in range(pairs):
            client, _ = connect(stack, listener)
            wanted |= {FourTuple.of(client), FourTuple.of(client).reversed()}
        found = [row.four_tuple for row in table.snapshot("tcp", "ESTABLISHED")]
        assert wanted <= set(found)
        assert sum(names in wanted for names in found) == len(wanted)  # each of them once


# --- what a kernel may answer ---------------------------------------------------------------------------------------


class Kernel:
    """A netlink socket that answers with the parts it was given."""

    def __init__(self, *parts, flags=0):
        self.parts, self.flags = list(parts), flags

    def __call__(self, *_):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_): ...

    def setsockopt(self, level, option, value): ...

    def send(self, request): ...

    def recvmsg(self, size):
        return self.parts.pop(0), [], self.flags, None


def message(kind, payload=b"", flags=0):
    padding = b"\0" * (-len(payload) % 4)
    return netlink.HEADER.pack(netlink.HEADER.size + len(payload), kind, flags, 1, 0) + payload + padding


DONE = message(netlink.NLMSG_DONE, bytes(4))


@pytest.fixture
def answering(monkeypatch):
    """Put a kernel of our own in the place of the real one."""

    def answer_with(*parts, flags=0):
        monkeypatch.setattr(netlink.socket, "socket", Kernel(*parts, flags=flags))
        return netlink.ask(4, 20, b"", dump=True)

    if not hasattr(socket, "AF_NETLINK"):
        pytest.skip("this system has no netlink")
    return answer_with


def test_parts_are_joined(answering):
    assert list(answering(message(20, b"one") + message(20, b"three"), message(20, b"five5"), DONE)) == [
        b"one", b"three", b"five5",
    ]  # fmt: skip
    assert list(answering(message(20, b"last") + DONE)) == [b"last"]


def test_an_error_is_raised_with_its_number(answering):
    refused = message(netlink.NLMSG_ERROR, struct.pack("=i", -errno.EPERM) + bytes(16))
    with pytest.raises(PermissionError):
        list(answering(refused))


def test_a_part_that_came_cut_off_is_an_error(answering):
    with pytest.raises(OSError, match="larger than the buffer"):
        list(answering(message(20, b"cut"), flags=socket.MSG_TRUNC))


@on_netlink
def test_the_kernels_own_cut_is_noticed(monkeypatch):
    monkeypatch.setattr(netlink, "BUFFER", 64)
    with socket.create_server(("127.0.0.1", 0)), pytest.raises(OSError, match="larger than the buffer"):
        sock_diag.dump("tcp", socket.AF_INET)


@on_netlink
def test_the_kernels_own_refusal_is_raised():
    with pytest.raises(OSError, match="Invalid argument"):
        sock_diag.dump("tcp", 255)  # no such family


def _named(message):
    """Family, state and names, without the timers, which run."""
    return message[:2], message[4:52]


@on_netlink
@each([None, frozenset({"ESTABLISHED", "TIME_WAIT"}), frozenset({"CLOSE"})])
def test_both_families_in_one_walk_are_the_same_rows_as_one_after_the_other(states):
    with ExitStack() as held:
        ports = []
        for address in ("127.0.0.1", *(["::1"] if has_ipv6() else [])):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            server = held.enter_context(socket.create_server((address, 0), family=family))
            bound = held.enter_context(socket.socket(family))
            bound.bind((address, 0))
            first, second, left = (held.enter_context(socket.socket(family)) for _ in range(3))
            for client in (first, left, second):  # first stays, left goes into TIME_WAIT, second is never accepted
                client.connect(server.getsockname())
            held.enter_context(server.accept()[0])
            gone = server.accept()[0]
            left.close()
            gone.close()
            ports += [sock.getsockname()[1] for sock in (server, bound)[: 1 + shows_bound_sockets()]]
        for port in ports:
            one_by_one = [sock_diag.dump("tcp", family, states, port) for family in sock_diag.FAMILIES]
            at_once = sock_diag.dump("tcp", None, states, port)
            assert sorted(map(_named, at_once)) == sorted(map(_named, one_by_one[0] + one_by_one[1]))
        everything = sock_diag.dump("tcp", states=states)
        assert [message[0] for message in everything] == sorted(message[0] for message in everything)
        if states is None:
            assert set(ports) <= {socket.ntohs(port) for _, port in map(sock_diag.IN_USE.unpack_from, everything)}


def test_interruption_is_told_after_the_last_row(answering):
    rows = []
    with pytest.raises(netlink.Interrupted):
        rows.extend(answering(message(20, b"one", netlink.NLM_F_DUMP_INTR) + message(20, b"two") + DONE))
    assert rows == [b"one", b"two"]


@pytest.fixture
def refusing(monkeypatch):
    """Let the kernel refuse netlink with an errno, for the families that are given."""

    def refuse_with(number, *families):
        asked = []
        refused = message(netlink.NLMSG_ERROR, struct.pack("=i", -number) + bytes(72))  # it carries the request
        monkeypatch.setattr(netlink, "send", lambda kernel, kind, payload, flags=0: asked.append(payload[0]))
        monkeypatch.setattr(
            netlink, "receive", lambda kernel: refused if not families or asked[-1] in families else DONE
        )
        sock_diag.works.cache_clear()

    yield refuse_with
    sock_diag.works.cache_clear()


def test_a_kernel_without_ipv6_has_no_such_rows(refusing):
    refusing(errno.ENOENT, socket.AF_INET6)
    assert table.snapshot() == []
    refusing(errno.ENOENT, socket.AF_INET)
    with pytest.raises(FileNotFoundError):
        sock_diag.dump("tcp", socket.AF_INET)


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these files")
@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOENT, errno.EPROTONOSUPPORT])
def test_where_netlink_is_refused_the_files_answer(refusing, zoo, number):
    before = {name: table.row_of(sock) for name, (sock, _) in zoo.items()}
    refusing(number)
    assert table.source("tcp") == table.source("udp") == "proc"
    for name, (sock, state) in zoo.items():
        row = table.row_of(sock)
        queue = None if state == "LISTEN" else before[name].send_queue  # the files do not tell a backlog
        assert row == replace(before[name], send_queue=queue), name
        assert row in table.snapshot(), name
        (owned,) = [one for one in table.holders(row.local, row.protocol) if one.inode == row.inode]
        assert (os.getpid(), sock.fileno()) in [(one.pid, one.descriptor) for one in owned.owners], name
    client = FourTuple.of(zoo["client"][0])
    assert table.find(client) == table.row_of(zoo["client"][0])
    assert table.find(FourTuple(client.local, client.local)) is None


def test_where_psutil_may_not_see_all_it_shows_our_own(monkeypatch, zoo):
    def denied(kind):
        raise psutil.AccessDenied

    monkeypatch.setenv("SOCKETS_LAB_TABLE", "psutil")
    assert table.source() == "psutil"
    psutil_table.covers_machine.cache_clear()
    monkeypatch.setattr(psutil, "net_connections", denied)
    try:
        assert not table.covers_machine()
        rows = table.snapshot(owners=True)
    finally:
        psutil_table.covers_machine.cache_clear()
    mine = [row for row in rows if key(row) in {names_of(sock) for sock, _ in zoo.values()}]
    assert len(mine) == len(zoo)
    assert {owner.pid for row in rows for owner in row.owners} == {os.getpid()}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system has no /proc/*/fd")
def test_a_process_that_vanishes_is_skipped(monkeypatch):
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [*real(path), "4294967295"] if path == "/proc" else real(path))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        inode = os.fstat(listener.fileno()).st_ino
        found = owners.owners_of([inode])
        assert [owner.descriptor for owner in found[inode] if owner.pid == os.getpid()] == [listener.fileno()]
        assert owners.owners_of([]) == {}
