"""Checksums: the RFC's example, a slow sum as the witness, UDP's zero, and "change a port: the checksum follows"."""

import socket
import struct

import pytest
from header_samples import samples, tshark
from rules import each
from trials import for_all

from sockets_lab.headers import (
    TCP,
    UDP,
    DestinationOptions,
    Ethernet,
    ICMPv4,
    ICMPv6,
    IPv4,
    IPv6,
    Packet,
    Routing,
    build,
    checks,
    compose,
    corrected,
    dissect,
    internet_checksum,
    pseudo_header,
)


def slow_checksum(data: bytes) -> int:
    """Add digit by digit, as RFC 1071 section 4.1 does in C."""
    total = 0
    for i in range(0, len(data), 2):
        total += int.from_bytes(data[i : i + 2].ljust(2, b"\0"), "big")
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def verdicts(packet: Packet) -> list[str]:
    return [check.verdict for check in checks(packet)]


def test_the_example_of_rfc_1071_section_3():
    assert internet_checksum(bytes.fromhex("0001 f203 f4f5 f6f7")) == 0xFFFF - 0xDDF2


def test_a_header_from_a_book_and_a_query_from_the_wire():
    header = bytes.fromhex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7")
    assert internet_checksum(header) == 0
    assert checks(dissect(header, IPv4))[0].right == 0xB861


@each([b"", b"\0", bytes(20), b"\xff" * 20, b"\xff", b"\0\1", b"\xff\xfe\0\1", b"\1"])
def test_the_edges_of_ones_complement(data):
    assert internet_checksum(data) == slow_checksum(data)


def test_one_division_is_the_sum_digit_by_digit():
    for_all(sums_agree, lambda st: {"data": st.binary(max_size=300)})


def sums_agree(data):
    checksum = internet_checksum(data)
    assert checksum == slow_checksum(data)
    if len(data) % 2 == 0 and any(data):
        assert internet_checksum(data + checksum.to_bytes(2, "big")) == 0


def test_pseudo_headers_have_the_shape_of_their_rfcs():
    v4, v6 = IPv4(source="10.20.30.40", destination="50.60.70.80"), IPv6(source="::1", destination="::2")
    assert pseudo_header(v4, 6, 20) == bytes((10, 20, 30, 40, 50, 60, 70, 80, 0, 6, 0, 20))
    assert pseudo_header(v6, 17, 70000) == bytes(15) + b"\1" + bytes(15) + b"\2" + struct.pack("!IHBB", 70000, 0, 0, 17)


def test_change_a_port_and_the_checksum_follows():
    for ip in (IPv4(source="10.20.30.40", destination="50.60.70.80"), IPv6()):
        for kind in (TCP, UDP):
            packet = compose(Ethernet(), ip, kind(4444, 8888), payload=b"hello")
            assert set(verdicts(packet)) == {"right"}
            moved = packet.change(kind, destination_port=8889)
            assert verdicts(moved)[-1] == "wrong"
            assert checks(moved)[-1].right == packet.find(kind).checksum - 1  # one more there is one less here
            assert verdicts(corrected(moved))[-1] == "right"
            assert [seen.field.name for seen, was in zip(corrected(moved).seen(), packet.seen(), strict=True)
                    if seen.value != was.value] == ["destination_port", "checksum"]  # fmt: skip


def test_an_address_changes_the_checksum_of_what_it_carries():
    packet = compose(IPv4(), UDP(1, 2)).change(IPv4, source="127.0.0.2")
    assert verdicts(packet) == ["wrong", "wrong"]
    assert verdicts(compose(IPv4(), ICMPv4(8)).change(IPv4, source="127.0.0.2")) == ["wrong", "right"]
    assert verdicts(compose(IPv6(), ICMPv6(128)).change(IPv6, source="::2")) == ["wrong"]


def sum_to_zero(ip: IPv4 | IPv6) -> Packet:
    """Return a datagram whose checksum is computed as 0: its payload makes up for all the rest."""
    empty = compose(ip, UDP(4444, 8888), payload=bytes(2))
    return corrected(Packet(empty.layers, empty.find(UDP).checksum.to_bytes(2, "big")))


@each([IPv4(), IPv6()])
def test_a_udp_checksum_that_is_computed_as_zero_is_sent_as_ones(ip):
    packet = sum_to_zero(ip)
    assert packet.find(UDP).checksum == 0xFFFF
    assert verdicts(packet)[-1] == "right"


def test_zero_means_none_in_ipv4_and_is_wrong_in_ipv6():
    for packet, verdict in ((sum_to_zero(IPv4()), "none"), (sum_to_zero(IPv6()), "wrong")):
        last = checks(packet.change(UDP, checksum=0))[-1]
        assert (last.verdict, last.right) == (verdict, 0xFFFF)


