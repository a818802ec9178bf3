"""No socket that exists is missed: bound to a device, link-local, IPv4 inside IPv6, half closed, not yet accepted."""

import errno
import json
import os
import socket
import struct
import subprocess
import sys
import textwrap
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from test_table import ABORT, DEADLINE, DONE, connect, eventually, key, message, on_netlink, ss, with_ss

from sockets_lab.figures.inspector import news
from sockets_lab.kernel import descriptors, netlink, table
from sockets_lab.kernel.machine import has_dual_stack, has_ipv6
from sockets_lab.kernel.table import sock_diag
from sockets_lab.lessons.descriptors.figure import numbers_and_sockets
from sockets_lab.model import PROTOCOLS, Endpoint, FourTuple, interface_name, protocol_of, spelled
from sockets_lab.watch.sockets import Follower, eye

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="devices, MPTCP and these files are Linux's")
ATTRIBUTE = netlink.attribute(15, b"\0\0\0\0")
OWN_NETWORK = ("unshare", "--map-root-user", "--net", "sh", "-c")
LINK_LOCAL = "ip link set lo up && ip addr add fe80::1/64 dev lo nodad && exec "


def bound_to(device, *arguments, **options):
    """Make a socket that is bound to a device, which every user may do from Linux 5.7 on."""
    sock = socket.socket(*arguments, **options)
    if device:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        except PermissionError:
            sock.close()
            pytest.skip("before Linux 5.7 only root binds a socket to a device")
    return sock


def stages(address, client_on="", server_on="", dual=False):
    """Yield a name, a socket or None, and the four-tuple of a TCP connection in each stage of its life."""
    family = socket.AF_INET6 if ":" in address or dual else socket.AF_INET
    with ExitStack() as stack:
        listener = stack.enter_context(bound_to(server_on, family))
        if dual:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(Endpoint("::" if dual else address, 0).sockaddr)
        listener.listen()
        target = Endpoint(address, listener.getsockname()[1])

        def connected():
            client = stack.enter_context(bound_to(client_on, target.family))
            client.settimeout(DEADLINE)
            client.connect(target.sockaddr)
            return client, FourTuple.of(client)

        client, name = connected()
        yield "before accept", None, name.reversed()
        server = stack.enter_context(listener.accept()[0])
        yield "client", client, name
        yield "server", server, FourTuple.of(server)
        yield "server by the client's names", None, name.reversed()
        client.shutdown(socket.SHUT_WR)
        eventually(lambda: table.row_of(client).state, "FIN_WAIT2")
        yield "half closed", client, name
        client.close()
        yield "half closed, without descriptor", None, name
        server.close()
        yield "TIME_WAIT", None, name
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
        silent, name = connected()
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        yield "SYN_RECV", None, name.reversed()


def missed(*arguments, **options):
    """List what the table does not find, of every stage and by every way; each row must be that of the snapshot."""
    wrong = []
    for name, sock, four_tuple in stages(*arguments, **options):
        rows = [row for row in table.snapshot("tcp") if row.local.agrees_with(four_tuple.local)]
        rows = [row for row in rows if row.remote.agrees_with(four_tuple.remote)]
        ways = {"snapshot": rows[0] if rows else None, "find": table.find(four_tuple)}
        if table.source() == "netlink":
            with table.Reader() as reader:
                ways["Reader.find"] = reader.find(four_tuple)
        if sock:
            ways["row_of"] = table.row_of(sock)
            ways["holders"] = next((row for row in table.holders(four_tuple.local) if row in rows), ways["row_of"])
        wrong += [f"{name}: {way}: {row}" for way, row in ways.items() if row is None or row != ways["snapshot"]]
        if sock and ways["row_of"] and (four_tuple.local, four_tuple.remote) != (
            Endpoint.of(sock.getsockname()), Endpoint.of(sock.getpeername())
        ):  # fmt: skip
            wrong.append(f"{name}: other names: {four_tuple}")
        nobody = FourTuple(four_tuple.local, Endpoint(four_tuple.remote.address, 1))
        if table.find(nobody):
            wrong.append(f"{name}: found what is not there")
    return wrong


