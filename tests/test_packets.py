"""Packets made by hand: what is sent is what arrives, and what the receiving kernel does is told as it was."""

import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest
from labs import needs_namespaces

from sockets_lab import headers
from sockets_lab.errors import BadInput, Refused
from sockets_lab.headers import ARP, TCP, UDP, Ethernet, IPv4, Packet, build, compose, corrected, dissect
from sockets_lab.lab import Lab, NodeError
from sockets_lab.lessons import packets
from sockets_lab.lessons.packets import bpf_filter, outcomes
from sockets_lab.lessons.packets.model import FIRST, LISTENER, SECOND
from sockets_lab.lessons.packets.outcomes import named
from sockets_lab.lessons.packets.sending import card
from sockets_lab.lessons.packets.trials import NOBODY
from sockets_lab.model import Endpoint

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nodes are Linux's")
SIOCGIFHWADDR = 0x8927  # linux/sockios.h
NAMES = {"A": "10.20.30.40", "B": "50.60.70.80"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(**NAMES) as made:
        yield made


@pytest.fixture
def bench(lab: Lab) -> Iterator[packets.Testbed]:
    with packets.Testbed(lab) as made:
        yield made


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    with Lab(fallback=True, **NAMES) as made:
        yield made


def snmp(lab: Lab, group: str, counter: str) -> int:
    """Read one counter of B in another way than the course does: by nstat's file, line by line, in B's process."""

    def read() -> int:
        with open("/proc/net/snmp") as file:
            names, values = (line.split() for line in file if line.startswith(f"{group}:"))
        return int(values[names.index(counter)])

    return lab.B.run(read)


@needs_namespaces
class TestSending:
    def test_a_frame_arrives_as_it_was_written(self, lab: Lab, bench: packets.Testbed) -> None:
        frame = packets.plain(bench, b"every byte as it stands").change(IPv4, ttl=3, dscp=9, identification=0)
        with lab.B.capture() as capture:
            assert packets.send(lab, lab.A, frame) is None  # the IP checksum is wrong now: no switch lets it pass
            assert packets.send(lab, lab.A, corrected(frame)) is None
            caught = capture.wait(1, which=lambda one: b"as it stands" in one.octets)
        assert build(corrected(frame)) in [one.octets for one in caught]

    def test_from_the_ip_header_on_the_kernel_finds_the_card(self, lab: Lab, bench: packets.Testbed) -> None:
        there = bench.endpoint(FIRST)
        packet = compose(IPv4(source=lab.A.address, destination=lab.B.address), UDP(1, there.port), payload=b"raw")
        with lab.B.capture() as capture:
            assert packets.send(lab, lab.A, packet.change(IPv4, checksum=0)) is None
            caught = capture.wait(1, which=lambda one: one.octets.endswith(b"raw"))
        found = dissect(next(one.octets for one in caught if one.octets.endswith(b"raw")))
        assert found.find(Ethernet).destination == card(lab.B)
        assert [check.verdict for check in headers.checks(found)] == ["right", "right"]
        bench.programs[FIRST].settimeout(5)
        assert bench.programs[FIRST].recvfrom(10) == (b"raw", (lab.A.address, 1))

    def test_cards_are_as_the_kernel_says(self, lab: Lab) -> None:
        def told() -> str:
            import fcntl

            with socket.socket() as sock:
                answer = fcntl.ioctl(sock, SIOCGIFHWADDR, struct.pack("16s16x", b"eth0"))
            return answer[18:24].hex(":")

        assert [node.run(told) for node in lab.nodes] == [card(node) for node in lab.nodes]

    def test_only_to_nodes_of_the_lab(self, lab: Lab) -> None:
        outside = compose(IPv4(source=lab.A.address, destination="8.8.8.8"), UDP(1, 53))
        for packet in (outside, Packet((Ethernet(), *outside.layers))):
            with pytest.raises(BadInput, match=r"8\.8\.8\.8 is no node of this lab"):
                packets.send(lab, lab.A, packet)
        for packet in (compose(UDP(1, 2)), Packet(())):
            with pytest.raises(BadInput, match="Only a frame"):
                packets.send(lab, lab.A, packet)

    def test_what_the_kernel_refuses_is_a_result(self, lab: Lab, bench: packets.Testbed) -> None:
        refused = packets.send(lab, lab.A, packets.plain(bench, bytes(2000)))
        assert refused.name == "EMSGSIZE"  # the link takes 1,500 bytes
        outcome = bench.send(packets.plain(bench, bytes(2000)))
        assert outcome.verdict == "refused"


@needs_namespaces
class TestBench:
    def test_programs_receive_what_is_for_them(self, bench: packets.Testbed) -> None:
        good = packets.plain(bench)
        outcome = bench.send(good)
        assert outcome.verdict == "received"
        assert outcome.arrived
        assert [(one.program, one.data) for one in outcome.received] == [(FIRST, b"hello")]
        assert outcome.received[0].sender == Endpoint("10.20.30.40", 4444)
        assert not outcome.answers
        other = good.change(UDP, destination_port=bench.endpoint(SECOND).port)
        outcome = bench.send(corrected(Packet(other.layers[1:], other.payload)))
        assert outcome.sent == corrected(other)  # with a frame around the IP packet
        assert [one.program for one in outcome.received] == [SECOND]

    @pytest.mark.parametrize("size", [5, 76, 1400], ids=str)
    def test_a_wrong_checksum_is_thrown_away_however_long(
        self, lab: Lab, bench: packets.Testbed, size: int
    ) -> None:
        before = snmp(lab, "Udp", "InCsumErrors")
        outcome = bench.send(packets.plain(bench, bytes(size)).change(UDP, checksum=0xBAD))
        assert outcome.verdict == "thrown away"
        assert dict(outcome.risen)["Udp.InCsumErrors"] == snmp(lab, "Udp", "InCsumErrors") - before == 1

    def test_a_closed_port_answers_by_icmp_and_by_reset(self, lab: Lab, bench: packets.Testbed) -> None:
        before = snmp(lab, "Udp", "NoPorts")
        datagram, segment = packets.closed_port(bench)
        assert packets.names(datagram.answers) == "ICMP port unreachable"
        assert snmp(lab, "Udp", "NoPorts") == before + 1
        octets = next(one.octets for one in datagram.crossed if one.outgoing)
        assert octets[34:36] == b"\x03\x03"  # RFC 792: type 3, code 3
        assert struct.unpack_from("!HH", octets, 14 + 20 + 8 + 20) == (4444, NOBODY)  # the ports of what it is about
        assert packets.names(segment.answers) == "RST ACK"
        assert segment.verdict == "answered"

    def test_the_survey_says_which_fields_matter(self, bench: packets.Testbed) -> None:
        found = {(one.header, one.field, one.value): one.outcome for one in packets.survey(bench)}
        assert len(found) == 17
        values = {key[:2]: key[2] for key in found}
        for kind, name in ((Ethernet, "source"), (IPv4, "dscp"), (IPv4, "identification"), (IPv4, "ttl")):
            assert found[kind, name, values[kind, name]].received[0].sender.port == 4444
        assert found[IPv4, "source", "10.20.30.41"].received[0].sender.address == "10.20.30.41"
        assert found[UDP, "source_port", 5555].received[0].sender.port == 5555
        for kind, name in ((Ethernet, "destination"), (Ethernet, "ethertype"), (IPv4, "checksum"),
                           (IPv4, "destination"), (IPv4, "more_fragments"), (UDP, "length")):  # fmt: skip
            outcome = found[kind, name, values[kind, name]]
            assert outcome.verdict in ("thrown away", "not arrived")
        assert packets.names(found[IPv4, "protocol", 253].answers) == "ICMP protocol unreachable"
        assert packets.names(found[UDP, "destination_port", NOBODY].answers) == "ICMP port unreachable"
        assert found[UDP, "checksum", 0].received

    def test_a_connection_that_is_really_made_is_received_by_the_listener(
        self, lab: Lab, bench: packets.Testbed
    ) -> None:
        with lab.A.socket() as client:
            client.settimeout(5)
            client.connect(bench.endpoint(LISTENER).sockaddr)
            assert [(one.program, one.sender) for one in bench._read()] == [
                (LISTENER, Endpoint.of(client.getsockname()))
            ]

    def test_a_cut_cable_lets_nothing_arrive(self) -> None:
        with Lab(**NAMES) as lab, packets.Testbed(lab) as bench:
            good = packets.plain(bench)
            assert bench.send(good).verdict == "received"
            assert lab.B.cut() is None
            assert bench.send(good).verdict == "not arrived"
            with pytest.raises(NodeError, match="mend it"):
                packets.datagram(lab)
            assert lab.B.mend() is None
            assert bench.send(good).verdict == "received"

    def test_nothing_stays_open(self, lab: Lab) -> None:
        def held() -> int:
            return len(lab.A.table()) + len(lab.B.table())

        before = held()
        with packets.Testbed(lab) as bench:
            assert held() > before
            taken = bench.endpoint(FIRST).port
            with packets.Testbed(lab) as second:  # its ports are taken: the kernel chooses others
                assert second.endpoint(FIRST).port not in (0, taken)
                assert second.send(packets.plain(second)).received
        assert held() == before


@needs_namespaces
class TestExamples:
    def test_a_datagram_is_captured_with_the_names_of_its_sockets(self, lab: Lab) -> None:
        with lab.B.socket(type=socket.SOCK_DGRAM) as receiver:
            receiver.bind(("", 0))
            example = packets.datagram(lab, b"look at me", to=receiver)
            data, who = receiver.recvfrom(100)
            header, ip = example.packet.find(UDP), example.packet.find(IPv4)
            assert example.captured
            assert data == example.packet.payload == b"look at me"
            assert (ip.source, header.source_port) == who
            assert header.destination_port == receiver.getsockname()[1]

    def test_segments_come_in_their_order(self, lab: Lab) -> None:
        found = packets.segments(lab, b"hello")
        flags = [named(one.packet) for one in found]
        assert flags[:4] == ["SYN", "SYN ACK", "ACK", "PSH ACK"]
        assert flags.count("FIN ACK") == 2
        assert flags[-1] == "ACK"
        assert [one.frame.outgoing for one in found[:4]] == [False, True, False, False]
        assert b"".join(one.packet.payload for one in found) == b"hello"

    def test_an_aborted_connection_is_forgotten_by_both(self, lab: Lab) -> None:
        with packets.Testbed(lab) as bench:
            found = packets.segments(lab, to=bench.programs[LISTENER], abort=True)
            assert named(found[-1].packet) == "RST ACK"
            port = bench.endpoint(LISTENER).port
            assert not [row for node in lab.nodes for row in node.table(("tcp",)) if row.remote.port == port]
            assert packets.names(bench.send(found[0].packet).replies) == "RST"


def test_the_filter_is_the_one_that_tcpdump_writes() -> None:
    with pytest.raises(BadInput):
        bpf_filter.program(70000)
    if not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed")
    command = ["tcpdump", "-ddd", "-y", "EN10MB", "ip and udp dst port 8888"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()
    ours = [number for step in struct.iter_unpack("HBBI", bpf_filter.program(8888)) for number in step]
    assert [int(one) for one in told[1:-8]] == ours[:-8]  # how many bytes pass is another matter


class TestLoopback:
    def test_nothing_made_by_hand_is_sent(self, loopback: Lab) -> None:
        with packets.Testbed(loopback) as bench:
            good = packets.plain(bench)
            raw: list[object] = []
            loopback.A.socket = lambda *args: raw.append(args)  # type: ignore[method-assign]
            assert isinstance(packets.send(loopback, loopback.A, good), Refused)
            assert bench.send(good).verdict == "refused"
            assert {one.outcome.verdict for one in packets.survey(bench)} == {"refused"}
            assert packets.picked(loopback).refused
            assert raw == []

    def test_examples_have_the_names_of_real_sockets_and_say_what_they_are(self, loopback: Lab) -> None:
        with loopback.B.socket(type=socket.SOCK_DGRAM) as receiver:
            receiver.bind((loopback.B.address, 0))
            receiver.settimeout(5)
            example = packets.datagram(loopback, b"hello", to=receiver)
            data, who = receiver.recvfrom(100)
        assert not example.captured
        assert "put together" in example.about
        assert (example.packet.find(IPv4).source, example.packet.find(UDP).source_port) == who
        assert example.packet.payload == data == b"hello"
        (segment,) = packets.segments(loopback)
        assert segment.packet.find(TCP).flags == ("SYN",)
        assert not segment.captured


def test_counters_are_read_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(outcomes.read_counters()) <= set(outcomes.MEANINGS)
    monkeypatch.setattr(outcomes, "FILES", ("/nonexistent",))
    assert outcomes.read_counters() == {}
    assert outcomes.risen({"a": 1, "b": 2}, {"a": 1, "b": 5, "c": 1}) == (("b", 3), ("c", 1))


def test_packets_have_names() -> None:
    assert named(compose(IPv4(), headers.ICMPv4(type=11))) == "ICMP type 11"
    assert named(compose(IPv4(), TCP())) == "segment without flags"
    assert named(compose(Ethernet(), ARP())) == "packet"
