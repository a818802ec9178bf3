"""Files of captured packets: read back the same, by us, by tshark, scapy and dpkt; and what is no such file."""

import dataclasses
import logging
import random
import shutil
import struct
import subprocess

import pytest
from header_samples import for_all, samples

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
    with pytest.raises(BadInput, match="is a pcapng file: save it as pcap"):
        pcap.read(path)


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
        (b"", "is no pcap file"),
        (HEADER[:-1], "is no pcap file"),
        (b"\x1f\x8b" + bytes(60), "is no pcap file"),
        (HEADER[:4] + b"\3" + HEADER[5:], "is no pcap file"),
        (HEADER[:20] + struct.pack("<I", 113), "link type 113: pass a file with Ethernet's, 1"),
        (HEADER + RECORD + b"abc" + RECORD[:-1], "ends in the middle of packet 2"),
        (HEADER + RECORD + b"ab", "ends in the middle of packet 1"),
        (HEADER + struct.pack("<IIII", 1, 10**9, 3, 3) + b"abc", "packet 1 of .* contradicts itself"),
        (HEADER + struct.pack("<IIII", 1, 2, 3, 2) + b"abc", "packet 1 of .* contradicts itself"),
    ],
)
def test_a_bad_file_is_told_in_one_sentence(tmp_path, data, because):
    path = tmp_path / "bad"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=because) as caught:
        pcap.read(path)
    assert str(caught.value).startswith((str(path), "packet"))
    assert str(caught.value).endswith(".")


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
            packets = pcap.read(path)
        except BadInput:
            return
        pcap.write(path, packets)
        assert pcap.read(path) == packets

    for_all(check, lambda some: {
        "at": some.integers(0, len(whole)), "cut": some.integers(0, 40), "put": some.binary(max_size=40),
    })  # fmt: skip
    for_all(lambda data: check(0, len(whole), data), lambda some: {"data": some.binary()})
