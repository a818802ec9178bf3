"""Connect scans: what they find against what is there, on loopback and between nodes."""

import selectors
import socket
import threading
import time
from contextlib import ExitStack

import pytest
from labs import KINDS, needs_namespaces, open_lab
from leaks import nothing_left
from rules import each
from scanned import (
    TEXT,
    descriptors_open,
    firewall,
    free_ports,
    full_port,
    in_node,
    needs_nft,
    open_ports,
    resource_limit,
    sample,
    setting,
)  # fmt: skip

from sockets_lab.errors import BadInput
from sockets_lab.kernel import machine
from sockets_lab.kernel.connecting import until
from sockets_lab.lab import Lab
from sockets_lab.lab.loopback import lease
from sockets_lab.lessons import scanning
from sockets_lab.lessons.scanning import in_order, scan, scan_from, tcp

SHORT = 0.2  # seconds
ENOUGH = 10.0  # seconds in which anything must be over, however busy the machine is


@pytest.fixture
def address(held):
    """A loopback address that nobody else uses, where the system has more than one."""
    return lease(held)


@pytest.fixture(scope="module")
def lab():
    with open_lab(**TEXT) as made:
        yield made


@pytest.fixture
def fresh():
    with Lab(**TEXT) as made:
        yield made


class TestOnLoopback:
    @pytest.mark.parametrize("reuse", [True, False], ids=["one socket", "a socket for each port"])
    @pytest.mark.parametrize("order", scanning.ORDERS)
    def test_every_port_gets_its_true_outcome(self, held, address, order, reuse, monkeypatch):
        if not reuse:
            monkeypatch.setattr(tcp, "can_reuse", lambda family: False)
        many = 200 if machine.descriptor_limits()[0] >= 512 else 100  # beside what a worker holds
        there, free = open_ports(held, address, 20), free_ports(held, address, many)
        full = full_port(held, address)
        with nothing_left():
            found = scan(address, [*there, full, *free], deadline=SHORT, order=order)
        assert set(found.open) == there
        assert set(found.refused) == free
        assert found.silent == (full,)
        assert found.outcomes.keys() == {"open", "refused", "filtered"}
        assert str(found) == f"tcp scan of {address}, {21 + many} ports: 20 open, {many} refused, 1 filtered"
        assert [found.outcome(port) for port in (min(there), min(free), full)] == ["open", "refused", "filtered"]
        with pytest.raises(BadInput, match="did not ask for port 0"):
            found.outcome(0)

    @pytest.mark.thorough
    def test_select_is_enough(self, held, address, monkeypatch):
        monkeypatch.setattr(tcp, "can_reuse", lambda family: False)
        monkeypatch.setattr(selectors, "DefaultSelector", selectors.SelectSelector)
        there, free, full = open_ports(held, address, 20), free_ports(held, address, 50), full_port(held, address)
        found = scan(address, [*there, *free, full], deadline=SHORT)
        assert (set(found.open), set(found.refused), found.silent) == (there, free, (full,))

    def test_silent_ports_wait_side_by_side(self, held, address):
        full = [full_port(held, address) for _ in range(12)]
        found = scan(address, full, deadline=0.5)
        assert found.silent == tuple(sorted(full))
        assert 0.5 <= found.seconds < 12 * 0.5

    def test_a_listener_gets_a_whole_connection_which_is_then_thrown_away(self, held, address):
        listener = held.enter_context(socket.socket())
        listener.bind((address, 0))
        listener.listen()
        listener.settimeout(ENOUGH)
        assert scan(address, listener.getsockname()[1]).open
        connection, _ = listener.accept()
        with connection, pytest.raises(ConnectionResetError):
            connection.recv(1)

    def test_ipv6_too(self, held):
        if not machine.has_ipv6():
            pytest.skip("no IPv6 here")
        listener = held.enter_context(socket.socket(socket.AF_INET6))
        listener.bind(("::1", 0))
        listener.listen()
        free = held.enter_context(socket.socket(socket.AF_INET6))
        free.bind(("::1", 0))
        ports = [sock.getsockname()[1] for sock in (listener, free)]
        assert [scan("::1", ports).outcome(port) for port in ports] == ["open", "refused"]

    def test_what_else_the_kernel_says_is_told_by_its_name(self, held, address, monkeypatch):
        class Unreachable(socket.socket):
            def connect_ex(self, there):
                return tcp.errno.EHOSTUNREACH if there[1] % 2 else super().connect_ex(there)

        free = free_ports(held, address, 20)
        monkeypatch.setattr(tcp, "can_reuse", lambda family: True)
        monkeypatch.setattr(socket, "socket", Unreachable)
        found = scan(address, free)
        assert dict(found.other).get("EHOSTUNREACH", ()) == tuple(sorted(port for port in free if port % 2))
        assert set(found.refused) == {port for port in free if not port % 2}

    def test_no_socket_at_all_is_a_refusal(self, monkeypatch):
        def no_socket(*_):
            raise OSError(tcp.errno.EMFILE, "no more")

        monkeypatch.setattr(socket, "socket", no_socket)
        found = scan("127.0.0.1", 80)
        assert found.name == "EMFILE"


