"""Lesson 10 as a learner meets it: every field has its picture, the panel sends what it shows, the kernels check."""

import re
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from labs import needs_namespaces
from rules import each
from using import click, inside, picture

from sockets_lab.course.questions import Found, pick
from sockets_lab.errors import BadInput
from sockets_lab.figures.marks import ROLES
from sockets_lab.headers import TCP, UDP, Ethernet, IPv4, Option, Packet, build, compose, corrected, pack_options
from sockets_lab.lab import Lab
from sockets_lab.lessons import packets
from sockets_lab.lessons.packets import figure as figures
from sockets_lab.lessons.packets import panel as panels
from sockets_lab.lessons.packets.questions import EXERCISES, LENGTH, PORT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nodes are Linux's")
NAMES = {"A": "10.20.30.40", "B": "50.60.70.80"}
IP = IPv4(source="255.255.255.255", destination="255.255.255.255")
DATAGRAM = compose(Ethernet(), IP, UDP(4444, 8888), payload=b"hello")
OPTIONS = pack_options(Option(2, b"\x05\xb4"), Option(4), Option(8, b"\xff" * 8), Option(1), Option(3, b"\x0a"))
SEGMENT = compose(Ethernet(), IP, TCP(4444, 8888, 2**32 - 1, 2**32 - 1, syn=1, window=65535, options=OPTIONS))


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(**NAMES) as made:
        yield made


# Pictures


@each([DATAGRAM, SEGMENT])
def test_every_field_lights_its_own_bytes(packet: Packet) -> None:
    for seen in packet.seen():
        drawing = figures.microscope(packet, seen.layer, seen.field.name)
        inside(drawing)
        lit = re.findall(r'style="font-weight:bold;font-family:var\(--mono\)">([0-9a-f]{2})<', drawing.html())
        assert lit == list(build(packet)[seen.octets.start : seen.octets.stop].hex(" ").split())
        assert seen.field.meaning in drawing.alt
    picture(drawing)
    with pytest.raises(BadInput, match="no field"):
        figures.microscope(packet, 0, "window")


def test_a_wrong_checksum_is_seen_wherever_one_looks() -> None:
    changed = DATAGRAM.change(UDP, destination_port=1)
    elsewhere = figures.microscope(changed, 2, "source_port").html()
    assert ROLES["refused"] in elsewhere
    assert ROLES["refused"] not in figures.microscope(corrected(changed), 2, "source_port").html()
    assert "It is wrong. It has to be 0x" in figures.microscope(changed, 2, "checksum").alt


def test_the_largest_options_fit_into_the_picture() -> None:
    full = compose(IP, TCP(options=pack_options(*[Option(1)] * 40)), payload=bytes(20))
    inside(figures.microscope(full, 1, "options", "A segment whose header has all the bytes that it can have."))
    picture(figures.beside(full, DATAGRAM))
    inside(figures.microscope(compose(IPv4(options=bytes(40)), UDP()), 0, "options"))


def test_segment_and_datagram_stand_beside_each_other() -> None:
    drawing = figures.beside(SEGMENT, DATAGRAM)
    picture(drawing)
    assert "TCP: source port 4444 in its first 2 bytes, destination port 8888" in drawing.alt
    assert "UDP: source port 4444 in its first 2 bytes, destination port 8888" in drawing.alt
    with pytest.raises(BadInput, match="no segment"):
        figures.beside(DATAGRAM, DATAGRAM)


def test_readers_have_their_fields() -> None:
    drawing = figures.readers()
    picture(drawing)
    assert "A switch reads Ethernet to, Ethernet from." in drawing.alt
    assert re.search(r"A firewall reads [^.]*TCP or UDP from port, TCP or UDP to port", drawing.alt)
    assert re.search(r"Port forwarding [^.]*writes [^.]*TCP or UDP to port", drawing.alt)


@needs_namespaces
def test_the_survey_becomes_a_table(lab: Lab) -> None:
    with packets.Testbed(lab) as bench:
        table = figures.surveyed(packets.survey(bench))
    assert "field: UDP destination port; changed to: 9; what became of it: answered: ICMP port unreachable" in table.alt
    assert "0x88b5" in table.alt
    assert "kept, until the other parts come" in table.alt


# The panel


