"""Labs of nodes: stacks of their own, code and sockets in them, cables, and nothing left afterwards."""

import contextlib
import errno
import itertools
import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
import types

import psutil
import pytest
from labs import needs_namespaces
from machines import NO_NAMESPACES
from rules import each

from sockets_lab import headers
from sockets_lab.errors import BadInput, Refused
from sockets_lab.guard import destination
from sockets_lab.kernel import table
from sockets_lab.lab import Lab, LabUnavailable, NodeError, execution, opened
from sockets_lab.model import Endpoint
from sockets_lab.netns import launcher
from sockets_lab.netns.channel import Channel, RefusedStep

TEXT = {"A": "10.20.30.40", "B": "50.60.70.80"}
DEADLINE = 10.0


@pytest.fixture(scope="module")
def lab():
    """A lab for tests that leave it as it was."""
    with Lab(**TEXT) as made:
        yield made


@pytest.fixture
def fresh():
    """A lab for a test that changes it."""
    with Lab(**TEXT) as made:
        yield made


def connected(lab) -> tuple[socket.socket, socket.socket]:
    """Connect A to B, and return both ends."""
    with lab.B.socket() as listener:
        listener.bind((lab.B.address, 0))
        listener.listen()
        client = lab.A.socket()
        client.settimeout(DEADLINE)
        client.bind((lab.A.address, 0))  # on loopback an unbound client would speak from 127.0.0.1
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        server.settimeout(DEADLINE)
        return client, server


def datagrams(lab) -> tuple[socket.socket, socket.socket]:
    """Return a datagram socket of A, and one of B which is bound."""
    sender, receiver = (node.socket(socket.AF_INET, socket.SOCK_DGRAM) for node in (lab.A, lab.B))
    receiver.bind((lab.B.address, 0))
    receiver.settimeout(DEADLINE)
    return sender, receiver


@needs_namespaces
class TestStacks:
    def test_a_node_has_the_address_that_was_asked_for_and_no_other_way_out(self, lab):
        def addresses_and_errors():
            errors = {}
            for target in ("192.0.2.1", "10.20.30.41", "8.8.8.8", "50.60.70.80"):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    errors[target] = sock.connect_ex((target, 9))
            return {name: [one.address for one in found if one.family == socket.AF_INET]
                    for name, found in psutil.net_if_addrs().items()}, errors  # fmt: skip

        addresses, errors = lab.A.run(addresses_and_errors)
        assert addresses == {"lo": ["127.0.0.1"], "eth0": ["10.20.30.40"]}
        assert errors == dict.fromkeys(("192.0.2.1", "10.20.30.41", "8.8.8.8"), errno.ENETUNREACH) | {"50.60.70.80": 0}
        assert "10.20.30.40" not in [one.address for found in psutil.net_if_addrs().values() for one in found]

    def test_a_socket_that_was_handed_over_lives_in_its_nodes_stack(self, lab):
        cookies = {}
        with lab.A.socket() as a, lab.B.socket() as b, socket.socket() as here:
            for name, sock in (("A", a), ("B", b), ("here", here)):
                cookies[name] = sock.getsockopt(socket.SOL_SOCKET, 71, 8)  # SO_NETNS_COOKIE: which network
            assert len(set(cookies.values())) == 3
            b.bind((TEXT["B"], 8888))
            with pytest.raises(OSError, match="assign"):
                here.bind((TEXT["B"], 8888))

    def test_the_tables_of_two_nodes_are_two_tables_and_ss_agrees(self, lab):
        client, server = connected(lab)
        with client, server:
            (row,) = [row for row in lab.A.table(owners=True) if row.state == "ESTABLISHED"]
            assert (row.local, row.remote) == (Endpoint.of(client.getsockname()), Endpoint.of(server.getsockname()))
            assert [(one.pid, one.descriptor) for one in row.owners] == [(os.getpid(), client.fileno())]
            (other,) = [row for row in lab.B.table() if row.state == "ESTABLISHED"]
            assert other.four_tuple == row.four_tuple.reversed()
            told = lab.A.execute("import subprocess; subprocess.run(['ss', '-tnH'], stdin=subprocess.DEVNULL)")
            if not isinstance(told.error, FileNotFoundError):
                assert told.output.split()[3:5] == [str(row.local), str(row.remote)]
        assert str(row.remote) not in {str(one.local) for one in table.snapshot()}

    @pytest.mark.thorough
    def test_the_first_packet_arrives_at_once(self):
        for _ in range(20):
            with Lab(**TEXT) as made:
                sender, receiver = datagrams(made)
                receiver.settimeout(DEADLINE)
                with made.A.capture() as cable:
                    sender.sendto(b"first", receiver.getsockname())
                    assert receiver.recv(10) == b"first"
                    asked = [one for one in cable.packets() if one.outgoing and one.octets[12:14] == b"\x08\x06"]
                assert len(asked) == 1  # a lost ARP request would have been repeated after a second

    def test_ports_below_1024_and_raw_sockets_are_there_for_anybody(self, lab):
        with lab.B.socket() as web, lab.B.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
            web.bind((TEXT["B"], 80))

    def test_segments_are_cut_and_their_checksums_filled_in_as_on_a_wire(self, lab):
        client, server = connected(lab)
        with client, server, lab.A.capture() as capture:
            client.sendall(bytes(100_000))
            got = 0
            while got < 100_000:
                got += len(server.recv(65536))
            packets = capture.packets()
        assert len(packets) > 100_000 // 1448
        assert max(len(one.octets) for one in packets) == 1514
        for one in packets:
            assert all(check.verdict == "right" for check in headers.checks(headers.dissect(one.octets)))

    @pytest.mark.thorough
    def test_many_nodes(self):
        addresses = {f"N{number}": f"10.0.{number}.1" for number in range(16)}
        with Lab(**addresses) as made:
            first, last = made.nodes[0], made.nodes[-1]
            with last.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, first.socket(
                socket.AF_INET, socket.SOCK_DGRAM
            ) as sender:
                receiver.bind((last.address, 0))
                receiver.settimeout(DEADLINE)
                sender.sendto(b"x", receiver.getsockname())
                assert receiver.recv(9) == b"x"


