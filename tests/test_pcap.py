"""Files of captured packets: read back the same, by us, by tshark, scapy and dpkt; and what is no such file."""

import dataclasses
import logging
import random
import shutil
import struct
import subprocess
import warnings

import pytest
from header_samples import samples
from trials import for_all

from sockets_lab.errors import BadInput
from sockets_lab.lab import pcap
from sockets_lab.lab.capture import Captured

ABSENT = "{0} is not installed, so it reads no file here: pip install -r tests/requirements.txt"


def some():
    """Return packets of each kind, with times up to the last that the format can tell; one is cut."""
    dice = random.Random(400)
    times = [0, 1, 10**9 - 1, 10**9, 1_700_000_000_123_456_789, (2**32 - 1) * 10**9 + 999_999_999]
    times += [dice.randrange(2 * 10**18) for _ in samples()][len(times) :]
    made = [Captured(time, data, None, len(data)) for time, data in zip(times, samples().values(), strict=True)]
    return (*made, Captured(5, made[0].octets[:40], None, 1514), Captured(6, b"", None, 0))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "all.pcap"
    pcap.write(path, some())
    return path


def tshark(*arguments):
    program = shutil.which("tshark")
    if not program:
        pytest.skip("tshark is not installed, so it reads no file here: it comes with Wireshark")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True, timeout=60).stdout


def test_what_was_written_is_read_but_the_direction(file):
    assert pcap.read(file) == some()
    pcap.write(str(file), [dataclasses.replace(one, outgoing=True) for one in some()[:2]])
    assert pcap.read(str(file)) == some()[:2]
    pcap.write(file, [])
    assert pcap.read(file) == ()


def test_tshark_reads_the_same(file):
    fields = ("frame.time_epoch", "frame.len", "frame.cap_len", "frame.encap_type")
    lines = tshark("-r", str(file), "-T", "fields", *(word for name in fields for word in ("-e", name))).splitlines()
    read = [line.split("\t") for line in lines]
    assert [int(seconds.replace(".", "")) for seconds, *_ in read] == [one.time_ns for one in some()]
    assert [tuple(map(int, rest)) for _, *rest in read] == [(one.length, len(one.octets), 1) for one in some()]


def test_tshark_finds_nothing_damaged_and_what_it_writes_is_read(file, tmp_path):
    for kind, unit in (("nsecpcap", 1), ("pcap", 1000)):
        path = tmp_path / kind
        tshark("-r", str(file), "-F", kind, "-w", str(path))
        rounded = [dataclasses.replace(one, time_ns=one.time_ns // unit * unit) for one in some()]
        assert list(pcap.read(path)) == rounded
    path = tmp_path / "next"
    tshark("-r", str(file), "-F", "pcapng", "-w", str(path))
    assert pcap.read(path) == some()


def test_scapy_reads_the_same(file):
    logging.getLogger("scapy").setLevel(logging.ERROR)
    pytest.importorskip("scapy", reason=ABSENT.format("scapy"))
    from scapy.layers.l2 import Ether
    from scapy.utils import RawPcapReader, rdpcap

    with RawPcapReader(str(file)) as reader:
        assert reader.nano
        read = [Captured(meta.sec * 10**9 + meta.usec, data, None, meta.wirelen) for data, meta in reader]
    assert read == list(some())
    assert [bytes(one) for one in rdpcap(str(file))][:5] == [one.octets for one in some()][:5]
    assert all(isinstance(one, Ether) for one in rdpcap(str(file)))


def test_dpkt_reads_the_same(file):
    pytest.importorskip("dpkt", reason=ABSENT.format("dpkt"))
    import dpkt

    with file.open("rb") as opened:
        reader = dpkt.pcap.Reader(opened)
        assert reader.datalink() == dpkt.pcap.DLT_EN10MB
        assert [data for _, data in reader] == [one.octets for one in some()]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B23C4D, 1), (0xA1B2C3D4, 1000)])
def test_all_four_kinds_of_header_are_read(tmp_path, order, magic, unit):
    check_sequence = 0x1400_0000 | 1  # the upper bits of the link type: frames end with 2 * 16 bits of it
    header = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, check_sequence)
    (tmp_path / "one").write_bytes(header + struct.pack(order + "IIII", 7, 999_999, 3, 60) + b"abc")
    assert pcap.read(tmp_path / "one") == (Captured(7 * 10**9 + 999_999 * unit, b"abc", None, 60),)


