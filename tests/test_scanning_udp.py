"""UDP scans: answers, refusals by ICMP, silence; and ICMP that a kernel keeps slow must not make closed ports open."""

import socket
import threading
import time

import pytest
from labs import needs_namespaces
from leaks import nothing_left
from scanned import (
    TEXT,
    answering,
    firewall,
    in_node,
    needs_nft,
    needs_nmap,
    nmap,
    sample,
    setting,
)  # fmt: skip

from sockets_lab.errors import Refused
from sockets_lab.lab import Lab
from sockets_lab.lab.loopback import lease
from sockets_lab.lessons.scanning import udp, udp_scan

SHORT = 0.2  # seconds
HELD_BACK = range(20, 29)  # more closed ports than ICMP tells of at once


@pytest.fixture
def address(held):
    return lease(held)


@pytest.fixture
def fresh():
    with Lab(**TEXT) as made:
        yield made


def bound(held, address, make=socket.socket):
    """Bind a datagram socket."""
    sock = held.enter_context(make(socket.AF_INET, socket.SOCK_DGRAM))
    sock.bind((address, 0))
    return sock


def mute(held, address, make=socket.socket):
    """Bind a datagram socket that never answers. Returns: its port."""
    return bound(held, address, make).getsockname()[1]


def closed(held, address, count):
    """Find closed ports, and keep others from opening them: each is held by a socket that hears one peer only."""
    found = []
    for _ in range(count):
        sock = bound(held, address)
        sock.connect((address, 9))
        found.append(sock.getsockname()[1])
    return found


class TestOnLoopback:
    def test_every_port_gets_its_true_outcome(self, held, address):
        free, silent = closed(held, address, 100), {mute(held, address) for _ in range(8)}
        with answering(bound(held, address)) as there, nothing_left():
            found = udp_scan(address, [there, *free, *silent], deadline=SHORT)
        assert found.open == (there,)
        assert set(found.refused) == set(free)
        assert set(found.silent) == silent
        words = [found.outcome(port) for port in (there, free[0], min(silent))]
        assert words == ["open", "refused", "open or filtered"]
        assert str(found).startswith("udp scan of")

    def test_without_any_closed_port_silence_counts_after_a_rest(self, held, address):
        silent = {mute(held, address) for _ in range(8)}
        found = udp_scan(address, silent, deadline=0.05)
        assert set(found.silent) == silent
        assert found.seconds >= 2 * udp.REST

    def test_a_service_that_answers_twice_says_nothing_of_the_next_port(self, held, address, monkeypatch):
        class Unhurried(socket.socket):
            """Lets the answers arrive before anybody looks for them."""

            def send(self, data):
                sent = super().send(data)
                if self.getpeername()[1] == there:
                    time.sleep(SHORT)
                return sent

        free, silent = closed(held, address, 5), mute(held, address)
        with answering(bound(held, address), times=2) as there:
            monkeypatch.setattr(socket, "socket", Unhurried)
            found = udp_scan(address, [there, silent, *free], order="as given")
        assert found.open == (there,)
        assert found.silent == (silent,)
        assert set(found.refused) == set(free)

    def test_a_rate_is_kept_and_silence_still_has_its_witness(self, held, address):
        free, silent = closed(held, address, 10), {mute(held, address) for _ in range(3)}
        found = udp_scan(address, [*free, *silent], deadline=SHORT, rate=30)
        assert set(found.refused) == set(free)
        assert set(found.silent) == silent
        assert found.seconds >= 12 / 30

    def test_it_can_be_stopped_and_tells_its_progress(self, held, address):
        silent, stop, told = mute(held, address), threading.Event(), []
        threading.Timer(0.3, stop.set).start()
        found = udp_scan(address, silent, deadline=60, stop=stop, progress=told.append)
        assert found.undecided == (silent,)
        assert told[-1].decided == 0

    def test_no_socket_at_all_is_a_refusal(self, monkeypatch):
        def no_socket(*_):
            raise OSError(udp.errno.ENFILE, "no more")

        monkeypatch.setattr(socket, "socket", no_socket)
        assert isinstance(udp_scan("127.0.0.1", 80), Refused)


@needs_namespaces
class TestBetweenNodes:
    @pytest.mark.thorough
    def test_all_ports_of_a_node_on_its_own_loopback(self, fresh, held):
        silent = {mute(held, "0.0.0.0", fresh.B.socket) for _ in range(5)}
        with answering(bound(held, "0.0.0.0", fresh.B.socket)) as there:
            found = in_node(fresh.B, udp_scan, "127.0.0.1")
        assert found.open == (there,)
        assert set(found.silent) == silent
        assert len(found.refused) == 65535 - 6

    @pytest.mark.thorough
    def test_a_socket_never_hears_itself(self, fresh):
        setting(fresh.A, "ip_local_port_range", "40000 40015")
        met = set()
        for _ in range(5):
            found = in_node(fresh.A, udp_scan, "127.0.0.1", "39990-40020", deadline=0.05)
            assert len(found.refused) == 31
            met |= set(found.met_itself)
        assert met
        assert met <= set(range(40000, 40016))

    def test_icmp_that_is_kept_slow_makes_no_closed_port_silent(self, fresh, held):
        ports = {mute(held, "0.0.0.0", fresh.B.socket) for _ in range(4)}
        with answering(bound(held, "0.0.0.0", fresh.B.socket)) as there:
            found = in_node(fresh.A, udp_scan, fresh.B.address, [*HELD_BACK, *ports, there], deadline=SHORT)
        assert found.open == (there,)
        assert found.refused == tuple(HELD_BACK)
        assert set(found.silent) == ports
        assert found.seconds > 2  # one a second after the first six: this kernel did keep it slow
        assert in_node(fresh.A, udp_scan, fresh.B.address, 7, deadline=SHORT).refused == (7,)  # nothing is left to send

    @needs_nft
    def test_a_firewall_that_drops_leaves_silence(self, fresh, held):
        setting(fresh.B, "icmp_ratelimit", "0")
        there = mute(held, "0.0.0.0", fresh.B.socket)
        dropped = sample(5, there)
        firewall(fresh.B, *(f"udp dport {port} drop" for port in dropped))
        asked = sorted(dropped | {there} | sample(60, there, *dropped))
        found = in_node(fresh.A, udp_scan, fresh.B.address, asked, deadline=SHORT)
        assert set(found.silent) == dropped | {there}
        assert len(found.refused) == 60

    def test_a_cut_cable_ends_in_silence(self, fresh):
        assert in_node(fresh.A, udp_scan, fresh.B.address, "1-3", deadline=SHORT).refused
        fresh.B.cut()
        found = in_node(fresh.A, udp_scan, fresh.B.address, "1-3", deadline=0.05)
        assert found.silent == (1, 2, 3)

    @pytest.mark.thorough
    @needs_nmap
    def test_nmap_says_the_same(self, fresh, held):
        setting(fresh.B, "icmp_ratelimit", "0")  # nmap too would take a second for each closed port
        silent = {mute(held, "0.0.0.0", fresh.B.socket) for _ in range(4)}
        with answering(bound(held, "0.0.0.0", fresh.B.socket)) as there:
            ports = silent | {there} | sample(60, there, *silent)
            asked = ",".join(map(str, sorted(ports)))
            told, more = nmap(fresh.A, "-sU", "-T4", "-p", asked, fresh.B.address)
            found = in_node(fresh.A, udp_scan, fresh.B.address, ports, deadline=SHORT)
        assert told["open"] == set(found.open) == {there}
        assert told["open|filtered"] == set(found.silent) == silent
        assert more["closed"] == len(found.refused) == 60
