"""Headers against scapy and dpkt, which were written by others: every field, every checksum, and the bytes themselves.

SOCKETS_LAB_PACKETS and SOCKETS_LAB_MUTATIONS set how many; the full run takes 100000 and 1000000.
"""

import logging
import os
import random
import socket
from typing import Any

import pytest
from header_samples import random_packet, samples

from sockets_lab.headers import (
    TCP,
    UDP,
    Ethernet,
    Header,
    HopByHop,
    ICMPv4,
    ICMPv6,
    IPv4,
    IPv6,
    NotAPacket,
    Packet,
    build,
    checks,
    dissect,
)

PACKETS = int(os.environ.get("SOCKETS_LAB_PACKETS", "600"))
MUTATIONS = int(os.environ.get("SOCKETS_LAB_MUTATIONS", "20000"))
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")  # from the lowest bit on
ABSENT = "{0} is not installed, so headers are not compared with what it reads: pip install -r tests/requirements.txt"


def number(header: Header, *names: str) -> int:
    """Put flags together, the first the lowest bit."""
    return sum(getattr(header, name) << i for i, name in enumerate(names))


def packed(family: int, text: str) -> bytes:
    return socket.inet_pton(family, text)


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


# dpkt


def dpkt_names(header: Header) -> dict[str, Any]:
    """Return what dpkt calls our fields, and our values for them."""
    match header:
        case Ethernet():
            cards = {"dst": header.destination, "src": header.source}
            return {name: bytes.fromhex(card.replace(":", "")) for name, card in cards.items()} | {
                "type": header.ethertype
            }
        case IPv4():
            return {
                "v": header.version, "hl": header.header_length, "tos": header.dscp << 2 | header.ecn,
                "len": header.total_length, "id": header.identification, "rf": header.reserved,
                "df": header.dont_fragment, "mf": header.more_fragments, "offset": header.fragment_offset,
                "ttl": header.ttl, "p": header.protocol, "sum": header.checksum, "opts": header.options,
                "src": packed(socket.AF_INET, header.source), "dst": packed(socket.AF_INET, header.destination),
            }  # fmt: skip
        case IPv6():
            return {
                "v": header.version, "fc": header.traffic_class, "flow": header.flow_label, "hlim": header.hop_limit,
                "plen": header.payload_length, "nxt": header.next_header,
                "src": packed(socket.AF_INET6, header.source), "dst": packed(socket.AF_INET6, header.destination),
            }  # fmt: skip
        case TCP():
            return {
                "sport": header.source_port, "dport": header.destination_port, "seq": header.sequence,
                "ack": header.acknowledgment, "off": header.data_offset, "flags": number(header, *FLAGS),
                "win": header.window, "sum": header.checksum, "urp": header.urgent_pointer, "opts": header.options,
            }  # fmt: skip
        case UDP():
            return {"sport": header.source_port, "dport": header.destination_port, "ulen": header.length,
                    "sum": header.checksum, }  # fmt: skip
    assert isinstance(header, ICMPv4 | ICMPv6)
    return {"type": header.type, "code": header.code, "sum": header.checksum}


def test_dpkt_reads_and_builds_the_same():
    pytest.importorskip("dpkt", reason=ABSENT.format("dpkt"))
    import dpkt

    dice = random.Random(200)
    for _ in range(PACKETS):
        packet = random_packet(dice)
        data = build(packet)
        frame = dpkt.ethernet.Ethernet(data)
        read = dissect(data).layers
        same(dpkt_names(read[0]), frame)
        same(dpkt_names(read[1]), frame.data)
        inner, last = frame.data.data, read[-1]
        same(dpkt_names(last), inner)
        if isinstance(last, ICMPv4 | ICMPv6):
            assert bytes(inner.data) == last.rest.to_bytes(4, "big") + packet.payload
        else:
            assert inner.data == packet.payload
        frame.data.sum = inner.sum = 0  # to dpkt, the wish that it works them out
        if len(read) == 3:  # dpkt builds no extension headers
            assert bytes(frame) == data, "dpkt computes other checksums"


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