def test_both_zeros_of_tcp_are_right_and_all_zero_bytes_are_not():
    blank = compose(IPv4(), TCP(1, 2), payload=bytes(2))
    packet = corrected(Packet(blank.layers, blank.find(TCP).checksum.to_bytes(2, "big")))
    assert packet.find(TCP).checksum == 0
    ones = packet.change(TCP, checksum=0xFFFF)
    assert verdicts(ones)[-1] == "right"
    assert corrected(ones) == ones  # neither is made the other
    assert checks(dissect(bytes(8), ICMPv4))[0].verdict == "wrong"


def test_what_cannot_be_told_is_not_told():
    frames = samples()
    cut = checks(dissect(frames["cut"]))
    assert [(one.verdict, one.right is None) for one in cut] == [("right", False), ("untold", True)]
    assert corrected(dissect(frames["cut"])).missing == 0
    assert verdicts(dissect(bytes(TCP()), TCP)) == ["untold"]
    assert verdicts(compose(IPv6(), Routing(segments_left=1), UDP())) == ["untold"]
    datagram = build(compose(IPv4(), UDP(1, 2), payload=b"hello").change(UDP, checksum=0))
    assert verdicts(dissect(datagram[:-2], IPv4)) == ["right", "none"]
    assert verdicts(dissect(frames["part"])) == ["right"]
    assert verdicts(dissect(frames["arp"])) == []


@each([IPv4(source="10.20.30.40"), IPv6()])
def test_a_checksum_that_is_left_to_the_network_card_is_known(ip):
    packet = compose(ip, TCP(4444, 8888), payload=b"hello")
    half = 0xFFFF - slow_checksum(pseudo_header(ip, 6, 25))
    last = checks(packet.change(TCP, checksum=half))[-1]
    assert (last.verdict, last.right) == ("unfinished", packet.find(TCP).checksum)


def test_bytes_behind_the_datagram_do_not_count():
    packet = dissect(samples()["padded"])
    assert verdicts(packet) == ["right", "right"]
    assert corrected(packet) == packet


def test_each_bit_of_each_covered_byte_counts():
    data = build(compose(IPv4(), UDP(4444, 8888), payload=b"odd"))
    for bit in range(8 * 20, 8 * len(data)):
        changed = (int.from_bytes(data, "big") ^ 1 << (8 * len(data) - 1 - bit)).to_bytes(len(data), "big")
        packet = dissect(changed, IPv4)
        assert packet.find(UDP) is None or packet.missing or verdicts(packet)[-1] == "wrong", bit


# Routes: the last address counts.

ADDRESSES = tuple(socket.inet_pton(socket.AF_INET6, f"2001:db8::{i}") for i in (7, 8, 9))
HOPS = bytes((1, 1, 1, 1, 2, 2, 2, 2, 9, 9, 9, 9))
V4, V6 = IPv4(source="10.20.30.40", destination="10.0.0.9"), IPv6(source="2001:db8::1", destination="2001:db8::5")


def v4_route(kind: int, pointer: int, hops: bytes = HOPS, length: int | None = None) -> bytes:
    return bytes((kind, len(hops) + 3 if length is None else length, pointer)) + hops


def v6_route(kind: int, left: int, data: bytes) -> Routing:
    return Routing(routing_type=kind, segments_left=left, data=data)


