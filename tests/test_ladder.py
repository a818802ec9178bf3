"""The ladder: what is told of each packet, against tshark where it tells the same, and that all of it is drawn."""

import shutil
import socket
import subprocess

import pytest
from header_samples import samples
from rules import each
from using import picture

from sockets_lab.errors import BadInput
from sockets_lab.figures.ladder import HOSTS, MOST, ladder
from sockets_lab.figures.marks import Line, Text
from sockets_lab.headers import ARP, TCP, UDP, Ethernet, Header, ICMPv4, ICMPv6, IPv4, IPv6, build, compose, corrected
from sockets_lab.headers.summary import Teller
from sockets_lab.lab import pcap
from sockets_lab.lab.capture import Captured

A, B, C = "10.20.30.40", "50.60.70.80", "90.100.110.120"
GROUP, EVERYBODY = "01:00:5e:7f:01:01", "ff:ff:ff:ff:ff:ff"
NODES = {"A": A, "B": B, "C": C}


def card(address: str) -> str:
    """Return an Ethernet address for a host."""
    return f"02:00:{socket.inet_aton(address).hex(':')}"


def frame(source: str, destination: str, *layers: Header, payload: bytes = b"", to: str = "", **ip) -> bytes:
    """Return a frame from one host to another, or to the card `to`."""
    ethernet = Ethernet(to or card(destination), card(source))
    if not isinstance(layers[0] if layers else None, ARP):
        layers = (IPv4(source=source, destination=destination, **ip), *layers)
    return build(compose(ethernet, *layers, payload=payload))


def segment(source: str, destination: str, ports: tuple[int, int], numbers: tuple[int, int], flags: str,
            payload: bytes = b"") -> bytes:  # fmt: skip
    values = {flag.lower(): 1 for flag in flags.split()}
    return frame(source, destination, TCP(*ports, *(number % 2**32 for number in numbers), **values), payload=payload)


def captured(*frames: bytes, apart: int = 250_000) -> list[Captured]:
    """Return them as captured, so many nanoseconds apart."""
    return [Captured(10**18 + apart * i, data, None, len(data)) for i, data in enumerate(frames)]


def conversation(start=(2**32 - 3, 77), ports=(4444, 8888)):
    """Return the segments of a connection whose numbers wrap around, and one that comes twice."""
    there, back = ports, ports[::-1]
    x, y = start
    return [
        segment(A, B, there, (x, 0), "SYN"),
        segment(B, A, back, (y, x + 1), "SYN ACK"),
        segment(A, B, there, (x + 1, y + 1), "ACK"),
        segment(A, B, there, (x + 1, y + 1), "PSH ACK", b"hello"),
        segment(A, B, there, (x + 1, y + 1), "PSH ACK", b"hello"),
        segment(B, A, back, (y + 1, x + 6), "ACK"),
        segment(B, A, back, (y + 1, x + 6), "PSH ACK", b"!"),
        segment(A, B, there, (x + 6, y + 2), "FIN ACK"),
        segment(B, A, back, (y + 2, x + 7), "FIN ACK"),
        segment(A, B, there, (x + 7, y + 3), "ACK"),
    ]


def told(*frames):
    teller = Teller()
    return [teller.tell(data) for data in frames]


def test_a_connection_is_told_in_numbers_that_can_be_counted():
    assert [(one.source, one.words, one.details) for one in told(*conversation())] == [
        (A, "SYN", "seq 0"),
        (B, "SYN ACK", "seq 0, ack 1"),
        (A, "ACK", "seq 1, ack 1"),
        (A, "PSH ACK 5 bytes", "seq 1, ack 1"),
        (A, "PSH ACK 5 bytes (again)", "seq 1, ack 1"),
        (B, "ACK", "seq 1, ack 6"),
        (B, "PSH ACK 1 byte", "seq 1, ack 6"),
        (A, "FIN ACK", "seq 6, ack 2"),
        (B, "FIN ACK", "seq 2, ack 7"),
        (A, "ACK", "seq 7, ack 3"),
    ]
    assert {one.ports for one in told(*conversation())} == {(4444, 8888), (8888, 4444)}


def test_connections_are_counted_each_by_itself_also_where_ports_come_again():
    one, other = conversation(), conversation((1000, 2000), (4445, 8888))
    mixed = told(*(data for pair in zip(one, other, strict=True) for data in pair))
    assert [message.details for message in mixed[::2]] == [message.details for message in mixed[1::2]]
    again = told(*one, *conversation((5, 6)))
    assert [(m.words, m.details) for m in again[:10]] == [(m.words, m.details) for m in again[10:]]


