"""Headers: bytes to values and back, whatever the bytes are; fields where the table says; fixed examples of RFCs."""

import dataclasses
import random

import pytest
from header_samples import samples
from rules import each
from trials import for_all

from sockets_lab.errors import BadInput
from sockets_lab.headers import (
    ARP,
    TCP,
    UDP,
    DestinationOptions,
    Ethernet,
    Fragment,
    HopByHop,
    ICMPv4,
    ICMPv6,
    IPv4,
    IPv6,
    NotAPacket,
    Option,
    Packet,
    Routing,
    build,
    checks,
    compose,
    corrected,
    dissect,
    pack_options,
    read_options,
)

KINDS = (Ethernet, ARP, IPv4, IPv6, HopByHop, Routing, DestinationOptions, Fragment, TCP, UDP, ICMPv4, ICMPv6)
SAMPLES = samples()
FIRSTS = (Ethernet, None, *KINDS[1:])


def taken(data: bytes, first: type | None = Ethernet) -> Packet | None:
    """Dissect, and build again what comes out; None where the one documented error came."""
    try:
        packet = dissect(data, first)
    except NotAPacket:
        return None
    assert build(packet) == data
    assert all(place.stop <= len(data) for place in packet.ranges)
    assert corrected(packet) is not None
    return packet


# The table of fields and the bytes.


@each(KINDS)
def test_each_field_is_read_from_the_bits_that_its_table_names(kind):
    dice, size = random.Random(8), kind.layout.size
    for _ in range(50):
        data = dice.randbytes(size)
        values = kind.layout.read(data)
        for one in kind.layout.fields.values():
            if one.width is not None:
                bits = int.from_bytes(data, "big") >> (8 * size - one.offset - one.width) & (1 << one.width) - 1
                told = values[one.name]
                assert (int.from_bytes(one.spelling.write(told), "big") if one.spelling else told) == bits, one.name
        assert kind.layout.write(values | ({kind.layout.rest.name: b""} if kind.layout.rest else {})) == data


@each(KINDS)
def test_fields_leave_no_gap_and_say_what_they_mean(kind):
    offset = 0
    for one in kind.layout.fields.values():
        assert one.offset == offset
        assert one.meaning.endswith(".")
        assert one.source.startswith(("RFC ", "IEEE "))
        offset += one.width or 0
    assert offset == 8 * kind.layout.size
    assert list(kind.layout.fields) == [one.name for one in dataclasses.fields(kind)]


@each(
    [(Ethernet, 14), (ARP, 28), (IPv4, 20), (IPv6, 40), (TCP, 20), (UDP, 8), (ICMPv4, 8), (ICMPv6, 8)]
)
def test_headers_have_the_size_that_their_rfcs_draw(kind, size):
    assert kind.layout.size == size


def test_a_field_lights_up_its_bytes_in_the_packet():
    packet, data = dissect(SAMPLES["tcp"]), SAMPLES["tcp"]
    place = packet.octets(TCP, "destination_port")
    assert data[place.start : place.stop] == (8888).to_bytes(2, "big")
    assert packet.octets(TCP, "syn") == packet.octets(TCP, "ack") == range(47, 48)
    assert packet.octets(TCP, "options") == range(54, 62)
    lit = {byte for seen in packet.seen() for byte in seen.octets}
    assert lit == set(range(len(data) - len(packet.payload)))
    assert [seen.header for seen in packet.seen()][-1] is TCP
    with pytest.raises(BadInput, match="no UDP"):
        packet.octets(UDP, "length")
    with pytest.raises(BadInput, match="no field port"):
        packet.octets(TCP, "port")


# There and back.


@each(SAMPLES)
def test_samples_come_back_as_they_were(name):
    packet = taken(SAMPLES[name])
    if name != "cut":
        assert packet == corrected(packet), "compose has left nothing to correct"
    kinds = {"tcp": TCP, "udp": UDP, "icmp": ICMPv4, "arp": ARP, "tcp6": TCP, "udp6": UDP, "icmp6": ICMPv6, "cut": TCP,
             "chain": UDP, "padded": UDP, "options": UDP, "part": IPv4, "unknown": Ethernet}  # fmt: skip
    assert type(packet.layers[-1]) is kinds[name]


