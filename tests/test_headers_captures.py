"""Packets of real kernels, captured in a lab: there and back, checksums, and counted as tshark counts."""

import socket
import struct
from collections import Counter

import pytest
from header_samples import tshark
from labs import open_lab

from sockets_lab.figures.ladder import ladder
from sockets_lab.headers import ARP, TCP, UDP, Ethernet, ICMPv4, IPv4, IPv6, build, checks, compose, dissect
from sockets_lab.headers.summary import Teller
from sockets_lab.lab import Lab
from sockets_lab.lab.capture import Capture, Captured

A, B = "10.20.30.40", "50.60.70.80"
GROUP = "239.255.7.7"
ROUTER_ALERT = b"\x94\x04\0\0"  # an option of IPv4 that asks for nothing here: RFC 2113
IP_OPTIONS, SO_NO_CHECK = 4, 11  # linux/in.h, asm-generic/socket.h
LAST = b"the last"
PATIENCE = 20.0  # seconds
COUNTED = ("tcp.seq", "tcp.ack", "igmp.record_type", "igmp.maddr")


@pytest.fixture(scope="module")
def captures():
    """Return what crossed A's cable, while two nodes talked in every way that lessons show."""
    with open_lab(A=A, B=B) as lab, lab.A.capture() as at_a:
        streams(lab)
        datagrams(lab)
        found = group(lab, at_a)
        with lab.A.socket(type=socket.SOCK_DGRAM) as sender, lab.B.socket(type=socket.SOCK_DGRAM) as receiver:
            receiver.bind((B, 9999))
            sender.sendto(LAST, (B, 9999))
        found += until(at_a, LAST)
        assert at_a.dropped == 0
    return found


@pytest.fixture(scope="module")
def frames(captures):
    """Return the frames at A's cable. Nodes have no IPv6, but the switch is a host too, and may have some."""
    return [one.octets for one in captures if not dissect(one.octets).find(IPv6)]


def streams(lab: Lab) -> None:
    """Connect, send both ways, urgently too, and end in order; then refuse, and reset."""
    with lab.B.socket() as listener:
        listener.bind((B, 8888))
        listener.listen()
        for abort in (False, True):
            with lab.A.socket() as client:
                client.connect((B, 8888))
                server, _ = listener.accept()
                with server:
                    for sock in (client, server):
                        sock.settimeout(PATIENCE)
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
                    client.sendall(b"hello")
                    assert server.recv(5) == b"hello"
                    client.send(b"!", socket.MSG_OOB)
                    assert server.recv(1) == b"!"  # what is left unread would turn the end into a reset
                    server.sendall(bytes(range(256)) * 20)  # more than one segment holds
                    assert len(client.recv(5120, socket.MSG_WAITALL)) == 5120
                    if abort:  # a connection that is thrown away: a reset
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with lab.A.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect((B, 8889))