def test_tshark_counts_the_same(tmp_path):
    program = shutil.which("tshark")
    if not program:
        pytest.skip("tshark is not installed, so the ladder's numbers are not compared with its: it is Wireshark's")
    frames = [*conversation(), *conversation((9, 2**32 - 2), (1, 2)), segment(A, B, (5, 6), (7, 0), "SYN"),
              segment(B, A, (6, 5), (0, 8), "RST ACK")]  # fmt: skip
    pcap.write(tmp_path / "file", captured(*frames))
    fields = ("ip.src", "tcp.seq", "tcp.ack", "tcp.len", "tcp.srcport", "tcp.dstport", "tcp.flags.reset")
    command = [program, "-r", str(tmp_path / "file"), "-T", "fields", *(w for name in fields for w in ("-e", name))]
    read = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert len(read) == len(frames)
    for one, line in zip(told(*frames), read, strict=True):
        source, sequence, acknowledgment, length, *ports, reset = line.split("\t")
        expected = f"seq {sequence}, ack {acknowledgment}" if "ACK" in one.words else f"seq {sequence}"
        if reset not in ("1", "True"):  # a reset without a connection has none to count in: tshark says 1, and we 0
            assert one.details == expected
        assert (one.source, one.ports) == (source, tuple(map(int, ports)))
        assert (f" {length} byte" in one.words) is (length != "0")


def test_a_capture_that_begins_late_counts_from_what_it_saw_first():
    late = told(*conversation()[5:])
    assert [one.details for one in late] == [
        "seq 0, ack 0", "seq 0, ack 0", "seq 0, ack 1", "seq 1, ack 1", "seq 1, ack 2",
    ]  # fmt: skip
    before = told(segment(A, B, (1, 2), (100, 0), "ACK"), segment(A, B, (1, 2), (90, 0), "ACK"))
    assert before[1].details == "seq -10, ack 0"


def test_what_is_no_tcp_is_told_too():
    cause = build(compose(IPv4(source=A, destination=B), UDP(4444, 8888), payload=b"x"))
    report = frame(B, A, ICMPv4(3, 3), payload=cause[:28])  # the header and 8 bytes: RFC 792
    group = "239.255.1.1"
    join = bytes.fromhex("22000000" "00000001" "04000000" "efff0101")
    messages = told(
        frame(A, B, ARP(1, 0x800, 6, 4, 1, card(A), A, target_address=B), to=EVERYBODY),
        frame(B, A, ARP(1, 0x800, 6, 4, 2, card(B), B, card(A), A)),
        frame(A, B, UDP(4444, 8888), payload=b"hello"),
        frame(A, group, UDP(4444, 5000), payload=b"x", to=GROUP),
        report,
        frame(B, A, ICMPv4(8)),
        frame(A, "224.0.0.22", payload=join, to=GROUP, protocol=2),
        frame(A, "224.0.0.22", payload=b"\x22" + join[1:8] + b"\3" + join[9:], to=GROUP, protocol=2),
        frame(A, group, payload=b"\x16\0\0\0\xef\xff\1\1", to=GROUP, protocol=2),
        frame(A, B, payload=bytes(16), protocol=17, more_fragments=1, fragment_offset=185),
        frame(A, B, payload=bytes(3), protocol=132),
    )
    assert [(one.destination, one.words, one.details, one.bad) for one in messages] == [
        ("", f"ARP who has {B}?", "", False),
        (A, f"ARP {B} is here", card(B), False),
        (B, "UDP 5 bytes", "", False),
        ("", "UDP 1 byte", f"from port 4444 to {group}:5000", False),
        (A, "ICMP port unreachable", f"about UDP to {B}:8888", True),
        (A, "ICMP echo request", "", False),
        ("", f"IGMP join {group}", "", False),
        ("", f"IGMP leave {group}", "", False),
        ("", f"IGMP join {group}", "", False),
        (B, "part of a packet, 16 bytes from byte 1480 on", "", False),
        (B, "IP protocol 132, 3 bytes", "", False),
    ]


def test_any_frame_is_told_or_is_none():
    teller = Teller()
    for data in samples().values():
        for end in range(0, len(data) + 1, 5):
            message = teller.tell(data[:end])
            assert message is None or message.words
    assert teller.tell(build(compose(Ethernet(), IPv6(), ICMPv6(135)))).words == "ICMPv6 type 135"
    jumbo = build(compose(Ethernet(), IPv6(), UDP(1, 2), payload=b"hello").change(UDP, length=0))
    assert teller.tell(jumbo).words == "UDP 5 bytes"