@needs_namespaces
class TestCode:
    def test_a_cells_output_value_and_names(self, lab):
        told = lab.A.execute("import os\nprint('one')\nos.system('echo two')\nprint('three')\nnumber = 41\nME")
        assert (told.output, told.value, told.error) == ("one\ntwo\nthree\n", "'10.20.30.40'", None)
        assert lab.A.execute("number + 1").value == "42"
        assert isinstance(lab.B.execute("number").error, NameError)

    def test_an_error_has_its_own_lines_and_none_of_the_courses(self, lab):
        told = lab.A.execute("def divide():\n    return 1 / 0\nprint('before')\ndivide()")
        assert isinstance(told.error, ZeroDivisionError)
        assert told.output == "before\n"
        assert "    return 1 / 0" in told.traceback
        assert "sockets_lab" not in told.traceback
        assert isinstance(lab.A.execute("1 +").error, SyntaxError)
        assert isinstance(lab.A.execute("import sys; sys.exit(3)").error, SystemExit)

    def test_a_function_and_what_it_needs_travel(self, lab):
        base = 40

        def add(number):
            print("adding", os.getpid() != here)
            return {"sum": base + number}

        here = os.getpid()
        assert lab.A.run(add, 2) == {"sum": 42}

    def test_an_exception_arrives_as_it_was(self, lab):
        def bind_remote():
            with socket.socket() as sock:
                sock.bind(("50.60.70.80", 1))

        with pytest.raises(OSError) as raised:  # noqa: PT011  the errno is looked at below
            lab.A.run(bind_remote)
        assert raised.value.errno == errno.EADDRNOTAVAIL
        assert "in bind_remote" in raised.value.__notes__[0]

        class Own(Exception):
            pass

        def fail():
            raise Own("with words")

        with pytest.raises(Own, match="with words"):
            lab.A.run(fail)

    def test_what_cannot_travel_is_told_in_a_sentence(self, lab):
        with socket.socket() as sock, pytest.raises(BadInput, match="make sockets and files inside"):
            lab.A.run(sock.getsockname)
        with pytest.raises(TypeError, match="pickle"):
            lab.A.run(threading.Lock)

    def test_the_courses_experiments_may_speak_to_nodes_inside_and_only_there(self, lab):
        there = Endpoint("50.60.70.80", 8888)
        assert lab.A.run(destination, there) == there
        with pytest.raises(BadInput, match=r"a node of this lab: 10\.20\.30\.40, 50\.60\.70\.80"):
            lab.A.run(destination, Endpoint("50.60.70.81", 8888))
        with pytest.raises(BadInput):
            destination(there)

    def test_work_in_the_background_leaves_the_rest_usable(self, fresh):
        server = (
            "import socket\nwith socket.create_server((ME, 8888)) as listener:\n"
            "    connection, _ = listener.accept()\n    with connection:\n        print(connection.recv(100))"
        )
        fresh.B.start(server)
        with pytest.raises(BadInput, match="B is busy"):
            fresh.B.execute("1")
        until = time.monotonic() + DEADLINE
        while not [row for row in fresh.B.table() if row.state == "LISTEN"] and time.monotonic() < until:
            time.sleep(0.01)
        with fresh.A.socket() as client:
            client.connect((fresh.B.address, 8888))
            client.sendall(b"to a cell")
        assert fresh.B.result().output == "b'to a cell'\n"
        with pytest.raises(BadInput, match="nothing to do"):
            fresh.B.result()

    @pytest.mark.parametrize("code", ["import time; time.sleep(60)", "while True: pass",
                                      "import socket; socket.create_server((ME, 0)).accept()"])  # fmt: skip
    def test_an_interrupt_ends_what_waits_and_what_runs(self, fresh, code):
        for pause in (0, 0.01, 0.3):  # also before the node has begun
            fresh.A.start(code)
            time.sleep(pause)
            fresh.A.interrupt()
            assert isinstance(fresh.A.result(DEADLINE).error, KeyboardInterrupt)
            assert fresh.A.execute("1 + 1").value == "2"

    def test_code_that_goes_on_after_an_interrupt_can_be_interrupted_again(self, fresh):
        fresh.A.start(
            "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('no')\ntime.sleep(60)"
        )
        for _ in range(2):
            time.sleep(0.3)
            fresh.A.interrupt()
        told = fresh.A.result(DEADLINE)
        assert told.output == "no\n"
        assert isinstance(told.error, KeyboardInterrupt)

    @pytest.mark.thorough
    def test_an_interrupt_when_nothing_runs_is_nothing(self, fresh):
        for _ in range(20):
            fresh.A.interrupt()
            assert fresh.A.execute("1 + 1").value == "2"

    def test_patience_ends(self, fresh):
        with pytest.raises(NodeError, match=r"still busy after 0\.2 seconds"):
            fresh.A.execute("import time; time.sleep(60)", patience=0.2)
        assert fresh.A.execute("1 + 1").value == "2"

    def test_a_node_that_cannot_be_stopped_is_lost_and_says_so(self, fresh, monkeypatch):
        monkeypatch.setattr(execution, "STOPPING", 0.5)
        code = "import time\nwhile True:\n    try: time.sleep(9)\n    except KeyboardInterrupt: pass"
        with pytest.raises(NodeError, match="did not stop when it was interrupted, and is lost"):
            fresh.A.execute(code, patience=0.5)
        with pytest.raises(NodeError, match="A has ended: make a new lab"):
            fresh.A.execute("1")
        assert fresh.B.execute("1").value == "1"

    def test_an_answer_that_cannot_travel_or_be_read_here_is_an_error_and_the_next_one_comes(self, fresh):
        with pytest.raises(TypeError, match="cannot pickle"):
            fresh.A.call(threading.Lock)
        module = "import sys, types\nonly_here = sys.modules['only_here'] = types.ModuleType('only_here')\n"
        fresh.A.execute(module + "exec('class Mine: pass\\ndef make(): return Mine()', vars(only_here))")
        make = types.FunctionType((lambda: None).__code__, {"__name__": "only_here"}, "make")
        with pytest.raises(ModuleNotFoundError, match="only_here"):
            fresh.A.call(make)
        assert fresh.A.call(len, "abc") == 3

    def test_a_node_that_ends_says_so(self, fresh):
        with pytest.raises(NodeError, match="A has ended"):
            fresh.A.execute("import os; os._exit(3)")
        with pytest.raises(NodeError, match="A has ended"):
            fresh.A.table()
        assert fresh.B.execute("1").value == "1"

    @pytest.mark.thorough
    def test_output_that_never_ends_is_cut(self, lab):
        told = lab.A.execute("for _ in range(3000): print('x' * 999)")
        assert len(told.output) < 1_100_000
        assert told.output.endswith("is left out)\n")
        told = lab.A.execute("print('\u00e9' * 600_000)")  # two bytes each
        assert told.output.startswith("\u00e9" * 499_999)
        assert told.output.endswith("is left out)\n")