@each(FIRSTS)
def test_any_bytes_are_a_packet_or_none(first):
    def holds_for(data: bytes) -> None:
        taken(data, first)

    for_all(holds_for, lambda st: {"data": st.binary(max_size=120)})


@each(SAMPLES)
def test_every_byte_may_change_and_the_end_may_be_anywhere(name):
    data = SAMPLES[name]
    for at in range(len(data)):
        taken(data[:at])
        taken(data[at:])
        taken(data[at:], None)
        for value in {0, 1, 0x0F, 0x45, 0x60, 0x7F, 0x80, 0xFF, data[at] ^ 1, data[at] ^ 0x80}:
            assert taken(data[:at] + bytes((value,)) + data[at + 1 :]), "its first header is whole"


# What is an error, and what is kept.


@each(
    [
        (b"", Ethernet, "Ethernet needs 14 bytes, and there are 0."),
        (b"", None, "An IP packet begins with a 4 or a 6, and this with None."),
        (b"\x55" * 40, None, "An IP packet begins with a 4 or a 6, and this with 5."),
        (b"\x45" + bytes(18), IPv4, "IPv4 needs 20 bytes, and there are 19."),
        (b"\x44" + bytes(19), IPv4, "IPv4 says it has 16 bytes, not 20 to 20."),
        (b"\x45\0\0\x13" + bytes(16), IPv4, "IPv4 says 19 bytes in all, and 20 for its header alone."),
        (b"\x60" + bytes(39), IPv4, "IPv4 says it has 0 bytes, not 20 to 40."),
        (b"\x45" + bytes(39), IPv6, "IPv6 begins with a 6, and this with a 4."),
        (bytes(8), UDP, "UDP says that header and data have 0 bytes: 8 is the least."),
    ]
)
def test_what_does_not_begin_with_the_header_is_no_packet(data, first, sentence):
    with pytest.raises(NotAPacket) as fault:
        dissect(data, first)
    assert str(fault.value) == sentence
    assert isinstance(fault.value, ValueError)


def test_what_is_behind_the_first_header_is_kept_and_told():
    part = dissect(SAMPLES["part"])
    assert (len(part.layers), part.payload) == (2, bytes(16))
    assert "a part of a larger packet" in part.note
    unknown = dissect(SAMPLES["unknown"])
    assert (unknown.payload, "0x88cc" in unknown.note) == (b"what", True)
    cut = dissect(SAMPLES["cut"])
    assert (cut.missing, cut.payload, cut.note) == (3, b"he", "")
    short = dissect(SAMPLES["tcp"][:40])
    assert (short.find(TCP), short.payload, short.missing) == (None, SAMPLES["tcp"][34:40], 27)
    assert short.note == "TCP needs 20 bytes, and there are 6."
    padded = dissect(SAMPLES["padded"])
    assert (padded.payload, padded.trailer) == (b"hello", bytes(13))


def test_a_quoted_packet_in_an_error_message_can_be_read():
    quoted = SAMPLES["udp"][14 : 14 + 28]  # what routers send back: the IP header and 8 bytes, RFC 792
    inside = dissect(dissect(build(compose(IPv4(), ICMPv4(3, 3), payload=quoted)), IPv4).payload, None)
    assert (inside.find(UDP).destination_port, inside.missing) == (8888, 5)