def test_each_packet_has_its_arrow_ports_and_sentence():
    refusal = [segment(A, C, (4445, 9), (5, 0), "SYN"), segment(C, A, (9, 4445), (0, 6), "RST ACK")]
    drawing = ladder(captured(*conversation(), *refusal), NODES)
    picture(drawing)
    arrows = [mark for mark in drawing.marks if isinstance(mark, Line) and mark.arrow]
    assert [arrow.role for arrow in arrows] == ["packet"] * 11 + ["refused"]
    assert [arrow.y1 for arrow in arrows] == sorted({arrow.y1 for arrow in arrows})  # downwards, none level
    assert all(arrow.y1 == arrow.y2 for arrow in arrows)
    assert [arrow.x1 < arrow.x2 for arrow in arrows[-2:]] == [True, False]
    assert abs(arrows[-1].x1 - arrows[-1].x2) == 2 * abs(arrows[0].x1 - arrows[0].x2)  # A to C passes B
    texts = [mark.text for mark in drawing.marks if isinstance(mark, Text)]
    assert texts.count("4444") == texts.count("8888") == 10
    for text in ("RST ACK", "seq 0, ack 1", "0.25 ms", "A", B):
        assert text in texts
    assert drawing.alt.startswith(f"A is {A}, B is {B}, C is {C}. 1. After 0.00 ms, A port 4444 to B port 8888: SYN,")
    assert "12. After 2.75 ms, C port 9 to A port 4445: RST ACK, seq 0, ack 1." in drawing.alt


def test_what_goes_to_all_reaches_every_other_host():
    question = frame(B, A, ARP(1, 0x800, 6, 4, 1, card(B), B, target_address=A), to=EVERYBODY)
    drawing = ladder(captured(question), NODES)
    lines = {mark.x1 for mark in drawing.marks if isinstance(mark, Line) and mark.x1 == mark.x2}
    (start,) = {mark.x1 for mark in drawing.marks if isinstance(mark, Line) and mark.arrow}
    assert {mark.x2 for mark in drawing.marks if isinstance(mark, Line) and mark.arrow} == lines - {start}
    assert f"B to all: ARP who has {A}?" in drawing.alt


def test_times_grow_to_seconds():
    drawing = ladder(captured(*conversation(), apart=999_999_999), NODES)
    texts = [mark.text for mark in drawing.marks if isinstance(mark, Text)]
    assert {"0.00 ms", "1000.00 ms", "2.000 s"} <= set(texts)


def test_more_than_fit_are_counted_and_so_are_those_of_others():
    count = MOST + 2
    strangers = [frame("1.2.3.4", A, UDP(1, 2))] * 3
    drawing = ladder(captured(*[frame(A, B, UDP(1, 2))] * count, *strangers), NODES)
    picture(drawing)
    arrows = [mark for mark in drawing.marks if isinstance(mark, Line) and mark.arrow]
    assert len(arrows) == MOST
    assert "2 more packets followed, not drawn." in drawing.alt
    assert "3 packets were not from one of these hosts to another" in drawing.alt
    one = ladder(captured(*[frame(A, B, UDP(1, 2))] * (MOST + 1), b"no frame"), NODES)
    assert "1 more packet followed" in one.alt
    assert "1 packet was not from" in one.alt


def test_nothing_is_said_to_be_nothing():
    drawing = ladder([], NODES, title="Nothing.")
    picture(drawing)
    assert drawing.title == "Nothing."
    assert drawing.alt.endswith("No packet crossed the link between these hosts.")


MANY = {f"H{i}": f"10.0.0.{i}" for i in range(HOSTS + 1)}


@each([{}, {"A": A}, MANY])
def test_hosts_that_do_not_fit_are_told(nodes):
    with pytest.raises(BadInput, match=f"a ladder has 2 to {HOSTS} hosts"):
        ladder([], nodes)


def test_hosts_that_share_an_address_share_a_line():
    """So it is where a machine has one loopback address only."""
    shared = ladder([], {"A": A, "B": A, "C": B})
    picture(shared)
    assert "A, B" in shared.html()


def test_the_widest_ladder_keeps_to_its_frame():
    nodes = {name: f"240.250.240.25{i}" for i, name in enumerate("ABCDE")}
    assert len(nodes) == HOSTS
    ends = [("A", "B"), ("E", "D"), ("E", "A"), ("C", "E")]
    frames = [segment(nodes[x], nodes[y], (60000, 61000), (1, 2), "PSH ACK", bytes(1460)) for x, y in ends]
    picture(ladder(captured(*frames, *frames, apart=400_000_000_000), nodes))


def test_an_unfinished_checksum_or_a_wrong_one_does_not_stop_the_ladder():
    packet = corrected(compose(Ethernet(card(B), card(A)), IPv4(source=A, destination=B), UDP(1, 2), payload=b"x"))
    assert told(build(packet.change(UDP, checksum=0xBEEF)))[0].words == "UDP 1 byte"
