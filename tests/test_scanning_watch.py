"""Seeing oneself being scanned: attempts as they come, the detector, and what it is worth."""

import time

import pytest
from labs import needs_namespaces
from leaks import nothing_left
from scanned import TEXT, firewall, in_node, needs_nft, open_ports
from trials import for_all

from sockets_lab.errors import BadInput
from sockets_lab.kernel import machine
from sockets_lab.lab import Lab
from sockets_lab.lab.loopback import lease
from sockets_lab.lessons import scanning
from sockets_lab.lessons.scanning import Attempt, Judgement, Level, Visit, alarms, judge, watch, watching
from sockets_lab.model import Endpoint

THREE = TEXT | {"C": "10.20.30.50"}
ENOUGH = 10.0  # seconds


@pytest.fixture
def address(held):
    return lease(held)


@pytest.fixture
def lab():
    with Lab(**THREE) as made:
        yield made


def attempt(time, port, source="10.0.0.1", protocol="tcp"):
    return Attempt(time, Endpoint(source, 40000), port, protocol)


@needs_namespaces
class TestCapture:
    def test_every_port_of_a_scan_is_seen_once_and_in_its_order(self, lab):
        ports = range(1000, 7000)  # no more than the capture holds if this machine is too busy to read it
        with watch(lab.B) as seen:
            began = time.time()
            in_node(lab.A, scanning.scan, lab.B.address, ports, order="in order")
            found = seen.wait(len(ports), ENOUGH)
            ended = time.time()
        assert seen.kind == "capture"
        assert seen.differs == ""
        assert seen.missed == 0
        assert [one.port for one in found] == list(ports)
        assert {(one.source.address, one.protocol) for one in found} == {(lab.A.address, "tcp")}
        assert len({one.source.port for one in found}) == 1  # one port asks for all
        assert began <= found[0].time <= found[-1].time <= ended

    @pytest.mark.thorough
    def test_what_comes_too_fast_is_counted(self, lab):
        with watch(lab.B) as seen:
            in_node(lab.A, scanning.scan, lab.B.address)
        assert 65535 <= len(seen.attempts()) + seen.missed < 66000  # what else was missed: ARP's, or asked twice
        assert len(alarms(seen.attempts())) >= 1

    @needs_nft
    def test_ports_that_stay_silent_are_seen_once_however_often_the_kernel_repeats(self, lab):
        firewall(lab.B, "tcp dport 80 drop")
        with watch(lab.B) as seen, lab.A.socket() as client:
            client.settimeout(1.5)  # the first repetition comes after 1 second
            with pytest.raises(TimeoutError):
                client.connect((lab.B.address, 80))
            name = Endpoint.of(client.getsockname())
            assert [(one.source, one.port) for one in seen.attempts()] == [(name, 80)]

    def test_open_ports_and_datagrams_are_seen_and_answers_are_no_attempts(self, lab, held):
        (there,) = open_ports(held, "0.0.0.0", 1, lab.B.socket)
        with watch(lab.B) as seen, watch(lab.A) as other:
            assert in_node(lab.A, scanning.scan, lab.B.address, there).open
            assert in_node(lab.A, scanning.udp_scan, lab.B.address, 7).refused
            found = seen.wait(2, ENOUGH)
            assert {(one.port, one.protocol) for one in found} == {(there, "tcp"), (7, "udp")}
            assert other.attempts() == ()

    def test_a_closed_lab_ends_it_and_what_it_saw_stays(self, held):
        with nothing_left():
            with Lab(**TEXT) as lab:
                seen = watch(lab.B)
                in_node(lab.A, scanning.scan, lab.B.address, "1-10")
                seen.wait(10, ENOUGH)
            seen.close()
        assert len(seen.attempts()) == 10