@needs_namespaces
class TestCables:
    def test_what_is_sent_while_the_cable_is_out_waits_or_is_lost(self, fresh):
        client, server = connected(fresh)
        sender, receiver = datagrams(fresh)
        with client, server, sender, receiver:
            assert fresh.B.cut() is None
            client.sendall(b"waits")
            sender.sendto(b"lost", receiver.getsockname())
            server.settimeout(0.3)
            with pytest.raises(TimeoutError):
                server.recv(10)
            (row,) = [row for row in fresh.A.table() if row.state == "ESTABLISHED"]
            assert row.send_queue == len(b"waits")
            assert fresh.B.mend() is None
            server.settimeout(DEADLINE)
            assert server.recv(10) == b"waits"
            sender.sendto(b"arrives", receiver.getsockname())
            assert receiver.recv(10) == b"arrives"

    def test_a_slow_cable_takes_its_time(self, fresh):
        client, server = connected(fresh)
        with client, server:
            assert fresh.A.slow(1_000_000) is None
            slow = self.duration(client, server)
            assert slow > 0.3  # 50,000 bytes at 1 Mbit/s take 0.4 s
            assert fresh.A.mend() is None
            assert min(self.duration(client, server) for _ in range(5)) < slow / 3  # the best: other programs are busy

    def duration(self, client, server) -> float:
        began, got = time.monotonic(), 0
        client.sendall(bytes(50_000))
        while got < 50_000:
            got += len(server.recv(65536))
        return time.monotonic() - began

    def test_a_lossy_cable_loses_about_its_share(self, fresh):
        sender, receiver = datagrams(fresh)
        with sender, receiver:
            arrived = {}
            for share in (0.0, 0.5, 1.0):
                refused = fresh.A.lose(share)
                if refused is not None:
                    pytest.skip(f"this kernel cannot lose packets on purpose: {refused}")
                arrived[share] = sum(self.arrived(sender, receiver) for _ in range(8))
            assert arrived[0.0] == 400
            assert 100 < arrived[0.5] < 300  # ten standard deviations
            assert arrived[1.0] == 0

    def arrived(self, sender, receiver) -> int:
        """Send 50 datagrams, which the receiver's buffer can hold, and count those that arrive."""
        for _ in range(50):
            sender.sendto(b"x", receiver.getsockname())
        receiver.settimeout(0.1)
        came = []
        with contextlib.suppress(TimeoutError):
            while len(came) < 50:
                came.append(receiver.recv(10))
        return len(came)

    @each(itertools.product([1, "fast", True, 10**10], [2, -0.1, "half", False]))
    def test_a_cable_that_there_is_not(self, rate, share, lab):
        with pytest.raises(BadInput, match="pass"):
            lab.A.slow(rate)
        with pytest.raises(BadInput, match="pass"):
            lab.A.lose(share)


