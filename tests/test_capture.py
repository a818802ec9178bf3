"""Capture against frames that the test itself sends: over a cable and over loopback, in a network of its own."""

import os
import socket
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
import wires
from rules import each

from sockets_lab.errors import BadInput
from sockets_lab.headers import TCP, checks, dissect
from sockets_lab.lab import capture
from sockets_lab.lab.capture import BLOCK, SLOT, Capture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="packet sockets are Linux's")

HEADER = bytes.fromhex("020000000001" "020000000002" "88b5")  # IEEE 802: an ethertype for experiments


@pytest.fixture(scope="module")
def network():
    with wires.network() as one:
        yield one


def held():
    """Return what this process holds of packet sockets: descriptors, and rings in its memory."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        rings = [line for line in maps if "socket:" in line]
    return len(os.listdir("/proc/self/fd")), len(rings)


@pytest.fixture(autouse=True)
def _gives_all_back():
    before = held()
    yield
    assert held() == before


def frame(number, size=64):
    return (HEADER + number.to_bytes(4, "big")).ljust(size, b"\xaa")


def test_both_ends_of_a_cable_see_the_frame_and_who_sent_it(network):
    with (
        Capture(network.call("capture", "w0")) as near, Capture(network.call("capture", "w1")) as far,
        network.call("raw", "w0") as sender,
    ):  # fmt: skip
        before = time.time_ns()
        sender.send(frame(7))
        (sent,) = near.packets()  # there as soon as send is over
        (came,) = far.wait()
        after = time.time_ns()
    assert (sent.octets, sent.outgoing, sent.length) == (frame(7), True, 64)
    assert (came.octets, came.outgoing, came.length) == (frame(7), False, 64)
    assert before <= sent.time_ns <= came.time_ns <= after
    assert sent.time == pytest.approx(sent.time_ns / 1e9)


def test_each_packet_comes_once_in_the_order_of_the_link(network):
    with Capture(network.call("capture", "w1")) as far, network.call("raw", "w0") as sender:
        assert far.packets() == ()
        for number in range(3):
            sender.send(frame(number))
        assert [one.octets for one in far.wait(3)] == [frame(number) for number in range(3)]
        sender.send(frame(3))
        assert [one.octets for one in far.wait()] == [frame(3)]
        assert far.packets() == ()
        assert far.dropped == 0


def test_what_came_before_the_capture_is_not_in_it(network):
    with network.call("raw", "w0") as sender:
        sender.send(frame(1))
        with Capture(network.call("capture", "w0")) as near:
            sender.send(frame(2))
            assert [one.octets for one in near.packets()] == [frame(2)]


def test_a_burst_waits_until_somebody_looks_and_the_ring_goes_round(network):
    count, octets = 5000, 16 << 20
    with Capture(network.call("capture", "w0", octets), octets) as near, network.call("raw", "w0") as sender:
        for first in (0, count):
            for number in range(first, first + count):
                sender.send(frame(number, 1514))
            packets = near.packets()
            assert [one.octets for one in packets] == [frame(number, 1514) for number in range(first, first + count)]
            assert {one.length for one in packets} == {1514}
        assert near.dropped == 0


@pytest.mark.thorough
def test_what_finds_no_room_is_counted_and_the_count_adds_up(network):
    slots = BLOCK // SLOT
    with Capture(network.call("capture", "w0", BLOCK), BLOCK) as near, network.call("raw", "w0") as sender:
        for turn in (1, 2):
            for number in range(slots + 5):
                sender.send(frame(number))
            assert [one.octets for one in near.packets()] == [frame(number) for number in range(slots)]
            assert near.dropped == near.dropped == 5 * turn
        for number in range(slots + 5):
            sender.send(frame(number))
    assert near.dropped == 15  # counted once more before the socket went


@pytest.mark.thorough
def test_what_is_read_while_the_ring_overflows_is_in_order_and_the_count_adds_up(network):
    frames = [frame(number) for number in range(30_000)]
    with Capture(network.call("capture", "w0", BLOCK), BLOCK) as near, ThreadPoolExecutor() as another:
        sending, read = another.submit(network.call, "flood", "w0", frames), []
        while (new := near.packets()) or not sending.done():
            read += new
        numbers = [int.from_bytes(one.octets[14:18], "big") for one in read]
        assert numbers == sorted(set(numbers))
        assert len(numbers) + near.dropped == len(frames)
        assert near.dropped > 0


def test_a_longer_frame_is_cut_and_its_length_told(network):
    with Capture(network.call("capture", "lo")) as near, network.call("raw", "lo") as sender:
        for size in (1982, 1983, 9000):
            sender.send(frame(0, size))
        packets = [one for one in near.wait(6) if one.outgoing]
    assert [one.length for one in packets] == [1982, 1983, 9000]
    assert [len(one.octets) for one in packets] == [1982, 1982, 1982]


def test_tcp_over_loopback_is_there_with_its_handshake(network):
    with (
        Capture(network.call("capture", "lo")) as near, network.call("socket") as listener,
        network.call("socket") as client,
    ):  # fmt: skip
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        ports = client.getsockname()[1], listener.getsockname()[1]
        packets = near.wait(6)
    assert [one.outgoing for one in packets] == [True, False] * 3  # loopback sends to itself
    segments = [dissect(one.octets) for one in packets if one.outgoing]
    assert [segment.find(TCP).flags for segment in segments] == [("SYN",), ("ACK", "SYN"), ("ACK",)]
    first = segments[0].find(TCP)
    assert (first.source_port, first.destination_port) == ports
    assert [check.verdict for check in checks(segments[0])] == ["right", "unfinished"]


def test_waiting_is_for_those_that_count_and_ends_at_the_deadline(network):
    with Capture(network.call("capture", "w0")) as near, network.call("raw", "w0") as sender:
        begun = time.monotonic()
        assert near.wait(deadline=0.05) == ()
        assert 0.05 <= time.monotonic() - begun < 5

        def is_five(one):
            return one.octets == frame(5)

        threading.Timer(0.05, lambda: [sender.send(frame(number)) for number in range(6)]).start()
        assert [one.octets for one in near.wait(which=is_five, deadline=20)] == [frame(number) for number in range(6)]
        assert time.monotonic() - begun < 15
        sender.send(frame(1))
        assert [one.octets for one in near.wait(2, deadline=0.01)] == [frame(1)]  # too few, but not lost
        assert near.wait(0, deadline=20) == ()


def test_two_threads_share_what_comes(network):
    count, found = 3000, []
    with Capture(network.call("capture", "w0")) as near, network.call("raw", "w0") as sender:
        end = time.monotonic() + 20

        def read(_):
            while len(found) < count and time.monotonic() < end:
                found.extend(near.wait(deadline=0.01))

        with ThreadPoolExecutor() as readers:
            done = readers.map(read, range(2))
            for number in range(count):
                while number - len(found) > 500 and time.monotonic() < end:  # or the ring overflows on a busy machine
                    time.sleep(0.001)
                sender.send(frame(number))
        assert list(done) == [None, None]
    assert sorted(one.octets for one in found) == [frame(number) for number in range(count)]


def test_what_is_in_the_ring_outlives_the_interface_and_waiting_on_does_not_spin():
    with wires.network() as other, Capture(other.call("capture", "w0")) as near:
        with other.call("raw", "w0") as sender:
            sender.send(frame(1))
        other.call("down", "w0")
        assert [one.octets for one in near.wait()] == [frame(1)]
        used = time.process_time()
        assert near.wait(deadline=0.5) == ()
        assert time.process_time() - used < 0.25


def test_an_interface_that_is_not_there_is_told_with_those_that_are(network):
    with pytest.raises(BadInput, match=r"no interface 'eth7' here: pass one of lo, w[01], w[01]") as caught:
        network.call("capture", "eth7")
    assert str(caught.value).count(".") == 1


@each([0, -BLOCK, BLOCK - 1, BLOCK + 2048])
def test_a_ring_that_cannot_be_is_told_before_anything_is_opened(octets):
    with pytest.raises(BadInput, match="pass such as 4194304"):
        capture.make_socket("lo", octets)


def test_without_the_right_the_refusal_is_the_kernels(network):
    """Root of a network may capture in it, and only there: this process may not, unless it is the machine's root."""
    if os.geteuid() == 0:
        pytest.skip("the machine's root may capture everywhere")
    with pytest.raises(PermissionError):
        capture.make_socket("lo")


def test_a_socket_with_another_ring_is_refused_and_closed(network):
    for sock in (network.call("capture", "w0", BLOCK), network.call("socket")):
        with pytest.raises(BadInput, match="no ring of 4194304 bytes"):
            Capture(sock)
        assert sock.fileno() == -1


def test_a_closed_capture_says_so(network):
    near = Capture(network.call("capture", "w0"))
    near.close()
    near.close()
    assert near.closed
    assert near.dropped == 0
    for read in (near.packets, near.wait):
        with pytest.raises(BadInput, match="closed: open a new one"):
            read()


def test_a_failure_halfway_leaves_no_socket(network, monkeypatch):
    closed = []

    class Sock:
        def setsockopt(self, *_):
            pass

        def bind(self, _):
            raise OSError(100, "Network is down")

        def close(self):
            closed.append(True)

    names = {name: getattr(socket, name) for name in ("AF_PACKET", "SOCK_RAW")}
    monkeypatch.setattr(capture, "socket", types.SimpleNamespace(socket=lambda *_: Sock(), **names))
    with pytest.raises(OSError, match="Network is down"):
        capture.make_socket("w0")
    assert closed == [True]