class TestListeners:
    def test_ports_that_are_taken_are_left_out_and_nowhere_is_a_refusal(self, held, address):
        (taken,) = open_ports(held, address, 1)
        source = watching.Listeners(address, [taken, *range(20000, 20010)])
        source.close()
        assert source.ports
        assert taken not in source.ports
        with pytest.raises(OSError, match="EADDRINUSE"):
            watching.Listeners(address, taken)

    def test_in_a_lab_on_loopback_they_stand_in_and_say_so(self, monkeypatch):
        monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
        with Lab(fallback=True, **TEXT) as lab, watch(lab.B) as seen:
            found = in_node(lab.A, scanning.scan, lab.B.address, "1490-1510,2500")
            attempts = seen.wait(2, ENOUGH)
            assert seen.kind == "listeners"
            assert "listeners stand in for a capture" in seen.differs
            assert seen.missed == 0
            if machine.loopback_addresses():
                assert {one.port for one in attempts} == set(found.open) & set(seen.source.ports)
            assert {1500, 2500} <= {one.port for one in attempts}

    def test_what_cannot_be_watched_is_told(self):
        with pytest.raises(BadInput, match="pass a node of a lab"):
            watch("127.0.0.1")


class TestDetector:
    def test_it_tells_at_the_threshold_and_only_once(self):
        found = alarms([attempt(n * 0.1, n + 1) for n in range(50)], threshold=15, window=10)
        assert found == (Level(pytest.approx(1.4), "10.0.0.1", 15, 0.0),)

    def test_the_same_number_in_two_protocols_is_two_ports(self):
        assert alarms([attempt(0, 53), attempt(1, 53, protocol="udp")], threshold=2)

    def test_who_is_slow_enough_slips_under(self):
        assert not alarms([attempt(n * 1.0, n + 1) for n in range(1000)], threshold=11, window=10)
        assert alarms([attempt(n * 0.99, n + 1) for n in range(1000)], threshold=11, window=10)

    @pytest.mark.parametrize("wrong", [{"threshold": 1}, {"threshold": 2.5}, {"threshold": True}, {"window": 0},
                                       {"window": "10"}, {"window": float("nan")}, {"threshold": 65536}])  # fmt: skip
    def test_bad_input(self, wrong):
        with pytest.raises(BadInput, match="pass "):
            alarms((), **wrong)

    def test_it_agrees_with_counting_all_anew_each_time(self):
        def counted(attempts, threshold, window):
            told, found = set(), []
            for index, now in enumerate(attempts):
                recent = [one for one in attempts[: index + 1]
                          if one.source == now.source and one.time > now.time - window]  # fmt: skip
                ports = len({one.port for one in recent})
                if ports < threshold:
                    told.discard(now.source)
                elif now.source not in told:
                    told.add(now.source)
                    found.append(Level(now.time, now.source.address, ports, recent[0].time))
            return tuple(found)

        def check(attempts, threshold, window):
            attempts.sort()
            assert alarms(attempts, threshold, window) == counted(attempts, threshold, window)

        def cases(st):
            sources = st.sampled_from(["10.0.0.1", "10.0.0.2"])
            one = st.builds(attempt, st.integers(0, 40), st.integers(1, 6), sources)
            return {"attempts": st.lists(one, max_size=40), "threshold": st.integers(2, 5),
                    "window": st.integers(1, 20)}  # fmt: skip

        for_all(check, cases)


class TestJudge:
    SCAN = Visit("10.0.0.1", 100.0, 110.0)

    def alarm(self, time, source="10.0.0.1"):
        return Level(time, source, 15, time - 1)

    def test_found_missed_and_false(self):
        other = Visit("10.0.0.2", 100.0, 110.0)
        wrong = self.alarm(105.0, "10.0.0.3")
        judged = judge([self.alarm(105.0), wrong], [self.SCAN, other])
        assert judged == Judgement((self.SCAN,), (other,), (wrong,))
        assert str(judged) == "1 found, 1 missed, 1 false alarms"

    @pytest.mark.parametrize(("time", "right"), [(99, False), (101, True), (110.9, True), (111.5, False), (500, False)])
    def test_an_alarm_belongs_to_a_scan_by_its_time(self, time, right):
        judged = judge([self.alarm(time)], [self.SCAN], window=10)
        assert bool(judged.found) is right
        assert bool(judged.false_alarms) is not right
