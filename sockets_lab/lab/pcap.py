"""Captured packets in a file that Wireshark, tshark and tcpdump open: pcap, with times in nanoseconds.

The format has no place for the direction, so who sent a packet has to be told from its addresses afterwards. Read are
pcapng files too.
Source: IETF draft-ietf-opsawg-pcap, "File Header" and "Packet Record"; draft-ietf-opsawg-pcaplinktype.
"""

import os
import struct
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from sockets_lab.errors import BadInput
from sockets_lab.lab import pcapng
from sockets_lab.lab.capture import Captured
from sockets_lab.lab.pcapng import ETHERNET, SECOND, Damaged, check_link_type

NANOSECONDS, MICROSECONDS, MODIFIED = 0xA1B23C4D, 0xA1B2C3D4, 0xA1B2CD34  # the magic numbers
UNITS = {NANOSECONDS: 1, MICROSECONDS: 1000, MODIFIED: 1000}  # of the times, in nanoseconds
VERSION = (2, 4)
SNAPLEN = 1 << 18  # bytes: the most of one packet that is in the file
FILE, RECORD = "IHHIIII", "IIII"  # magic, version, -, -, snaplen, link type; seconds, fraction, octets, length
UNPACKERS = {b"\x1f\x8b": "gunzip", b"\xfd7zXZ": "unxz", b"BZh": "bunzip2", b"(\xb5/\xfd": "unzstd", b"PK": "unzip"}
CONVERT = "convert it with `editcap -F pcap old new.pcap`, which comes with Wireshark, and pass that."


def write(path: str | os.PathLike[str], packets: Iterable[Captured]) -> None:
    """Write packets to a file, in their order; what was there before is gone. Raises: as `packed`; OSError."""
    Path(path).write_bytes(packed(packets))


def packed(packets: Iterable[Captured]) -> bytes:
    """Return the bytes of a file with these packets, in their order. Raises: BadInput, where it has no room for one."""
    parts = [struct.pack("<" + FILE, NANOSECONDS, *VERSION, 0, 0, SNAPLEN, ETHERNET)]
    for number, packet in enumerate(packets, 1):
        seconds, fraction = divmod(packet.time_ns, SECOND)
        kept = len(packet.octets)
        if not (0 <= seconds < 1 << 32 and kept <= SNAPLEN and kept <= packet.length < 1 << 32):
            raise BadInput(f"packet {number} does not fit into a pcap file: pass packets as they were captured.")
        parts += [struct.pack("<" + RECORD, seconds, fraction, kept, packet.length), packet.octets]
    return b"".join(parts)


def read(path: str | os.PathLike[str]) -> tuple[Captured, ...]:
    """Read the packets of a file, in its order; `outgoing` is None in each where the file does not say.

    Warns: where the file is cut or damaged behind some whole packets; these are returned.
    Raises: BadInput, where it has no whole packet of Ethernet for that reason, or another; OSError.
    """
    name, data, packets = os.fspath(path), Path(path).read_bytes(), list[Captured]()
    try:
        for packet in pcapng.packets(name, data) if data.startswith(pcapng.BEGIN) else _packets(name, data):
            packets.append(packet)
    except Damaged as fault:
        if not packets:
            raise
        warnings.warn(f"{fault} What is whole was read, packets: {len(packets)}.", stacklevel=2)
    return tuple(packets)


def _packets(name: str, data: bytes) -> Iterator[Captured]:
    order, magic = _header(name, data)
    record, at, end, number = struct.Struct(order + RECORD), struct.calcsize(FILE), len(data), 0
    more = 8 if magic == MODIFIED else 0  # of an old Linux: interface, protocol and direction
    while at < end:
        number += 1
        begin = at + record.size + more
        seconds, fraction, kept, length = record.unpack_from(data, at) if begin <= end else (0, 0, 0, 0)
        if kept > SNAPLEN:
            raise Damaged(f"{name} is damaged at packet {number}, which says that it has {kept} bytes.")
        if begin + kept > end:
            raise Damaged(f"{name} ends in the middle of packet {number}: its writer was stopped, or the copy is cut.")
        if begin < end and not (seconds or fraction or length or any(data[at:])):  # one record of zeros may be meant
            raise Damaged(f"{name} has only zeros from packet {number} on: its writer, or the machine, was stopped.")
        at = begin + kept
        yield Captured(seconds * SECOND + fraction * UNITS[magic], data[begin:at], None, max(kept, length))


def _header(name: str, data: bytes) -> tuple[str, int]:
    """Return the order of bytes, for struct, and the magic number. Raises: BadInput, where it is no such file."""
    for order in "<>":
        header = struct.Struct(order + FILE)
        magic, major, minor, _, _, _, link = header.unpack_from(data.ljust(header.size, b"\0"))
        if magic in UNITS:
            if len(data) < header.size:
                raise BadInput(f"{name} ends within its file header: no packet was saved. Capture again.")
            if (major, minor) == VERSION:
                check_link_type(name, link & 0xFFFF)  # above stands whether frames end with a check sequence
                return order, magic
            raise BadInput(f"{name} is of pcap's version {major}.{minor}, not 2.4: {CONVERT}")
    if not any(data):
        what = "has only zeros" if data else "is empty"
        raise BadInput(f"{name} {what}: end the program that captures before you read its file, or capture again.")
    for begin, program in UNPACKERS.items():
        if data.startswith(begin):
            raise BadInput(f"{name} is compressed: unpack it with {program} first.")
    raise BadInput(f"{name} is no pcap file, and no pcapng file: {CONVERT}")