def choose(panel: panels.HeaderPanel, layer: int, field: str, value: str) -> str:
    """Change one field as somebody at the page does; return what the panel says."""
    panel.layer.value, panel.field.value, panel.value.value = layer, field, value
    return click(panel, "Change")


@needs_namespaces
class TestPanel:
    def test_it_shows_a_captured_datagram_and_lights_what_is_chosen(self, panel: panels.HeaderPanel) -> None:
        assert "Lit: UDP, destination port" in panel.picture.alt
        assert "captured on node B's cable" in panel.picture.alt
        assert "In B wait <b>the first program</b> at UDP port 7001" in panel.waiting.value
        panel.layer.value = 0
        assert "Lit: Ethernet, destination" in panel.picture.alt
        panel.field.value = "ethertype"
        assert panel.value.value == "0x0800"
        assert "which is 0x0800" in panel.picture.alt
        panel.kind.value = "a first segment (SYN)"
        panel.layer.value, panel.field.value = 2, "syn"
        assert "Lit: TCP, SYN" in panel.picture.alt
        panel.kind.value = "a segment with data"
        assert "data offset 8" in panel.picture.alt

    def test_what_is_sent_arrives_where_its_port_says(self, panel: panels.HeaderPanel) -> None:
        assert "The first program received b'hello'; the kernel says it is from 10.20.30.40:4444" in click(
            panel, "Send it"
        )
        assert "Changed. All checksums are right." in choose(panel, 2, "destination_port", "7002")
        assert "Changed by hand since" in panel.picture.alt
        assert "The second program received" in click(panel, "Send it")
        choose(panel, 2, "destination_port", "0x9")
        assert "ICMP port unreachable" in click(panel, "Send it")
        assert "port unreachable" in panel.ladder.value
        click(panel, "As it was")
        assert panel.ladder.value == ""

    def test_a_packet_of_a_cell_can_be_looked_at_and_sent(self, panel: panels.HeaderPanel) -> None:
        with pytest.raises(BadInput):
            panel.add(b"no packet")
        assert panel.bench is not None
        panel.add(build(packets.plain(panel.bench, b"from a cell")))
        assert panel.kind.value == "a datagram"
        panel.kind.value = "a packet of yours"
        assert "A packet of yours, from a cell." in panel.picture.alt
        assert "received b'from a cell'" in click(panel, "Send it")
        panel.release()
        assert "received b'from a cell'" in click(panel, "Send it")

    def test_checksums_follow_or_do_not(self, panel: panels.HeaderPanel) -> None:
        assert "follows from the rest of the packet" in choose(panel, 2, "checksum", "1")
        panel.follows.value = False
        assert "Wrong now: the checksum of UDP" in choose(panel, 2, "checksum", "1")
        answer = click(panel, "Send it")
        assert "threw it away" in answer
        assert "Udp.InCsumErrors +1" in answer

    def test_a_segment_without_a_socket_is_ended_by_its_own_kernel(self, panel: panels.HeaderPanel) -> None:
        panel.kind.value = "a first segment (SYN)"
        answer = click(panel, "Send it")
        assert "B's kernel answered: SYN ACK" in answer
        assert "knows nothing of your packet, said: RST" in answer
        panel.kind.value = "a segment with data"
        assert "B's kernel answered: RST" in click(panel, "Send it")

    def test_mistakes_become_sentences(self, panel: panels.HeaderPanel) -> None:
        assert "16 bits, so it holds 0 to 65535" in choose(panel, 2, "destination_port", "65536")
        assert "is no number" in choose(panel, 2, "destination_port", "http")
        assert "is no destination" in choose(panel, 1, "destination", "10.20.30")
        choose(panel, 1, "destination", "8.8.8.8")
        assert "8.8.8.8 is no node of this lab" in click(panel, "Send it")
        panel.kind.value = "a first segment (SYN)"
        assert "are no bytes" in choose(panel, 2, "options", "xyz")
        assert "up to 40" in choose(panel, 2, "options", "01" * 41)

    def test_release_closes_all_and_the_next_click_begins_anew(self, panel: panels.HeaderPanel) -> None:
        first = panel.bench.lab
        assert panel.release()
        assert first.closed
        assert not panel.release()
        assert "received" in click(panel, "Send it")
        assert panel.bench.lab is not first

    def test_in_the_learners_lab_it_leaves_when_that_closes(self, lab: Lab) -> None:
        panel = panels.make()
        assert panel.bench.lab is lab
        lab.close()
        assert "received" in click(panel, "Send it")
        assert panel.bench.lab is not lab
        assert panel.release()

    def test_where_the_learners_cable_is_cut_it_takes_a_lab_of_its_own(self, lab: Lab) -> None:
        assert lab.B.cut() is None
        panel = panels.make()
        assert panel.bench.lab is not lab
        assert "received" in click(panel, "Send it")
        panel.release()


