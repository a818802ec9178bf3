"""The quick reader, `brief`: the same as `dissect` and `checks` say, which are held against others' readers."""

import random

import pytest
from header_samples import random_packet, samples
from test_headers_checksums import slow_checksum
from test_headers_witnesses import FLAGS, MUTATIONS, PACKETS, mutated, number

from sockets_lab.headers import (
    TCP,
    UDP,
    Ethernet,
    IPv4,
    NotAPacket,
    Packet,
    build,
    checks,
    compose,
    corrected,
    dissect,
    pseudo_header,
)
from sockets_lab.headers.brief import Brief, brief


def the_long_way(data: bytes) -> Brief | None:
    """Return what `brief` has to say, by what dissect and checks say."""
    try:
        packet = dissect(data)
    except NotAPacket:
        return None
    ip, last = packet.find(IPv4), packet.layers[-1]
    if ip is None or not isinstance(last, TCP | UDP):
        return None
    tcp = last if isinstance(last, TCP) else None
    numbers = (tcp.sequence, tcp.acknowledgment, number(tcp, *FLAGS), tcp.window) if tcp else (0, 0, 0, 0)
    verdicts = [check.verdict for check in checks(packet)]
    return Brief(
        "tcp" if tcp else "udp", ip.source, last.source_port, ip.destination, last.destination_port,
        *numbers, packet.payload, *verdicts,
    )  # fmt: skip


def agree(frames: list[bytes]) -> set[str]:
    """Compare with the long way. Returns: the verdicts that came up."""
    told = [the_long_way(data) for data in frames]
    assert [brief(data) for data in frames] == told
    return {word for one in told if one for word in (one.ip_checksum, one.checksum)}


def random_frames(seed: int, count: int) -> list[bytes]:
    """Return IPv4 and IPv6 frames; some cut, some with another checksum, or with bytes behind them."""
    dice, frames = random.Random(seed), []
    for _ in range(count):
        data = bytearray(build(random_packet(dice)))
        match dice.randrange(6):
            case 0:
                del data[dice.randrange(len(data)) :]
            case 1:
                data += dice.randbytes(dice.randint(1, 20))
            case 2:
                data[dice.choice((24, 40, 50, dice.randrange(len(data)))) % len(data)] ^= 1 << dice.randrange(8)
            case 3:
                data[40:42] = b"\0\0"  # where UDP's checksum stands
        frames.append(bytes(data))
    return frames


def mended(data: bytes) -> bytes:
    """Make the checksums right where they stand in a usual frame, whatever the rest of it says by now."""
    if len(data) < 54:
        return data
    frame, at = bytearray(data), 50 if data[23] == 6 else 40
    end = min(len(data), 14 + int.from_bytes(data[16:18], "big"))
    frame[24:26] = frame[at : at + 2] = b"\0\0"
    frame[24:26] = slow_checksum(frame[14:34]).to_bytes(2, "big")
    pseudo = frame[26:34] + bytes((0, frame[23])) + max(end - 34, 0).to_bytes(2, "big")
    frame[at : at + 2] = slow_checksum(pseudo + frame[34:end]).to_bytes(2, "big")
    return bytes(frame)


def test_random_frames_are_read_as_the_long_way():
    assert agree(random_frames(600, max(PACKETS, 300))) >= {"right", "wrong", "none", "untold"}