class TestOrder:
    def test_shuffled_is_another_order_each_time(self):
        assert in_order(scanning.ALL) != in_order(scanning.ALL)
        assert sorted(in_order(scanning.ALL)) == list(range(1, 65536))

    def test_in_order_and_as_given(self):
        assert in_order("80,22,8000-8002,22", "in order") == [22, 80, 8000, 8001, 8002]
        assert in_order("80,22,8000-8002,22", "as given") == [80, 22, 8000, 8001, 8002]
        assert in_order([443, "20-21", 443], "as given") == [443, 20, 21]

    @each(
        [0, "0", "", "a", "80-", "-80", "80-22", "1-65536", 65536, -1, [], [80, 0], [80, 70000], 1.5, [1.5], None,
         b"80", [b"80"], True, range(0), range(65536), range(1, 65537), range(5, -5, -1), {"a": 1}]
    )  # fmt: skip
    def test_what_is_no_port_is_told_before_any_socket_is_made(self, ports, monkeypatch):
        monkeypatch.setattr(socket, "socket", None)
        with pytest.raises(BadInput, match=r"(pass|write) "):
            scan("127.0.0.1", ports)

    @each(
        [{"deadline": 0}, {"deadline": 61}, {"deadline": "1"}, {"deadline": float("nan")}, {"deadline": True},
         {"order": "random"}, {"order": None}, {"rate": 0}, {"rate": -1}, {"rate": float("inf")}, {"rate": "fast"}]
    )  # fmt: skip
    def test_what_else_is_wrong_is_told_too(self, wrong, monkeypatch):
        monkeypatch.setattr(socket, "socket", None)
        with pytest.raises(BadInput, match="pass "):
            scan("127.0.0.1", 80, **wrong)


class TestOnItsWay:
    def test_progress_is_told_and_ends_with_all(self, held, address):
        told = []
        there = open_ports(held, address, 3)
        found = scan(address, [*there, full_port(held, address)], deadline=0.3, progress=told.append)
        assert len(told) >= 2
        assert (told[-1].decided, told[-1].total) == (4, 4)
        assert set(told[-1].open) == there == set(found.open)
        assert [one.decided for one in told] == sorted(one.decided for one in told)

    def test_who_waits_can_be_stopped(self, held, address):
        full = full_port(held, address)
        (there,) = open_ports(held, address, 1)
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        with nothing_left_after(stop):
            began = time.monotonic()
            found = scan(address, [there, full], deadline=60, stop=stop)
        assert time.monotonic() - began < ENOUGH
        assert found.stopped
        assert found.open == (there,)
        assert found.undecided == (full,)
        assert found.outcome(full) == "undecided"

    def test_what_progress_raises_comes_through_and_nothing_is_left(self, held, address):
        full = [full_port(held, address) for _ in range(3)]

        def fail(one):
            raise RuntimeError("the panel is gone")

        with nothing_left(), pytest.raises(RuntimeError, match="the panel is gone"):
            scan(address, full, deadline=5, progress=fail)