@pytest.mark.parametrize("size", [2000, 70000])
@pytest.mark.parametrize("kind", [TCP, UDP])
@pytest.mark.parametrize("ip", [IPv4(), IPv6()], ids=lambda ip: ip.name())
def test_a_length_of_0_is_open_and_all_bytes_are_read(ip, kind, size):
    """TSO and BIG TCP leave 0 in the length of IP; above 64 KiB there is TCP only."""
    name = "total_length" if isinstance(ip, IPv4) else "payload_length"
    whole = compose(Ethernet(), ip, kind(40000, 80), payload=bytes(min(size, 65000)))
    packet = whole.change(type(ip), **{name: 0})
    if kind is TCP:
        packet = Packet(packet.layers, bytes(size))
    read = dissect(build(packet))
    assert (read, read.missing, read.trailer) == (packet, 0, b"")
    assert read.note.startswith(f"The {name.replace('_', ' ')} of {ip.name()} is 0, as in large segments")
    assert checks(read)[-1].verdict in ("right", "untold")  # bytes may be missing, and no header says so
    mended = corrected(read)
    assert (getattr(mended.layers[1], name) == 0) is (size == 70000 and kind is TCP)
    assert checks(mended)[-1].verdict == "right"


@pytest.mark.parametrize("kind", [TCP, UDP])
def test_a_jumbogram_has_its_length_in_the_hop_by_hop_options(kind):
    option = HopByHop(data=bytes.fromhex("c204 00000000"))
    last = UDP(1, 80, length=0) if kind is UDP else TCP(1, 80)
    packet = corrected(Packet((Ethernet(), IPv6(), option, last), bytes(70000)))
    assert packet.find(IPv6).payload_length == 0
    assert packet.find(HopByHop).data[2:] == (8 + packet.layers[-1].size + 70000).to_bytes(4, "big")
    data = build(packet)
    assert dissect(data) == packet == corrected(packet)
    assert [one.verdict for one in checks(packet)] == ["right"]
    assert "RFC 2675" in dissect(data).note
    assert (dissect(data + b"more").trailer, dissect(data[:-5]).missing) == (b"more", 5)
    assert checks(dissect(data[:-5]))[0].verdict == "untold"
    assert checks(packet.change(kind, source_port=2))[0].verdict == "wrong"
    with pytest.raises(BadInput, match="need a jumbo payload option"):
        compose(IPv6(), HopByHop(), TCP(), payload=bytes(70000))
    with pytest.raises(BadInput, match="more than a length field"):
        compose(IPv6(), TCP(), payload=bytes(70000))


@pytest.mark.parametrize("claim", [None, 0, 3, 128, 65535])
def test_an_open_length_whose_jumbo_option_cannot_be_is_read_to_the_end(claim):
    data = b"\x01\x04\0\0\0\0" if claim is None else b"\xc2\x04" + claim.to_bytes(4, "big")
    packet = compose(Ethernet(), IPv6(), HopByHop(data=data), TCP(1, 80), payload=bytes(100))
    read = dissect(build(packet.change(IPv6, payload_length=0)))
    assert (read.layers[-1], len(read.payload)) == (packet.layers[-1], 100)
    assert "all bytes up to the end of the capture are read" in read.note
    big = packet.change(HopByHop, data=b"\xc2\x04" + (70000).to_bytes(4, "big"))
    assert (dissect(build(big)), dissect(build(big)).missing) == (big, 0), "IPv6 has a length, so the option is wrong"
    nothing = dissect(build(compose(Ethernet(), IPv6(), payload=b"behind").change(IPv6, payload_length=0)))
    assert nothing.trailer == b"behind"


def test_only_bytes_are_bytes():
    with pytest.raises(BadInput, match="pass bytes, not str"):
        dissect("45 00")
    assert dissect(memoryview(SAMPLES["tcp"])) == dissect(bytearray(SAMPLES["tcp"])) == dissect(SAMPLES["tcp"])


# Values.