HEADER = struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
RECORD = struct.pack("<IIII", 1, 2, 3, 3)


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (b"", "is empty: end the program"),
        (bytes(4096), "has only zeros: end the program"),
        (HEADER[:-1], "ends within its file header"),
        (HEADER[:4], "ends within its file header"),
        (b"\x1f\x8b" + bytes(60), "is compressed: unpack it with gunzip"),
        (b"snoop\0\0\0" + bytes(60), "is no pcap file, and no pcapng file: convert it with `editcap -F pcap"),
        (HEADER[:4] + b"\3" + HEADER[5:], "version 3.4, not 2.4: convert it"),
        (HEADER[:20] + struct.pack("<I", 113), r"LINUX_SLL \(113\), not Ethernet; `-i any` writes that: .*-i lo"),
        (HEADER[:20] + struct.pack("<I", 276), r"LINUX_SLL2 \(276\).*-i any.*-i lo"),
        (HEADER[:20] + struct.pack("<I", 0), r"NULL \(0\).*macOS"),
        (HEADER[:20] + struct.pack("<I", 101), r"RAW \(101\).*VPN"),
        (HEADER[:20] + struct.pack("<I", 127), r"IEEE802_11_RADIOTAP \(127\).*monitor mode"),
        (HEADER[:20] + struct.pack("<I", 9999), "link type 9999, not Ethernet: capture"),
        (HEADER + RECORD + b"ab", "ends in the middle of packet 1"),
        (HEADER + RECORD[:-1], "ends in the middle of packet 1"),
        (HEADER + bytes(64), "only zeros from packet 1 on"),
        (HEADER + struct.pack("<IIII", 1, 2, 1 << 30, 1 << 30) + b"abc", "damaged at packet 1, .* 1073741824 bytes"),
        (b"\n\r\r\n" + bytes(8), "is damaged behind packet 0"),
        (b"\n\r\r\n" + struct.pack("<IIHHqI", 28, 0x1A2B3C4D, 1, 0, -1, 28)[:-1], "ends in the middle of a block"),
    ],
)
def test_a_bad_file_is_told_in_one_sentence(tmp_path, data, because):
    path = tmp_path / "bad"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=because) as caught:
        pcap.read(path)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_of_a_damaged_file_the_whole_packets_are_read(file, tmp_path, kind):
    """A file may be cut at any byte, or end with the zeros of a block that the disk never got."""
    path, whole = tmp_path / "cut", some()
    if kind == "pcapng":
        tshark("-r", str(file), "-F", "pcapng", "-w", str(path))
        file = path
    data = file.read_bytes()
    path = tmp_path / "damaged"
    for end in range(len(data) - 200, len(data)):
        path.write_bytes(data[:end])
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = pcap.read(path)
        assert found == whole[: len(found)]
        assert len(found) < len(whole) or kind == "pcapng"  # which ends with a block of statistics
        for one in said:
            assert f"What is whole was read, packets: {len(found)}." in str(one.message)
        at_a_boundary = pcap.packed(found) == data[:end] if kind == "pcap" else not said
        assert bool(said) is not at_a_boundary
    path.write_bytes(data + bytes(300))
    with pytest.warns(UserWarning, match="only zeros from packet|damaged behind packet"):
        assert pcap.read(path) == whole


def test_records_are_read_as_tshark_does_where_their_numbers_do_not_fit(tmp_path):
    """Lengths of some writers are 0, fractions of damaged ones a second or more; an old Linux has longer records."""
    frame = some()[0].octets
    odd = struct.pack("<IIII", 1, 2, len(frame), 0) + frame + struct.pack("<IIII", 1, 1_500_000, len(frame), 99) + frame
    modified = struct.pack("<IIIIIHBB", 1, 2, len(frame), 99, 1, 8, 0, 0) + frame
    micro = struct.pack("<I", 0xA1B2C3D4) + HEADER[4:]
    for name, data in (("odd", micro + odd), ("old", struct.pack("<I", 0xA1B2CD34) + HEADER[4:] + modified)):
        (tmp_path / name).write_bytes(data)
        packets = pcap.read(tmp_path / name)
        read = tshark("-r", str(tmp_path / name), "-T", "fields", "-e", "frame.cap_len", "-e", "tcp.dstport")
        assert [line.split("\t") for line in read.splitlines()] == [[str(len(one.octets)), "8888"] for one in packets]
        assert {one.octets for one in packets} == {frame}
    assert [(one.time_ns, one.length) for one in pcap.read(tmp_path / "odd")] == [
        (1_000_002_000, len(frame)), (2_500_000_000, 99)
    ]  # fmt: skip


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


