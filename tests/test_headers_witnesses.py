"""Headers against scapy and tshark, which were written by others: fields, checksums, and the bytes themselves.

SOCKETS_LAB_PACKETS, SOCKETS_LAB_MUTATIONS and SOCKETS_LAB_FRAMES set how many; the full run takes 100000, 1000000 and
20000.
"""

import logging
import random
import socket
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from header_samples import random_packet, samples, tshark
from trials import amount

from sockets_lab.errors import BadInput
from sockets_lab.headers import (
    ARP,
    TCP,
    UDP,
    DestinationOptions,
    Ethernet,
    Fragment,
    Header,
    HopByHop,
    ICMPv4,
    ICMPv6,
    IPv4,
    IPv6,
    NotAPacket,
    Packet,
    Routing,
    build,
    checks,
    corrected,
    dissect,
)
from sockets_lab.lab import pcap

PACKETS = amount("PACKETS", 60, 600)
MUTATIONS = amount("MUTATIONS", 2000, 20_000)
FRAMES = amount("FRAMES", 300, 300)
PCAPS = Path(__file__).parents[2] / "shared" / "pcaps"  # of tcpdump's own tests
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")  # from the lowest bit on
ABSENT = "{0} is not installed, so headers are not compared with what it reads: pip install -r tests/requirements.txt"


def number(header: Header, *names: str) -> int:
    """Put flags together, the first the lowest bit."""
    return sum(getattr(header, name) << i for i, name in enumerate(names))


def same(ours: dict[str, Any], theirs: Any) -> None:
    """Assert that another's packet has our values under its names."""
    assert {name: getattr(theirs, name) for name in ours} == ours


# scapy


def scapy_names(header: Header) -> dict[str, Any]:
    """Return what scapy calls our fields, and our values for them."""
    match header:
        case Ethernet():
            return {"dst": header.destination, "src": header.source, "type": header.ethertype}
        case IPv4():
            flags = number(header, "more_fragments", "dont_fragment", "reserved")
            return {
                "version": header.version, "ihl": header.header_length, "tos": header.dscp << 2 | header.ecn,
                "len": header.total_length, "id": header.identification, "flags": flags, "ttl": header.ttl,
                "frag": header.fragment_offset, "proto": header.protocol, "chksum": header.checksum,
                "src": header.source, "dst": header.destination,
            }  # fmt: skip
        case IPv6():
            return {
                "version": header.version, "tc": header.traffic_class, "fl": header.flow_label, "src": header.source,
                "plen": header.payload_length, "nh": header.next_header, "hlim": header.hop_limit,
                "dst": header.destination,
            }  # fmt: skip
        case HopByHop():
            return {"nh": header.next_header, "len": header.length}
        case TCP():
            return {
                "sport": header.source_port, "dport": header.destination_port, "seq": header.sequence,
                "ack": header.acknowledgment, "dataofs": header.data_offset, "flags": number(header, *FLAGS),
                "window": header.window, "chksum": header.checksum, "urgptr": header.urgent_pointer,
            }  # fmt: skip
        case UDP():
            return {"sport": header.source_port, "dport": header.destination_port, "len": header.length,
                    "chksum": header.checksum}  # fmt: skip
    assert isinstance(header, ICMPv4 | ICMPv6)
    checksum = "chksum" if isinstance(header, ICMPv4) else "cksum"
    return {"type": header.type, "code": header.code, checksum: header.checksum,
            "id": header.rest >> 16, "seq": header.rest & 0xFFFF}  # fmt: skip


SCAPY_OPTIONS = {2: "MSS", 3: "WScale", 4: "SAckOK", 5: "SAck", 8: "Timestamp"}


def scapy_options(tcp: TCP) -> list[tuple[Any, Any]]:
    """Return our options as scapy tells them; fillers left out on both sides."""
    return [
        (SCAPY_OPTIONS.get(one.kind, one.kind), sum(one.value, ()) if one.kind == 5 else one.value)
        for one in tcp.option_list if one.kind > 1
    ]  # fmt: skip


def test_scapy_reads_and_builds_the_same():
    logging.getLogger("scapy").setLevel(logging.ERROR)
    pytest.importorskip("scapy", reason=ABSENT.format("scapy"))
    from scapy.layers import inet, inet6, l2
    from scapy.packet import Raw

    kinds = {Ethernet: l2.Ether, IPv4: inet.IP, IPv6: inet6.IPv6, HopByHop: inet6.IPv6ExtHdrHopByHop, TCP: inet.TCP,
             UDP: inet.UDP, ICMPv4: inet.ICMP}  # fmt: skip
    echoes = {128: inet6.ICMPv6EchoRequest, 129: inet6.ICMPv6EchoReply}
    dice = random.Random(100)
    for _ in range(PACKETS):
        packet = random_packet(dice)
        data = build(packet)
        theirs = l2.Ether(data)
        for header in dissect(data).layers:
            layer = theirs[echoes[header.type] if isinstance(header, ICMPv6) else kinds[type(header)]]
            same(scapy_names(header), layer)
            for checksum in {"chksum", "cksum"} & scapy_names(header).keys():
                delattr(layer, checksum)
        if isinstance(header, TCP):
            assert [one for one in layer.options if one[0] not in ("NOP", "EOL")] == scapy_options(header)
        if isinstance(header, ICMPv6):
            assert layer.data == packet.payload
        else:
            assert bytes(layer.payload) == packet.payload
            layer.remove_payload()
            layer.add_payload(Raw(packet.payload))
        assert bytes(theirs) == data, "scapy computes other checksums"