def test_on_loopback_the_panel_shows_and_does_not_send(loopback: None) -> None:
    panel = panels.make()
    try:
        assert "put together from the names of real sockets" in panel.picture.alt
        assert "cannot be sent" in panel.waiting.value
        assert "All checksums are right" in choose(panel, 2, "destination_port", "7002")
        assert "It was not sent" in click(panel, "Send it")
        assert "only between nodes" in figures.surveyed(packets.survey(panel.bench)).alt
    finally:
        assert panel.release()


# The questions


def check(key: str) -> Found:
    return pick(EXERCISES, key).check()


@pytest.mark.parametrize("key", ["by-hand", "goodbye"])
def test_without_a_lab_nothing_is_done(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(key) == Found(False, "no lab with nodes A and B is open.")
    monkeypatch.setenv("SOCKETS_LAB_NODES", "loopback")
    with Lab(fallback=True, **NAMES):
        assert "on loopback" in check(key).because


@needs_namespaces
def test_by_hand_wants_the_length_and_the_port_that_no_socket_sends(lab: Lab) -> None:
    undone = check("by-hand")
    assert not undone.done
    with ExitStack() as held:
        receiver = held.enter_context(lab.B.socket(type=socket.SOCK_DGRAM))
        receiver.bind((lab.B.address, 0))
        receiver.settimeout(5)
        port = receiver.getsockname()[1]
        sender = held.enter_context(lab.A.socket(type=socket.SOCK_DGRAM))

        def by_hand(source: int, length: int) -> None:
            packet = compose(IPv4(source=lab.A.address, destination=lab.B.address), UDP(source, port),
                             payload=b"x" * length)  # fmt: skip
            assert packets.send(lab, lab.A, packet) is None
            sender.sendto(b"fence", receiver.getsockname())

        sender.sendto(b"x" * LENGTH, receiver.getsockname())  # an ordinary socket's port is not 0
        assert check("by-hand") == undone
        receiver.recv(100)
        for source, length in ((0, LENGTH + 1), (5, LENGTH)):
            by_hand(source, length)
            assert check("by-hand") == undone
            receiver.recv(100)
            receiver.recv(100)
        by_hand(0, LENGTH)
        assert check("by-hand").done
        assert check("by-hand").done  # looking takes nothing out
        receiver.recv(100)
        assert check("by-hand") == undone


@needs_namespaces
def test_goodbye_wants_two_kernels_that_disagree(lab: Lab) -> None:
    undone = check("goodbye")
    assert not undone.done
    with ExitStack() as held:
        listener = held.enter_context(lab.B.socket())
        listener.bind((lab.B.address, 0))
        listener.listen()
        client = held.enter_context(lab.A.socket())
        client.bind((lab.A.address, PORT))
        client.connect(listener.getsockname())
        server = held.enter_context(listener.accept()[0])
        server.settimeout(5)
        assert "does not say CLOSE_WAIT" in check("goodbye").because
        with lab.B.capture() as capture:
            client.sendall(b"hello")
            caught = capture.wait(1, which=lambda one: one.octets.endswith(b"hello"))
        frame = packets.Example(next(one for one in caught if one.octets.endswith(b"hello"))).packet
        begin = frame.find(TCP).sequence
        for wrong in (begin, begin + 5 + 2**20):  # B expects another number
            fin = corrected(Packet(frame.layers).change(TCP, sequence=wrong % 2**32, fin=1, psh=0))
            assert packets.send(lab, lab.A, fin) is None
        assert server.recv(5) == b"hello"
        assert not check("goodbye").done
        fin = corrected(Packet(frame.layers).change(TCP, sequence=(begin + 5) % 2**32, fin=1, psh=0))
        assert packets.send(lab, lab.A, fin) is None
        assert server.recv(5) == b""
        assert check("goodbye").done
        client.shutdown(socket.SHUT_WR)  # now A has really said it: nothing is by hand any more
        assert not check("goodbye").done