def datagrams(lab: Lab) -> None:
    """Send datagrams: to nobody, with what is rare in the IP header, in parts, without a checksum, with a wrong one."""
    with lab.B.socket(type=socket.SOCK_DGRAM) as receiver:
        receiver.bind((B, 5000))
        receiver.settimeout(PATIENCE)
        with lab.A.socket(type=socket.SOCK_DGRAM) as sender:
            sender.settimeout(PATIENCE)
            sender.connect((B, 5001))
            sender.send(b"nobody")
            with pytest.raises(ConnectionRefusedError):
                sender.recv(1)
        for level, option, value in (
            (socket.IPPROTO_IP, socket.IP_TOS, 0xBA), (socket.IPPROTO_IP, socket.IP_TTL, 3),
            (socket.IPPROTO_IP, IP_OPTIONS, ROUTER_ALERT), (socket.SOL_SOCKET, SO_NO_CHECK, 1),
            (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
        ):  # fmt: skip
            with lab.A.socket(type=socket.SOCK_DGRAM) as sender:
                sender.setsockopt(level, option, value)
                for size in (0, 1, 5, 1472, 4000):  # the last one in three parts
                    sender.sendto(b"x" * size, (B, 5000))
                    assert len(receiver.recv(5000)) == size
    with lab.A.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        wrong = compose(IPv4(source=A, destination=B), UDP(1, 2), payload=b"wrong").change(UDP, checksum=0xBEEF)
        raw.sendto(build(wrong), (B, 0))
    with lab.A.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.settimeout(PATIENCE)
        raw.sendto(build(compose(ICMPv4(8, 0, rest=0x1234_0001), payload=b"echo")), (B, 0))
        while dissect(raw.recv(2000), IPv4).find(ICMPv4).type != 0:  # a raw socket hears all ICMP: RFC 792
            pass


def group(lab: Lab, capture: Capture) -> tuple[Captured, ...]:
    """Join a group, send to it, leave it; each report is waited for, as leaving at once calls the first off."""
    request = socket.inet_aton(GROUP) + socket.inet_aton(B)
    with lab.B.socket(type=socket.SOCK_DGRAM) as member, lab.A.socket(type=socket.SOCK_DGRAM) as sender:
        member.bind((GROUP, 6000))
        member.settimeout(PATIENCE)
        member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        found = until(capture, b"\4\0\0\0" + socket.inet_aton(GROUP))
        sender.sendto(b"all of you", (GROUP, 6000))
        assert member.recv(100) == b"all of you"
        member.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, request)
        return found + until(capture, b"\3\0\0\0" + socket.inet_aton(GROUP))


def until(capture: Capture, ending: bytes) -> tuple[Captured, ...]:
    """Return what came up to the first packet that ends with these bytes."""
    return capture.wait(which=lambda one: one.octets.endswith(ending), deadline=PATIENCE)


def test_the_capture_has_all_kinds(captures, frames):
    packets = [dissect(data) for data in frames]
    kinds = Counter(type(layer) for packet in packets for layer in packet.layers)
    assert set(kinds) >= {Ethernet, ARP, IPv4, TCP, UDP, ICMPv4}
    segments = [tcp for packet in packets if (tcp := packet.find(TCP))]
    assert {flag for tcp in segments for flag in tcp.flags} == {"SYN", "ACK", "PSH", "URG", "FIN", "RST"}
    assert {option.kind for tcp in segments for option in tcp.option_list} >= {1, 2, 3, 4, 8}
    assert any(ip.more_fragments for packet in packets if (ip := packet.find(IPv4)))
    assert all(one.length == len(one.octets) for one in captures)


def test_building_gives_the_same_bytes_and_only_one_checksum_is_wrong(frames):
    verdicts = Counter()
    for data in frames:
        packet = dissect(data)
        assert build(packet) == data
        verdicts.update(check.verdict for check in checks(packet))
        if any(check.verdict == "wrong" for check in checks(packet)):
            assert packet.payload == b"wrong"
    assert verdicts["wrong"] == 1
    assert verdicts["none"] == 4  # the datagrams of one part whose sender asked for none
    assert set(verdicts) == {"right", "wrong", "none"}


def test_tshark_counts_and_tells_the_same_as_the_ladder(frames, tmp_path):
    teller, groups = Teller(), set()
    for data, theirs in zip(frames, tshark(frames, tmp_path, COUNTED), strict=True):
        message, tcp = teller.tell(data), dissect(data).find(TCP)
        if tcp and not (tcp.rst and tcp.sequence == 0):  # tshark counts from 1 what belongs to no connection
            expected = f"seq {theirs['tcp.seq']}" + (f", ack {theirs['tcp.ack']}" if tcp.ack else "")
            assert message.details == expected
        if theirs["igmp.maddr"] == GROUP:
            word = {"4": "join", "3": "leave"}[theirs["igmp.record_type"]]
            assert message.words == f"IGMP {word} {GROUP}"
            groups.add(word)
    assert groups == {"join", "leave"}


def test_the_ladder_draws_the_whole_conversation(captures):
    drawing = ladder(captures, {"A": A, "B": B})
    assert "A to all: ARP who has 50.60.70.80?." in drawing.alt
    for words in ("SYN, seq 0.", "SYN ACK, seq 0, ack 1.", "PSH ACK 5 bytes, seq 1, ack 1."):
        assert words in drawing.alt