# Frames that nobody meant


def mutated(dice: random.Random, frames: list[bytes]) -> bytes:
    """Return a frame with some bytes changed, cut or put in; now and then with all checksums made right again."""
    data = bytearray(dice.choice(frames))
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) or 1)
        match dice.randrange(8):
            case 0:
                del data[at:]
            case 1:
                data[at:at] = dice.randbytes(dice.randint(1, 8))
            case 2:
                del data[at : at + dice.randint(1, 8)]
            case 3:
                data[at : at + 1] = bytes((dice.choice((0, 0xFF, 0x7F, 0x80)),))
            case _:
                data[at : at + 1] = dice.randbytes(1)
    return bytes(data)


def test_mutated_frames_are_packets_or_none():
    dice = random.Random(300)
    frames = list(samples().values()) + [build(random_packet(dice)) for _ in range(20)]
    refused = 0
    for i in range(MUTATIONS):
        data = mutated(dice, frames)
        try:
            packet: Packet = dissect(data)
        except NotAPacket:
            refused += 1
            assert len(data) < Ethernet.layout.size
            continue
        assert build(packet) == data
        if i % 10 == 0:
            checks(packet)
    assert 0 < refused < MUTATIONS / 2


# tshark, wherever both judge

CALLED = {
    Ethernet: "eth", ARP: "arp", IPv4: "ip", IPv6: "ipv6", HopByHop: "ipv6.hopopts", Routing: "ipv6.routing",
    Fragment: "ipv6.fraghdr", DestinationOptions: "ipv6.dstopts", TCP: "tcp", UDP: "udp", ICMPv4: "icmp",
    ICMPv6: "icmpv6",
}  # fmt: skip
STATUS = {"0": "wrong", "1": "right", "3": "none"}
NAMES = ["frame.protocols", *(f"{kind}.{end}port" for kind in ("tcp", "udp") for end in ("src", "dst"))]
KINDS = ("ip", "tcp", "udp", "icmp", "icmpv6")
NAMES += [f"{kind}.checksum.status" for kind in KINDS]


def differences(frames: list[bytes], folder: Path) -> tuple[list[str], Counter]:
    """Compare layers, ports and checksums with tshark's. Returns: what differs; how often both judged, by what."""
    found, judged = [], Counter()
    for data, theirs in zip(frames, tshark(frames, folder, NAMES), strict=True):
        try:
            packet = dissect(data)
        except NotAPacket:
            if len(data) >= Ethernet.layout.size:
                found.append(f"no packet: {data.hex()}")
            continue
        assert build(packet) == data
        corrected(packet)
        names = [one for one in theirs["frame.protocols"].split(":") if one != "ethertype"]
        pairs = [("layer", CALLED[type(ours)], name) for ours, name in zip(packet.layers, names, strict=False)]
        last = packet.layers[-1]
        if isinstance(last, TCP | UDP):
            pairs += [(f"{end}port", str(getattr(last, name)), theirs[f"{CALLED[type(last)]}.{end}port"])
                      for end, name in (("src", "source_port"), ("dst", "destination_port"))]  # fmt: skip
        for one in checks(packet):
            name = CALLED[one.header]
            pairs.append((f"checksum of {name}", one.verdict, STATUS.get(theirs[f"{name}.checksum.status"], "")))
        for what, ours, told in pairs:
            if told and ours not in ("untold", "unfinished"):
                judged[what] += 1
                if ours != told:
                    found.append(f"{what} is {ours}, with tshark {told}: {data.hex()}")
    return found, judged