class TestPlans:
    @each(
        [{}, {"A": "127.0.0.1"}, {"A": "localhost"}, {"A": "224.0.0.1"}, {"A": "0.0.0.0"}, {"A": "255.255.255.255"},
         {"A": "::1"}, {"A": 7}, {"A": "10.0.0.1", "B": "10.0.0.1"}, {"close": "10.0.0.1"}, {"_A": "10.0.0.1"},
         {"nodes": "10.0.0.1"}, {f"N{number}": f"10.0.0.{number}" for number in range(1, 18)}]
    )  # fmt: skip
    def test_a_lab_that_there_cannot_be_is_refused_in_a_sentence(self, plan):
        with pytest.raises(BadInput):
            Lab(fallback=True, **plan)

    def test_nodes_go_by_their_names(self):
        with Lab(fallback=True, **TEXT) as made:
            assert made["A"] is made.A is made.nodes[0]
            assert {"A", "B"} <= set(dir(made))
            assert opened() is made
            with pytest.raises(BadInput, match="choose one of A, B"):
                made["Z"]
            with pytest.raises(AttributeError, match="its nodes are A, B"):
                _ = made.Z
        assert made.closed
        assert opened() is not made


class TestFallback:
    @pytest.fixture
    def loopback(self, monkeypatch):
        monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
        with Lab(fallback=True, **TEXT) as made:
            yield made

    def test_without_asking_it_is_an_error(self, monkeypatch):
        monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
        with pytest.raises(LabUnavailable, match="fallback=True"):
            Lab(**TEXT)

    def test_nodes_on_loopback_speak_to_each_other(self, loopback):
        assert loopback.kind == "loopback"
        assert loopback.A.address in loopback.differs
        client, server = connected(loopback)
        with client, server:
            client.sendall(b"hello")
            assert server.recv(10) == b"hello"
            assert [row.remote for row in loopback.A.table() if row.state == "ESTABLISHED" and row.remote ==
                    Endpoint.of(server.getsockname())]  # fmt: skip

    def test_code_runs_in_a_process_of_its_own(self, loopback):
        assert loopback.A.execute("import os; os.getpid()").value == str(loopback.A.process)
        assert loopback.B.run(os.getpid) == loopback.B.process
        loopback.A.start("import time; time.sleep(60)")
        time.sleep(0.3)
        loopback.A.interrupt()
        assert isinstance(loopback.A.result(DEADLINE).error, KeyboardInterrupt)

    def test_what_is_not_there_says_so(self, loopback):
        assert isinstance(loopback.A.cut(), Refused)
        assert isinstance(loopback.A.mend(), Refused)
        assert isinstance(loopback.A.slow(10_000), Refused)
        assert isinstance(loopback.A.lose(0.5), Refused)
        with pytest.raises(LabUnavailable, match="no interface of their own"):
            loopback.A.capture()

    def test_two_labs_have_different_addresses_where_the_machine_has_more_than_one(self, loopback):
        with Lab(fallback=True, **TEXT) as other:
            addresses = {node.address for node in (*loopback.nodes, *other.nodes)}
        assert len(addresses) == 4 or addresses == {"127.0.0.1"}

    def test_nothing_is_left(self, loopback):
        processes = [psutil.Process(node.process) for node in loopback.nodes]
        loopback.close()
        assert not [one for one in processes if one.is_running()]


