"""Packets of real kernels, captured in a lab: every field as tshark, scapy and dpkt read it, checksums too."""

import logging
import socket
import struct
from collections import Counter
from typing import Any

import pytest
from header_samples import tshark
from labs import open_lab
from test_headers_witnesses import ABSENT, dpkt_names, number, same, scapy_names, scapy_options

from sockets_lab.figures.ladder import ladder
from sockets_lab.headers import ARP, TCP, UDP, Ethernet, Header, ICMPv4, IPv4, IPv6, build, checks, compose, dissect
from sockets_lab.headers.summary import Teller
from sockets_lab.lab import Lab
from sockets_lab.lab.capture import Capture, Captured

A, B = "10.20.30.40", "50.60.70.80"
GROUP = "239.255.7.7"
ROUTER_ALERT = b"\x94\x04\0\0"  # an option of IPv4 that asks for nothing here: RFC 2113
IP_OPTIONS, SO_NO_CHECK = 4, 11  # linux/in.h, asm-generic/socket.h
LAST = b"the last"
PATIENCE = 20.0  # seconds


@pytest.fixture(scope="module")
def captures():
    """Return what crossed the cables of two nodes that have talked in every way that lessons show."""
    with open_lab(A=A, B=B) as lab, lab.A.capture() as at_a, lab.B.capture() as at_b:
        streams(lab)
        datagrams(lab)
        found = group(lab, at_a)
        with lab.A.socket(type=socket.SOCK_DGRAM) as sender, lab.B.socket(type=socket.SOCK_DGRAM) as receiver:
            receiver.bind((B, 9999))
            sender.sendto(LAST, (B, 9999))
        found, other = found + until(at_a, LAST), until(at_b, LAST)
        assert at_a.dropped == at_b.dropped == 0
    return found, other


@pytest.fixture(scope="module")
def frames(captures):
    """Return the frames at A's cable. Nodes have no IPv6, but the switch is a host too, and may have some."""
    return [one.octets for one in captures[0] if not dissect(one.octets).find(IPv6)]


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
    assert all(one.length == len(one.octets) for one in captures[0])


def test_both_ends_of_the_wire_have_the_same_packets(captures):
    """A switch changes nothing: what is from one host to the other is the same at both cables, byte for byte."""
    ends = [Counter(one.octets for one in capture if talk(one.octets)) for capture in captures]
    assert ends[0] == ends[1]
    for capture, address in zip(captures, (A, B), strict=True):
        for one in capture:
            if talk(one.octets):
                assert one.outgoing is (dissect(one.octets).find(IPv4).source == address)


def talk(data: bytes) -> bool:
    ip = dissect(data).find(IPv4)
    return ip is not None and {ip.source, ip.destination} == {A, B}


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


# tshark