@LINUX
@pytest.mark.parametrize("source", ["netlink", "psutil"])
@pytest.mark.parametrize(("client_on", "server_on"), [("", ""), ("lo", ""), ("", "lo"), ("lo", "lo")])
def test_a_connection_bound_to_a_device_is_found(monkeypatch, source, client_on, server_on):
    if source == "psutil":
        monkeypatch.setenv("SOCKETS_LAB_TABLE", source)
    assert missed("127.0.0.1", client_on, server_on) == []
    if has_dual_stack():
        assert missed("127.0.0.1", client_on, server_on, dual=True) == []
    if has_ipv6():
        assert missed("::1", client_on, server_on) == []


@LINUX
@pytest.mark.parametrize("source", ["netlink", "psutil"])
def test_a_link_local_connection_is_found(source):
    """In a network of its own, by its address with the interface's name, with its number, and bound to the device."""
    program = (
        "import json, socket, test_table_found as t; "
        "name, number = 'fe80::1%lo', 'fe80::1%' + str(socket.if_nametoindex('lo')); "
        "print(json.dumps([t.missed(name), t.missed(number, 'lo', 'lo'), t.datagrams(name)]))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    environment |= {"SOCKETS_LAB_TABLE": source} if source == "psutil" else {}
    done = subprocess.run(
        [*OWN_NETWORK, f'{LINK_LOCAL} {sys.executable} -c "$0"', program],
        env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if not done.stdout:
        pytest.skip(f"no network namespace with a link-local address here: {done.stderr[-200:]}")
    assert json.loads(done.stdout) == [[], [], []]


def datagrams(address, device=""):
    """List what is not found of UDP: connected or not, and of two that share one port."""
    wrong = []
    with ExitStack() as stack:
        family = Endpoint(address, 0).family
        one, other = (stack.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for _ in range(2))
        for sock in (one, other):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(Endpoint(address, 0).sockaddr)
        other.bind(one.getsockname())
        peer = stack.enter_context(bound_to(device, family, socket.SOCK_DGRAM))
        peer.connect(one.getsockname())
        for sock in (one, other, peer):
            row = table.row_of(sock)
            if row is None or (row.inode is not None and row.inode != os.fstat(sock.fileno()).st_ino):
                wrong.append(f"{sock}: {row}")
            elif table.source() == "netlink" and row.local != Endpoint.of(sock.getsockname()):
                wrong.append(f"{sock}: other names: {row}")
    return wrong


@LINUX
@pytest.mark.parametrize("source", ["netlink", "psutil"])
def test_datagram_sockets_that_share_a_port_or_have_a_device_are_found(monkeypatch, source):
    if source == "psutil":
        monkeypatch.setenv("SOCKETS_LAB_TABLE", source)
    assert datagrams("127.0.0.1", "lo") == []
    if has_ipv6():
        assert datagrams("::1", "lo") == []


@on_netlink
def test_the_device_tells_two_rows_with_one_name_apart():
    with bound_to("lo", type=socket.SOCK_DGRAM) as one, bound_to("", type=socket.SOCK_DGRAM) as other:
        for sock in (one, other):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(("127.0.0.1", 0))
        other.bind(one.getsockname())
        assert [table.row_of(sock).device for sock in (one, other)] == ["lo", ""]
        assert sorted(row.device for row in table.holders(Endpoint.of(one.getsockname()), "udp")) == ["", "lo"]


@LINUX
def test_an_endpoint_keeps_its_interface():
    lo = socket.if_nametoindex("lo")
    scoped = Endpoint.of(("fe80::1", 80, 0, lo))
    assert scoped == Endpoint("fe80::1%lo", 80) == Endpoint(f"fe80::1%{lo}", 80) == Endpoint.parse(str(scoped))
    assert scoped.sockaddr == ("fe80::1", 80, 0, lo)
    assert scoped != Endpoint("fe80::1", 80) != Endpoint("fe80::1%eth9", 80)
    assert scoped.agrees_with(Endpoint("fe80::1", 80))
    assert not scoped.agrees_with(Endpoint("fe80::1%eth9", 80))
    assert Endpoint("fe80::1%eth9", 80).sockaddr == ("fe80::1%eth9", 80)  # for the kernel to refuse
    assert interface_name(99999) == "99999"
    assert Endpoint("::ffff:1.2.3.4", 5).agrees_with(Endpoint("1.2.3.4", 5))
    assert Endpoint("::ffff:0:102:304", 5).unmapped == Endpoint("::ffff:0:102:304", 5)


def made(kind, address="127.0.0.1"):
    """Make a bound socket of a protocol, where this kernel and user may have one."""
    protocol = PROTOCOLS[kind]
    try:
        sock = socket.socket(socket.AF_INET, protocol.type, 1 if kind == "raw" else protocol.number)
    except OSError as refused:
        pytest.skip(f"no {protocol.title} socket here: {refused}")
    sock.bind((address, 0))
    return sock


@on_netlink
@with_ss
def test_mptcp_says_what_it_is_and_what_is_unread():
    with made("mptcp") as listener, made("mptcp") as client:
        listener.listen()
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            client.sendall(bytes(932))
            eventually(lambda: table.row_of(server).receive_queue >= 932, True)
            row = table.row_of(server)
            assert (row.protocol, row.receive_queue >= 932, row.state) == ("mptcp", True, "ESTABLISHED")
            assert row in table.snapshot("mptcp")
            told = ss("-t", "-M")
            for one in table.snapshot(("tcp", "mptcp")):
                if one.four_tuple == row.four_tuple:
                    assert told[key(one)][:2] == (one.state, one.receive_queue)
            assert [one.type for one in descriptors.table() if one.number == server.fileno()] == ["MPTCP"]
            with closing(eye()) as looks:
                (held,) = [one for one in looks.look() if server.fileno() in one.numbers]
                assert (held.type, held.row) == ("MPTCP", row)


@LINUX
@pytest.mark.parametrize(("kind", "told"), [("raw", "127.0.0.1, IP protocol number 1"), ("udplite", "127.0.0.1:")])
def test_a_rarer_socket_says_what_it_is_and_what_its_number_means(kind, told):
    with made(kind) as sock:
        row, title = table.row_of(sock), PROTOCOLS[kind].title
        assert (row.protocol, row.inode, row.state) == (kind, os.fstat(sock.fileno()).st_ino, "UNCONNECTED")
        assert row.local == Endpoint.of(sock.getsockname())
        assert spelled(row.local, row.protocol).startswith(told)
        assert os.getpid() in [owner.pid for owner in table.holders(row.local, kind)[0].owners]
        assert row in table.snapshot(kind)
        assert kind not in {one.protocol for one in table.snapshot()}
        entries = [one for one in descriptors.table() if one.number == sock.fileno()]
        assert entries[0].type == title
        assert told in numbers_and_sockets(entries, descriptors.rows_behind(entries)).alt
        with closing(eye()) as looks:
            (held,) = [one for one in looks.look() if sock.fileno() in one.numbers]
        assert (held.type, held.row) == (title, row)
        views = []
        follower = Follower(views.append)
        follower.see([], 0.0)
        follower.see([held], 1.0)
        assert told in news(views[-1])[0]


# --- who holds it ---------------------------------------------------------------------------------------------------

HOLDER = """
import ctypes, os, socket, sys, threading
libc = ctypes.CDLL(None)
listener = socket.create_server(("127.0.0.1", 0))
port, ready = listener.getsockname()[1], threading.Event()
def hold():
    if {apart}:
        assert libc.unshare(0x400) == 0  # CLONE_FILES: from here on this thread has a table of its own
    ready.set()
    if {apart}:
        left.wait()
    else:
        threading.main_thread().join(0.3)  # it ends without a word to Python
    print(port, flush=True)
    sys.stdin.read()
    os._exit(0)
left = threading.Event()
threading.Thread(target=hold).start()
ready.wait()
if {apart}:
    os.close(listener.fileno())
    left.set()
    threading.Event().wait()
libc.syscall({end}, 0)
"""


@on_netlink
@pytest.mark.parametrize("apart", [False, True])
def test_a_thread_that_holds_a_socket_without_its_process_is_found(apart):
    """The first thread has ended (and its table with it), or has closed what another thread's own table still has."""
    end = {"x86_64": 60, "aarch64": 93}.get(os.uname().machine)
    program = textwrap.dedent(HOLDER).format(apart=apart, end=end)
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with child:
        endpoint = Endpoint("127.0.0.1", int(child.stdout.readline()))
        for rows in (table.holders(endpoint), table.holders(endpoint, among=[child.pid])):
            assert [(owner.pid, owner.program != "?") for row in rows for owner in row.owners] == [(child.pid, True)]
        child.stdin.close()


# --- a kernel that tells of TCP only, and its messages --------------------------------------------------------------


@pytest.fixture
def no_udp(monkeypatch):
    """Let the kernel know nothing of UDP over netlink, as one without udp_diag: it is asked for DCCP instead."""
    send = netlink.send

    def refusing(kernel, kind, payload, flags=0):
        if kind == sock_diag.SOCK_DIAG_BY_FAMILY and payload[1] == socket.IPPROTO_UDP:
            payload = payload[:1] + bytes([33]) + payload[2:]
        send(kernel, kind, payload, flags)

    monkeypatch.setattr(netlink, "send", refusing)
    sock_diag.works.cache_clear()
    yield
    sock_diag.works.cache_clear()


@on_netlink
@pytest.mark.usefixtures("no_udp")
def test_without_udp_diag_udp_comes_from_the_files():
    assert (table.source("tcp"), table.source("udp")) == ("netlink", "proc")
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        one.bind(("127.0.0.1", 0))
        other.connect(one.getsockname())
        other.send(b"unread")
        rows = [table.row_of(sock) for sock in (one, other)]
        assert [row.state for row in rows] == ["UNCONNECTED", "CONNECTED"]
        assert [row.inode for row in rows] == [os.fstat(sock.fileno()).st_ino for sock in (one, other)]
        assert rows[0].receive_queue > 0
        assert rows[0].local.port in table.ports("udp")["UNCONNECTED"]
        assert {row.protocol for row in table.snapshot()} == {"tcp", "udp"}
        with closing(eye()) as looks:
            assert [held.row.inode for held in looks.look() if one.fileno() in held.numbers] == [rows[0].inode]


@with_ss
@pytest.mark.parametrize("source", ["netlink", "psutil"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_the_ports_are_those_of_the_snapshot_and_of_psutil(monkeypatch, source, protocol):
    if source == "psutil":
        monkeypatch.setenv("SOCKETS_LAB_TABLE", source)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        client, server = connect(stack := ExitStack(), listener)
        datagrams.bind(("127.0.0.1", 0))
        with stack:
            found = table.ports(protocol)
            ours = [listener, client, server] if protocol == "tcp" else [datagrams]
            for sock in ours:
                assert sock.getsockname()[1] in found[table.row_of(sock).state]
            for entry in psutil.Process().net_connections(f"{protocol}4"):
                assert entry.laddr.port in set().union(*found.values())


@pytest.fixture
def answering(monkeypatch):
    """Put parts of our own in the place of the kernel's answer."""

    def answer_with(*parts):
        left = list(parts)
        monkeypatch.setattr(netlink, "send", lambda *_: None)
        monkeypatch.setattr(netlink, "receive", lambda kernel: left.pop(0))

    return answer_with


@on_netlink
def test_messages_of_all_lengths_are_kept_apart(answering):
    rows = [os.urandom(sock_diag.SIZE) for _ in range(60)]
    payloads = [row + ATTRIBUTE * (number % 4) + bytes(number % 3) for number, row in enumerate(rows)]
    packed = [message(20, payload) for payload in payloads]
    for first in range(1, 59, 7):
        parts = [b"".join(packed[:first]), b"".join(packed[first:59]), packed[59]]
        for answer in ([*parts[:2], parts[2] + DONE], [*parts, DONE]):
            answering(*answer)
            assert sock_diag.dump("tcp", socket.AF_INET) == payloads


@on_netlink
@pytest.mark.parametrize("echo", [16, 72])  # with the header of the request, or all of it: then it is as large as a row
def test_a_refusal_is_no_row(answering, echo):
    refused = message(netlink.NLMSG_ERROR, struct.pack("=i", -errno.EACCES) + bytes(echo))
    answering(message(20, bytes(sock_diag.SIZE)), refused)
    with pytest.raises(PermissionError):
        sock_diag.dump("tcp", socket.AF_INET)


def test_a_protocol_without_a_row_in_our_table_is_named_by_its_number():
    assert protocol_of(SimpleNamespace(type=socket.SOCK_STREAM, proto=132)).title == "protocol 132"