REFUSING = [*NO_NAMESPACES, sys.executable]
TRY = """
import json, os, time
from sockets_lab.lab import Lab, LabUnavailable
began, before = time.monotonic(), set(os.listdir("/proc/self/fd"))
try:
    Lab(A="10.20.30.40", B="50.60.70.80").close()
    told = None
except LabUnavailable as error:
    told = [error.step, error.name, str(error)]
print(json.dumps([told, time.monotonic() - began, len(set(os.listdir("/proc/self/fd")) - before)]))
"""


def test_a_system_without_pidfds_has_no_labs_and_says_so(monkeypatch):
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    near, far = socket.socketpair()
    with near, far, pytest.raises(RefusedStep) as refused:
        launcher.launch(Channel(near), {"notebook": os.getpid(), "nodes": []})
    assert refused.value.message[1:3] == ("pidfd_open", errno.ENOSYS)


@pytest.mark.thorough
@needs_namespaces
class TestRefused:
    """Only where namespaces can be had can they be taken away in different ways."""

    def tried(self, command) -> tuple[list[str], float, int]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def test_as_a_container_does_it(self):
        told, seconds, left = min((self.tried([*REFUSING, "-c", TRY]) for _ in range(5)),
                                  key=lambda one: one[1])  # fmt: skip
        assert told[:2] == ["unshare", "EPERM"]
        assert "as in most containers" in told[2]
        assert seconds < 0.5
        assert left == 0

    @pytest.mark.parametrize(("limits", "step"), [({"max_user_namespaces": 0}, "unshare"),
                                                  ({"max_net_namespaces": 2}, "network stack of ")])  # fmt: skip
    def test_where_the_limit_is_reached_the_number_arrives_as_it_was(self, limits, step):
        inside = "".join(f"open('/proc/sys/user/{name}', 'w').write('{most}');" for name, most in limits.items())
        program = (
            "import os\nfrom sockets_lab.netns import unsharing\nuser, group = os.getuid(), os.getgid()\n"
            f"unsharing.unshare(unsharing.USER)\nunsharing.become_root(user, group)\n{inside}\n{TRY}"
        )
        told, _, left = self.tried([sys.executable, "-c", program])
        assert told[0].startswith(step)  # of A or of B: they are made at the same time, and one is too many
        assert told[1] == "ENOSPC"
        assert left == 0


@needs_namespaces
def test_all_nodes_are_asked_at_the_same_time_and_a_failure_of_one_leaves_no_answer_behind(lab):
    began = time.monotonic()
    assert lab.call(time.sleep, 1.0) == [None, None]
    assert time.monotonic() - began < 2.0
    with pytest.raises(ValueError, match="domain"):
        lab.call(math.sqrt, -1)
    assert lab.call(os.getpid) == [node.run(os.getpid) for node in lab.nodes]
    with lab.A.called(math.sqrt, 4), lab.B.called(math.sqrt, 9) as three:
        assert three() == 3.0
    assert lab.A.call(math.sqrt, 25) == 5.0, "not the answer that nobody waited for"