def tshark_names(header: Header) -> dict[str, Any]:
    """Return what tshark calls our fields, and our values for them."""
    match header:
        case Ethernet():
            return {"eth.dst": header.destination, "eth.src": header.source, "eth.type": header.ethertype}
        case ARP():
            return {
                "arp.hw.type": header.hardware_type, "arp.proto.type": header.protocol_type,
                "arp.hw.size": header.hardware_length, "arp.proto.size": header.protocol_length,
                "arp.opcode": header.operation, "arp.src.hw_mac": header.sender_mac,
                "arp.src.proto_ipv4": header.sender_address, "arp.dst.hw_mac": header.target_mac,
                "arp.dst.proto_ipv4": header.target_address,
            }  # fmt: skip
        case IPv4():
            return {
                "ip.version": header.version, "ip.hdr_len": 4 * header.header_length, "ip.dsfield.dscp": header.dscp,
                "ip.dsfield.ecn": header.ecn, "ip.len": header.total_length, "ip.id": header.identification,
                "ip.flags.rb": header.reserved, "ip.flags.df": header.dont_fragment,
                "ip.flags.mf": header.more_fragments, "ip.frag_offset": header.fragment_offset,
                "ip.ttl": header.ttl, "ip.proto": header.protocol, "ip.checksum": header.checksum,
                "ip.src": header.source, "ip.dst": header.destination,
            }  # fmt: skip
        case TCP():
            flags = number(header, "fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
            return {
                "tcp.srcport": header.source_port, "tcp.dstport": header.destination_port,
                "tcp.seq_raw": header.sequence, "tcp.ack_raw": header.acknowledgment,
                "tcp.hdr_len": 4 * header.data_offset, "tcp.flags": header.reserved << 8 | flags,
                "tcp.window_size_value": header.window, "tcp.checksum": header.checksum,
                "tcp.urgent_pointer": header.urgent_pointer, "tcp.options": header.options.hex(),
            }  # fmt: skip
        case UDP():
            return {"udp.srcport": header.source_port, "udp.dstport": header.destination_port,
                    "udp.length": header.length, "udp.checksum": header.checksum}  # fmt: skip
    found = {"icmp.type": header.type, "icmp.code": header.code, "icmp.checksum": header.checksum}
    if header.type in (0, 8):
        found |= {"icmp.ident": header.rest >> 16, "icmp.seq": header.rest & 0xFFFF}
    return found


STATUS = {"right": "1", "wrong": "0", "none": "3"}  # Good, Bad, Not present
CONTENT = {TCP: "tcp.payload", UDP: "udp.payload"}
MORE = ("frame.protocols", "tcp.seq", "tcp.ack", "igmp.record_type", "igmp.maddr", *CONTENT.values())
NAMES = [name for kind in (Ethernet(), ARP(), IPv4(), TCP(), UDP(), ICMPv4(8)) for name in tshark_names(kind)]
NAMES += [f"{name}.status" for name in NAMES if name.endswith(".checksum")] + list(MORE)


def plain(text: str, like: Any) -> Any:
    """Return what tshark wrote as our kind of value."""
    if isinstance(like, int):
        return {"True": 1, "False": 0}[text] if text in ("True", "False") else int(text, 0)
    return text


def test_tshark_reads_the_same(frames, tmp_path):
    read = tshark(frames, tmp_path, NAMES)
    assert len(read) == len(frames)
    for data, theirs in zip(frames, read, strict=True):
        packet = dissect(data)
        for header in packet.layers:
            ours = tshark_names(header)
            assert {name: plain(theirs[name], value) for name, value in ours.items()} == ours
        for check in checks(packet):
            assert theirs[f"{kind(check.header)}.checksum.status"] == STATUS[check.verdict]
        last = type(packet.layers[-1])
        if last in CONTENT:
            assert theirs[CONTENT[last]] == packet.payload.hex()
        assert theirs["frame.protocols"].startswith(":".join(map(kind, map(type, packet.layers))))


def kind(header: type[Header]) -> str:
    """Return what tshark calls a header."""
    return {Ethernet: "eth:ethertype", ARP: "arp", IPv4: "ip", TCP: "tcp", UDP: "udp", ICMPv4: "icmp"}[header]


def test_tshark_counts_and_tells_the_same_as_the_ladder(frames, tmp_path):
    teller, groups = Teller(), set()
    for data, theirs in zip(frames, tshark(frames, tmp_path, NAMES), strict=True):
        message, tcp = teller.tell(data), dissect(data).find(TCP)
        if tcp and not (tcp.rst and tcp.sequence == 0):  # tshark counts from 1 what belongs to no connection
            expected = f"seq {theirs['tcp.seq']}" + (f", ack {theirs['tcp.ack']}" if tcp.ack else "")
            assert message.details == expected
        if theirs["igmp.maddr"] == GROUP:
            word = {"4": "join", "3": "leave"}[theirs["igmp.record_type"]]
            assert message.words == f"IGMP {word} {GROUP}"
            groups.add(word)
    assert groups == {"join", "leave"}


# scapy, dpkt


def test_scapy_reads_the_same(frames):
    logging.getLogger("scapy").setLevel(logging.ERROR)
    pytest.importorskip("scapy", reason=ABSENT.format("scapy"))
    from scapy.layers import inet, l2

    kinds = {Ethernet: l2.Ether, ARP: l2.ARP, IPv4: inet.IP, TCP: inet.TCP, UDP: inet.UDP, ICMPv4: inet.ICMP}
    for data in frames:
        packet, theirs = dissect(data), l2.Ether(data)
        for header in packet.layers:
            layer = theirs[kinds[type(header)]] if type(header) in kinds else None
            match header:
                case ARP():
                    ours = {
                        "hwtype": header.hardware_type, "ptype": header.protocol_type, "hwlen": header.hardware_length,
                        "plen": header.protocol_length, "op": header.operation, "hwsrc": header.sender_mac,
                        "psrc": header.sender_address, "hwdst": header.target_mac, "pdst": header.target_address,
                    }  # fmt: skip
                case ICMPv4(type=3):
                    ours = {"type": 3, "code": header.code, "chksum": header.checksum}
                case _:
                    ours = scapy_names(header)
            same(ours, layer)
        if isinstance(header, TCP):
            assert [one for one in layer.options if one[0] not in ("NOP", "EOL")] == scapy_options(header)


def test_dpkt_reads_the_same(frames):
    pytest.importorskip("dpkt", reason=ABSENT.format("dpkt"))
    import dpkt

    for data in frames:
        layer = dpkt.ethernet.Ethernet(data)
        for header in dissect(data).layers:
            if isinstance(header, ARP):
                ours = {
                    "hrd": header.hardware_type, "pro": header.protocol_type, "hln": header.hardware_length,
                    "pln": header.protocol_length, "op": header.operation,
                    "sha": bytes.fromhex(header.sender_mac.replace(":", "")),
                    "spa": socket.inet_aton(header.sender_address),
                    "tha": bytes.fromhex(header.target_mac.replace(":", "")),
                    "tpa": socket.inet_aton(header.target_address),
                }  # fmt: skip
            else:
                ours = dpkt_names(header)
            same(ours, layer)
            layer = layer.data


def test_the_ladder_draws_the_whole_conversation(captures):
    drawing = ladder(captures[0], {"A": A, "B": B})
    assert "A to all: ARP who has 50.60.70.80?." in drawing.alt
    for words in ("SYN, seq 0.", "SYN ACK, seq 0, ack 1.", "PSH ACK 5 bytes, seq 1, ack 1."):
        assert words in drawing.alt