def nothing_left_after(stop):
    """The timer's thread ends with the scan that it stops: give it time, then nothing may be left."""
    stack = ExitStack()
    stack.callback(stop.wait)
    before = descriptors_open()
    stack.callback(lambda: descriptors_open() == before or pytest.fail("descriptors are left open"))
    return stack


@needs_namespaces
class TestBetweenNodes:
    def test_all_ports_of_another_node(self, lab, held):
        there = open_ports(held, "0.0.0.0", 15, lab.B.socket)
        found = in_node(lab.A, scan, lab.B.address)
        assert set(found.open) == there
        assert len(found.refused) == 65535 - 15
        assert found.met_itself == ()

    @pytest.mark.thorough
    @pytest.mark.parametrize("reuse", [True, False], ids=["one socket", "a socket for each port"])
    def test_a_socket_that_meets_itself_is_found_out(self, fresh, reuse):
        if not reuse:
            fresh.A.execute("from sockets_lab.lessons.scanning import tcp; tcp.can_reuse = lambda family: False")
        setting(fresh.A, "ip_local_port_range", "40000 40007")
        met = set()
        end = time.monotonic() + ENOUGH
        while len(met) < 2 and time.monotonic() < end:
            for address in ("127.0.0.1", fresh.A.address):
                found = in_node(fresh.A, scan, address, "39990-40010", deadline=SHORT)
                assert found.open == found.silent == found.other == ()
                assert len(found.refused) == 21
                met |= set(found.met_itself)
        assert met
        assert met <= set(range(40000, 40008))

    @pytest.mark.thorough
    @needs_nft
    def test_two_sockets_of_the_scan_that_meet_are_found_out(self, fresh):
        # Where all ask from one port, none of them can be at the port that another asks for.
        fresh.A.execute("from sockets_lab.lessons.scanning import tcp; tcp.can_reuse = lambda family: False")
        setting(fresh.A, "ip_local_port_range", "40000 40007")
        firewall(fresh.A, "tcp dport 40000 tcp flags & (syn | ack) == syn drop")
        end = time.monotonic() + ENOUGH
        met = False
        while not met and time.monotonic() < end:
            found = in_node(fresh.A, scan, "127.0.0.1", "40000-40007", order="in order", deadline=SHORT)
            assert found.open == found.other == ()
            assert found.silent == (40000,)
            assert found.refused == tuple(range(40001, 40008))
            met = 40000 in found.met_itself  # nobody but one of ours can have seemed to answer there
        assert met

    @pytest.mark.thorough
    @needs_nft
    def test_firewalls_reject_and_drop(self, fresh, held):
        there = open_ports(held, "0.0.0.0", 5, fresh.B.socket)
        dropped, reset, unreachable = (sample(8, *there) for _ in range(3))
        reset, unreachable = reset - dropped, unreachable - dropped - reset
        firewall(
            fresh.B, *(f"tcp dport {port} drop" for port in dropped),
            *(f"tcp dport {port} reject with tcp reset" for port in reset),
            *(f"tcp dport {port} reject with icmp type host-unreachable" for port in unreachable),
        )  # fmt: skip
        setting(fresh.B, "icmp_ratelimit", "0")
        asked = there | dropped | reset | unreachable | sample(5000, *there, *dropped, *reset, *unreachable)
        found = in_node(fresh.A, scan, fresh.B.address, sorted(asked))
        assert set(found.open) == there
        assert set(found.silent) == dropped
        assert {name: set(ports) for name, ports in found.other} == {"EHOSTUNREACH": unreachable}
        assert len(found.refused) == 5000 + len(reset)

    @pytest.mark.thorough
    @pytest.mark.parametrize("told", [True, False], ids=["limit known", "limit unknown"])
    def test_few_descriptors_are_enough(self, fresh, held, told):
        there = open_ports(held, "0.0.0.0", 5, fresh.B.socket)
        fresh.A.run(resource_limit, 100)
        if not told:
            fresh.A.execute("from sockets_lab import machine; machine.descriptor_limits = lambda: (9999, 9999)")
        assert set(in_node(fresh.A, scan, fresh.B.address, sorted(there | sample(5000, *there))).open) == there
        before = fresh.A.run(descriptors_open)
        fresh.B.lose(1.0)
        found = in_node(fresh.A, scan, fresh.B.address, "1-300", deadline=SHORT)
        assert len(found.silent) == 300
        assert fresh.A.run(descriptors_open) == before

    @pytest.mark.thorough
    def test_an_interrupted_scan_leaves_nothing(self, fresh):
        fresh.B.lose(1.0)
        before = fresh.A.run(descriptors_open)
        fresh.A.start(f"from sockets_lab import scanning; scanning.scan({fresh.B.address!r}, '1-500', deadline=60)")
        assert until(lambda: sum(row.state == "SYN_SENT" for row in fresh.A.table(("tcp",))) >= 100, 20)
        fresh.A.interrupt()
        assert isinstance(fresh.A.result().error, KeyboardInterrupt)
        fresh.A.run(__import__("gc").collect)
        assert fresh.A.run(descriptors_open) == before

    def test_nodes_scan_nothing_but_the_lab(self, lab):
        for address in ("192.0.2.1", "10.20.30.41", "8.8.8.8"):
            with pytest.raises(BadInput, match="or a node of this lab"):
                in_node(lab.A, scan, address, 80)