SEGMENTS = bytes((2, 0, 0, 0)) + b"".join(reversed(ADDRESSES))
HOME = DestinationOptions(data=b"\1\2\0\0\xc9\x10" + ADDRESSES[0])
MANY = bytes(4) + b"".join(ADDRESSES)
ROUTED = [  # the headers before the datagram, and which addresses its checksum covers; None: that cannot be told
    *[([V4.changed(options=data + bytes(-len(data) % 4))], covered) for kind in (131, 137) for data, covered in [
        (v4_route(kind, 4), {"destination": "9.9.9.9"}), (b"\1" + v4_route(kind, 12), {"destination": "9.9.9.9"}),
        (v4_route(kind, 16), {}), (v4_route(kind, 4, b""), {}), (b"\0" + v4_route(kind, 4), {}),
        (v4_route(kind, 5), None), (v4_route(kind, 0), None), (v4_route(kind, 4, length=14), None),
        (v4_route(kind, 4, length=99), None), (v4_route(kind, 4) + v4_route(131, 4, HOPS[:4]), None),
    ]],
    ([V4.changed(options=v4_route(7, 4) + b"\0")], {}),  # it only records the route
    *[([V6, *more], covered) for more, covered in [
        ([v6_route(0, 3, MANY)], {"destination": "2001:db8::9"}),
        ([v6_route(0, 1, MANY)], {"destination": "2001:db8::9"}),
        ([v6_route(0, 0, MANY)], {}), ([v6_route(0, 4, MANY)], None), ([v6_route(0, 3, MANY + bytes(8))], None),
        ([v6_route(2, 1, bytes(4) + ADDRESSES[2])], {"destination": "2001:db8::9"}),
        ([v6_route(4, 2, SEGMENTS)], {"destination": "2001:db8::9"}), ([v6_route(4, 0, SEGMENTS)], {}),
        ([v6_route(4, 2, SEGMENTS + b"\4\6" + bytes(6))], {"destination": "2001:db8::9"}),
        ([v6_route(4, 5, SEGMENTS)], None),
        ([v6_route(3, 1, b"\xff\x60\0\0\x08\x09" + bytes(6))], {"destination": "2001:db8::9"}),
        ([v6_route(3, 2, bytes(4) + b"".join(ADDRESSES[1:]))], {"destination": "2001:db8::9"}),
        ([v6_route(3, 4, bytes(4) + b"".join(ADDRESSES[1:]))], None), ([v6_route(253, 1, bytes(4))], None),
        ([v6_route(0, 1, MANY), v6_route(0, 1, MANY)], None), ([HOME], {"source": "2001:db8::7"}),
        ([HOME, v6_route(0, 1, MANY)], {"source": "2001:db8::7", "destination": "2001:db8::9"}),
    ]],
]  # fmt: skip


def test_the_addresses_of_the_arrival_are_covered():
    for headers, covered in ROUTED:
        packet = compose(Ethernet(), *headers, UDP(4000, 8000), payload=b"hello")
        if covered is None:
            kept = packet.change(UDP, checksum=7)
            assert verdicts(kept)[-1] == "untold", headers
            assert verdicts(packet.change(UDP, checksum=0))[-1] == ("none" if packet.find(IPv4) else "untold")
            assert corrected(kept) == kept
            continue
        plain = compose(Ethernet(), headers[0].changed(**covered), UDP(4000, 8000), payload=b"hello")
        assert packet.find(UDP).checksum == plain.find(UDP).checksum, headers
        assert verdicts(packet)[-1] == "right"
        assert corrected(packet) == packet


def test_tshark_covers_the_same_addresses(tmp_path):
    frames = [build(compose(Ethernet(), *headers, UDP(4000, 8000), payload=b"hello")) for headers, _ in ROUTED]
    told = [one["udp.checksum.status"] for one in tshark(frames, tmp_path, ["udp.checksum.status"])]
    assert [status for status, (_, covered) in zip(told, ROUTED, strict=True) if covered is not None].count("1") == sum(
        covered is not None for _, covered in ROUTED
    )


# The kernel as the witness.


LINUX_ONLY = "only Linux takes and gives packets with all of their headers over a socket"
PACKETS = getattr(socket, "AF_PACKET", None)


def raw(family: int, protocol: int) -> socket.socket:
    try:
        return socket.socket(family, socket.SOCK_RAW, protocol)
    except OSError as error:
        pytest.skip(f"this user may not send or capture packets with their headers ({error.strerror})")


def exchange(capture: socket.socket) -> list[Packet]:
    """Connect, send "hello", and return what was captured of that, up to these bytes; or up to a silence."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        ports = {listener.getsockname()[1], client.getsockname()[1]}
        client.sendall(b"hello")
        found: dict[bytes, Packet] = {}  # what crosses the loopback is captured on its way out, and again on its way in
        while not any(packet.payload == b"hello" for packet in found.values()):
            try:
                data = capture.recv(1 << 17)
            except TimeoutError:
                break
            packet = dissect(data)
            assert build(packet) == data
            tcp = packet.find(TCP)
            if tcp and {tcp.source_port, tcp.destination_port} == ports:
                found[data] = packet
        return list(found.values())


@pytest.mark.skipif(PACKETS is None, reason=LINUX_ONLY)
def test_packets_of_the_kernel_are_read_and_right_or_left_to_the_card():
    with raw(PACKETS, 0) as capture:
        capture.bind(("lo", 3))  # ETH_P_ALL
        capture.settimeout(2)
        for _ in range(5):  # a capture loses packets where others on this machine send very many
            found = exchange(capture)
            if found and found[-1].payload == b"hello" and found[0].find(TCP).flags == ("SYN",):
                break
    assert found[-1].payload == b"hello"
    assert "maximum segment size" in [one.name for one in found[0].find(TCP).option_list]
    for packet in found:
        assert verdicts(packet)[0] == "right"
        assert verdicts(packet)[1] in ("right", "unfinished")
        assert verdicts(corrected(packet))[1] == "right"