@each(
    [
        (lambda: TCP(65536), "source_port has 16 bits"),
        (lambda: TCP(syn=2), "syn has 1 bit, so it holds 0 to 1, not 2"),
        (lambda: UDP(-1), "source_port has 16 bits"),
        (lambda: UDP("http"), "source_port is a number"),
        (lambda: IPv4(source="localhost"), "write it as 10.20.30.40"),
        (lambda: IPv4(source="::1"), "write it as 10.20.30.40"),
        (lambda: IPv4(source=7), "write it as 10.20.30.40"),
        (lambda: IPv6(source="1.2.3.4"), "write it as ::1"),
        (lambda: Ethernet(source="1:2:3:4:5:6"), "six bytes in hexadecimal"),
        (lambda: TCP(options=b"\x01"), "use pack_options"),
        (lambda: TCP().changed(options=b"\x01"), "use pack_options"),
        (lambda: TCP(options="x"), "options holds bytes"),
        (lambda: TCP(options=0), "options holds bytes"),
        (lambda: IPv4(options=bytes(44)), "up to 40"),
        (lambda: HopByHop(data=b"123"), "fills units of 8 bytes"),
        (lambda: TCP().changed(port=1), "TCP has no field port"),
        (lambda: compose(Ethernet(), TCP()), "TCP cannot stand in Ethernet: put one of IPv4, ARP, IPv6 there."),
        (lambda: compose(UDP(), TCP()), "TCP cannot stand in UDP: put the payload there instead."),
        (lambda: compose(IPv4(), UDP(), payload=bytes(65508)), "length has 16 bits"),
        (lambda: compose(), "compose takes headers"),
        (lambda: pack_options(*[Option(8, bytes(8))] * 5), "up to 40"),
    ]
)
def test_what_does_not_fit_is_told_in_a_sentence(make, sentence):
    with pytest.raises(BadInput) as mistake:
        make()
    assert sentence in str(mistake.value)


def test_values_never_change_and_are_spelled_in_one_way():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TCP().source_port = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        dissect(SAMPLES["tcp"]).layers[2].source_port = 1
    assert IPv6(source="0:0::1") == IPv6(source="::1")
    assert Ethernet("AA:00:00:00:00:01") == Ethernet("aa:00:00:00:00:01")
    assert (TCP(syn=True), hash(TCP(syn=True)), repr(TCP(syn=True))) == (TCP(syn=1), hash(TCP(syn=1)), repr(TCP(syn=1)))
    assert dissect(SAMPLES["tcp"]).find(TCP).changed(syn=0, ack=1, psh=1).flags == ("ACK", "PSH")


# Options.


def test_any_option_bytes_are_kept():
    for_all(options_are_kept, lambda st: {"data": st.binary(max_size=40)})


def options_are_kept(data):
    found = read_options(data, 20)
    assert b"".join(map(bytes, found)) == data
    assert [byte for one in found for byte in one.octets] == list(range(20, 20 + len(data)))
    assert all(one.name and one.meaning.endswith(".") and one.source.startswith("RFC ") for one in found)
    assert all(isinstance(one.value, int | bytes | tuple) for one in found)


def test_options_that_lessons_meet_have_values():
    times = Option(8, bytes((0, 0, 0, 9, 0, 0, 0, 7)))
    made = (Option(2, b"\x05\xb4"), Option(4), times, Option(1), Option(3, b"\x07"))
    tcp = TCP(options=pack_options(*made))
    assert [(one.name, one.value) for one in tcp.option_list] == [
        ("maximum segment size", 1460), ("SACK permitted", b""), ("timestamps", (9, 7)), ("no operation", b""),
        ("window scale", 7),
    ]  # fmt: skip
    sack = Option(5, bytes((0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 9)))
    assert sack.value == ((1, 5), (8, 9))
    unknown, ended = read_options(b"\xfe\x04\x01\x02\x00\x09\x09\x09")
    assert (unknown.name, unknown.value) == ("option 254", b"\1\2")
    assert (ended.name, ended.value) == ("end of options", b"\t\t\t")


def test_every_length_of_an_option_is_kept():
    for kind in (0, 1, 2, 8, 254):
        for length in range(256):
            options_are_kept(bytes((kind, length)) + b"\x05\xb4" * 3)


@each([b"\x02\x00\x05\xb4", b"\x02\x01\x05\xb4", b"\x02\x05\x05\xb4", b"\x01\x01\x01\x02"])
def test_an_option_with_a_length_that_cannot_be_is_the_last(data):
    last = read_options(data)[-1]
    assert not last.whole
    assert bytes(last) == data[last.octets.start :]
    assert last.kind == 2
    assert "cannot be" in last.meaning