class TestFromANode:
    """With progress and a way to stop, between nodes, and where they share loopback."""

    @pytest.fixture(params=KINDS)
    def lab(self, request, monkeypatch):
        monkeypatch.setenv("SOCKETS_LAB_NODES", request.param)
        with Lab(fallback=True, **TEXT) as made:
            yield made

    def test_progress_is_told_here(self, lab, held):
        there = open_ports(held, lab.B.address, 3, lab.B.socket)
        told = []
        found = scan_from(lab.A, lab.B.address, sorted(there), rate=10, progress=told.append)
        assert set(found.open) == set(told[-1].open) == there
        assert told[-1].decided == told[-1].total == 3
        assert found.seconds >= 0.2  # the rate was passed on

    def test_it_stops_and_the_node_goes_on(self, lab):
        stop = threading.Event()
        told = []

        def tell(one):
            told.append(one)
            stop.set()

        found = scan_from(lab.A, lab.B.address, "2-60000", rate=20, progress=tell, stop=stop)
        assert found.stopped
        assert told[0].decided < told[0].total == 59999
        assert found.count == 59999
        assert not scan_from(lab.A, lab.B.address, 9).stopped

    def test_what_goes_wrong_here_ends_the_scan_there(self, lab):
        def fail(one):
            raise KeyboardInterrupt

        with nothing_left():
            with pytest.raises(KeyboardInterrupt):
                scan_from(lab.A, lab.B.address, "2-60000", rate=20, progress=fail)
            assert lab.A.run(int, "7") == 7

    def test_bad_input(self, lab):
        with pytest.raises(BadInput, match="pass one of tcp, udp"):
            scan_from(lab.A, lab.B.address, 80, "sctp")
        with pytest.raises(BadInput, match=r"as lab\.A"):
            scan_from("A", lab.B.address, 80)
        with pytest.raises(BadInput, match="not on this machine's loopback"):
            scan_from(lab.A, "8.8.8.8", 80)
        with pytest.raises(BadInput, match="deadline"):
            scan_from(lab.A, lab.B.address, 80, deadline=0)