def test_mutated_frames_are_read_as_the_long_way():
    dice = random.Random(700)
    frames = [data for name, data in samples().items() if "6" not in name]
    frames += [build(random_packet(dice)) for _ in range(20)]
    changed = [mutated(dice, frames) for _ in range(MUTATIONS // 8)]
    agree(changed + list(map(mended, changed)))


@pytest.mark.parametrize("name", [name for name, data in samples().items() if data[12:14] == b"\x08\0"])
def test_every_byte_may_change_and_the_end_may_be_anywhere(name):
    data = samples()[name]
    changed = [data[:at] + bytes((value,)) + data[at + 1 :] for at in range(len(data))
               for value in (0, 1, 0x45, 0x7F, 0xFF, data[at] ^ 1, data[at] ^ 0x80)]  # fmt: skip
    cut = [data[:at] for at in range(len(data) + 1)]
    told = [one[:16] + (len(one) - 14).to_bytes(2, "big") + one[18:] for one in cut[18:]]  # as if it had to be so short
    agree([*changed, *map(mended, changed), *cut, *told, *map(mended, told), data + b"\1\2\3"])


def test_each_verdict_is_told():
    segment = compose(Ethernet(), IPv4(), TCP(4444, 8888, ack=1), payload=b"hello")
    unfinished = 0xFFFF - slow_checksum(pseudo_header(segment.find(IPv4), 6, 25))
    datagram = compose(Ethernet(), IPv4(), UDP(4444, 8888), payload=bytes(2))
    ones = corrected(Packet(datagram.layers, datagram.find(UDP).checksum.to_bytes(2, "big")))
    blank = compose(Ethernet(), IPv4(), TCP(1, 2), payload=bytes(2))
    zero = corrected(Packet(blank.layers, blank.find(TCP).checksum.to_bytes(2, "big")))
    assert (ones.find(UDP).checksum, zero.find(TCP).checksum) == (0xFFFF, 0)
    # Two pseudo headers: one with a sum that is the right checksum anyway, one with a sum that is a zero.
    both = compose(Ethernet(), IPv4(source="0.0.0.0", destination="0.0.0.0"), TCP(45003, 0, window=0))
    assert both.find(TCP).checksum == 0xFFFF - slow_checksum(pseudo_header(both.find(IPv4), 6, 20))
    empty = compose(Ethernet(), IPv4(source="255.229.0.0", destination="0.0.0.0"), TCP(4444, 8888))
    assert slow_checksum(pseudo_header(empty.find(IPv4), 6, 20)) == 0
    expected = {
        both: "right", empty.change(TCP, checksum=0): "wrong", empty.change(TCP, checksum=0xFFFF): "unfinished",
        segment: "right", segment.change(TCP, window=1): "wrong",
        segment.change(TCP, checksum=unfinished): "unfinished",
        ones: "right", ones.change(UDP, checksum=0): "none", zero: "right", zero.change(TCP, checksum=0xFFFF): "right",
        segment.change(IPv4, total_length=46): "untold", datagram.change(UDP, length=11): "untold",
    }  # fmt: skip
    frames = list(map(build, expected))
    agree(frames)
    assert [brief(data).checksum for data in frames] == list(expected.values())
    router = build(segment.change(IPv4, ttl=63))
    agree([router])
    assert (brief(router).ip_checksum, brief(router).checksum) == ("wrong", "right")


def usual(seed: int) -> list[bytes]:
    """Return frames that are read the quick way, with IPv4 and TCP or UDP; every fourth with a wrong checksum."""
    dice = random.Random(seed)
    packets = (random_packet(dice) for _ in range(PACKETS))
    kept = [one for one in packets if isinstance(one.layers[1], IPv4) and isinstance(one.layers[2], TCP | UDP)
            and not one.layers[1].options]  # fmt: skip
    kept[::4] = [one.change(type(one.layers[2]), source_port=one.layers[2].source_port ^ 1) for one in kept[::4]]
    return list(map(build, kept))


def test_usual_frames_are_not_read_the_long_way(monkeypatch):
    frames = usual(1300)
    monkeypatch.setattr("sockets_lab.headers.brief.dissect", None)
    assert all(brief(data) for i, data in enumerate(frames) if i % 4)


def test_what_it_does_not_read_is_told():
    frames = samples()
    assert {name for name, data in frames.items() if brief(data) is None} == {
        "icmp", "arp", "part", "unknown", "tcp6", "udp6", "icmp6", "chain"
    }  # fmt: skip
    assert brief(frames["options"]).destination_port == 2


def test_the_largest_frame_is_read():
    """A frame of loopback may have 64 KiB; the sum over all ones is the largest."""
    packet = compose(Ethernet(), IPv4(), TCP(1, 2), payload=b"\xff" * 65495)
    agree([build(packet), build(packet.change(TCP, window=7))])