@pytest.mark.parametrize("order", "<>")
def test_pcapng_of_all_kinds_is_read_as_tshark_does(tmp_path, order):
    """Two interfaces with clocks of their own, all three kinds of packets, a direction, and statistics."""
    frame, path = some()[0].octets, tmp_path / "all"
    clocks = option(order, 9, b"\x09"), option(order, 9, b"\x8a") + option(order, 14, struct.pack(order + "q", 1000))
    out, ends = option(order, 2, struct.pack(order + "I", 2)), option(order, 0, b"")
    section = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    section += b"".join(block(order, 1, struct.pack(order + "HHI", 1, 0, 60) + clock + ends) for clock in clocks)
    section += block(order, 5, struct.pack(order + "III", 0, 0, 0))
    section += block(order, 6, struct.pack(order + "IIIII", 0, 1, 5, 41, 99) + frame[:41] + bytes(3) + out + ends)
    section += block(order, 2, struct.pack(order + "HHIIII", 1, 0, 0, 1536, len(frame), len(frame)) + frame)
    section += block(order, 3, struct.pack(order + "I", len(frame)) + frame[:60])
    path.write_bytes(section * 2)
    packets = pcap.read(path)
    assert packets[:3] == (
        Captured((1 << 32) + 5, frame[:41], True, 99), Captured(1_001_500_000_000, frame, None, len(frame)),
        Captured(0, frame[:60], None, len(frame)),
    )  # fmt: skip
    assert packets[3:] == packets[:3]
    read = tshark("-r", str(path), "-T", "fields", *(f"-eframe.{one}" for one in ("time_epoch", "cap_len", "len")))
    told = [line.split("\t") for line in read.splitlines()]
    assert [tuple(map(int, rest)) for _, *rest in told] == [(len(one.octets), one.length) for one in packets]
    assert [time.replace(".", "") for time, *_ in told[:2]] == [f"{one.time_ns:010}" for one in packets[:2]]
    path.write_bytes(section.replace(*(struct.pack(order + "HHI", link, 0, 60) for link in (1, 113))))
    with pytest.raises(BadInput, match="LINUX_SLL"):
        pcap.read(path)


def test_a_file_that_is_not_there_is_the_systems_refusal(tmp_path):
    with pytest.raises(FileNotFoundError):
        pcap.read(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        pcap.write(tmp_path / "nothing" / "file", [])


@pytest.mark.parametrize(
    "packet",
    [
        Captured(-1, b"abc", True, 3), Captured(2**32 * 10**9, b"abc", True, 3), Captured(0, b"abc", True, 2),
        Captured(0, b"abc", True, 2**32), Captured(0, bytes(2**18 + 1), True, 2**18 + 1),
    ],
)  # fmt: skip
def test_what_the_format_cannot_hold_is_told_and_nothing_is_written(tmp_path, packet):
    with pytest.raises(BadInput, match="packet 2 does not fit"):
        pcap.write(tmp_path / "none", [Captured(0, b"abc", True, 3), packet])
    assert not (tmp_path / "none").exists()


def test_any_bytes_are_a_file_or_are_told_to_be_none(file, tmp_path):
    whole = file.read_bytes()

    def check(at, cut, put):
        path = tmp_path / "mutated"
        path.write_bytes(whole[:at] + put + whole[at + cut :])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                packets = pcap.read(path)
        except BadInput:
            return
        pcap.write(path, packets)
        assert pcap.read(path) == packets

    for_all(check, lambda some: {
        "at": some.integers(0, len(whole)), "cut": some.integers(0, 40), "put": some.binary(max_size=40),
    })  # fmt: skip
    for_all(lambda data: check(0, len(whole), data), lambda some: {"data": some.binary()})
    for_all(lambda data: check(0, len(whole), b"\n\r\r\n" + data), lambda some: {"data": some.binary()})