def test_captures_of_others_are_read_as_tshark_does(tmp_path):
    """Many are damaged on purpose. What is no Ethernet capture is told in one sentence."""
    if not PCAPS.is_dir():
        pytest.skip("the captures of others are not there, so headers are not compared with what tshark reads in them")
    frames, told = [], []
    for path in sorted(PCAPS.glob("*.pcap")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                frames += [one.octets for one in pcap.read(path)]
            except BadInput as fault:
                told.append(str(fault))
    assert all(one.startswith(str(PCAPS)) and one.endswith(".") for one in told)
    found, judged = differences(frames, tmp_path)
    assert found == []
    assert judged["layer"] > 1000


def scapy_frames(dice: random.Random, count: int) -> Iterator[bytes]:
    """Yield frames of scapy's own layers, with random options; every second is damaged."""
    from scapy.layers import inet, inet6, l2

    def v4() -> Any:
        route = {"pointer": dice.choice((4, 8, 12, 16)), "routers": [str(ip) for ip in dice.sample(hosts, 3)]}
        options = [
            inet.IPOption_NOP(), inet.IPOption_LSRR(**route), inet.IPOption_SSRR(**route), inet.IPOption_RR(**route),
            inet.IPOption_Router_Alert(), inet.IPOption_Timestamp(), inet.IPOption_EOL(), inet.IPOption_Security(),
        ]  # fmt: skip
        some = dice.sample(options, dice.choice((0, 0, 1, 2)))
        part = dice.choice(({}, {}, {}, {"flags": "MF"}, {"flags": "DF"}, {"frag": 5}))
        kept = {"tos": dice.getrandbits(8), "ttl": dice.getrandbits(8), "id": dice.getrandbits(16)}
        length = dice.choice(({}, {}, {}, {"len": 0}))
        return inet.IP(src=dice.choice(hosts), dst=dice.choice(hosts), options=some, **part, **kept, **length)

    def v6() -> Any:
        ip = inet6.IPv6(src=dice.choice(hosts6), dst=dice.choice(hosts6), tc=dice.getrandbits(8))
        some = dice.sample(hosts6, 3)
        extensions = [
            inet6.IPv6ExtHdrHopByHop(options=[inet6.RouterAlert()]), inet6.IPv6ExtHdrHopByHop(options=[inet6.Jumbo()]),
            inet6.IPv6ExtHdrDestOpt(options=[inet6.PadN(optdata=b"abc")]),
            inet6.IPv6ExtHdrDestOpt(options=[inet6.HAO(hoa=some[0])]),
            inet6.IPv6ExtHdrRouting(addresses=some, segleft=dice.randrange(4)),
            inet6.IPv6ExtHdrRouting(type=2, addresses=some[:1], segleft=1),
            inet6.IPv6ExtHdrSegmentRouting(addresses=some, lastentry=2, segleft=dice.randrange(3)),
            inet6.IPv6ExtHdrFragment(m=dice.getrandbits(1), offset=dice.choice((0, 0, 7))),
        ]  # fmt: skip
        for one in dice.sample(extensions, dice.choice((0, 0, 1, 1, 2))):
            ip /= one
        if dice.random() < 0.1:
            ip.plen = 0
        return ip

    def carried(version: int) -> Any:
        ports = {"sport": dice.getrandbits(16), "dport": dice.getrandbits(16)}
        options = [("MSS", 1460), ("NOP", None), ("WScale", 7), ("SAckOK", b""), ("Timestamp", (1, 2)),
                   ("SAck", (1, 2)), ("EOL", None), (77, b"what")]  # fmt: skip
        some = dice.sample(options, dice.randint(0, 5))
        tcp = inet.TCP(**ports, seq=dice.getrandbits(32), flags=dice.getrandbits(8), options=some)
        icmp = inet.ICMP(type=dice.choice((0, 3, 5, 8, 11, 13)), code=dice.randrange(4))
        icmp6 = (inet6.ICMPv6EchoRequest, inet6.ICMPv6ND_NS, inet6.ICMPv6DestUnreach, inet6.ICMPv6MLReport)
        udp = inet.UDP(**ports, **dice.choice(({}, {}, {}, {"chksum": 0}, {"len": 0})))
        return dice.choice((tcp, tcp, udp, udp, icmp if version == 4 else dice.choice(icmp6)()))

    hosts = [socket.inet_ntoa(bytes((10, *dice.randbytes(3)))) for _ in range(20)]
    hosts6 = [socket.inet_ntop(socket.AF_INET6, b"\x20\x01" + dice.randbytes(14)) for _ in range(20)]
    for number in range(count):
        version = dice.choice((4, 6))
        frame = l2.Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        if dice.random() < 0.05:
            frame /= dice.choice((l2.ARP(), l2.Dot1Q(vlan=7) / inet.IP() / inet.UDP()))
        else:
            frame /= (v4() if version == 4 else v6()) / carried(version)
        data = bytes(frame / dice.randbytes(dice.choice((0, 1, 2, dice.randint(3, 200)))))
        yield mutated(dice, [data]) if number % 2 else data


def test_frames_of_scapys_layers_are_read_as_tshark_does(tmp_path):
    logging.getLogger("scapy").setLevel(logging.ERROR)
    pytest.importorskip("scapy", reason=ABSENT.format("scapy"))
    found, judged = differences(list(scapy_frames(random.Random(400), FRAMES)), tmp_path)
    assert found == []
    assert min(judged[what] for what in ("srcport", "dstport", *map("checksum of {}".format, KINDS))) > FRAMES // 100
