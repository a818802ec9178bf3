"""Captured packets in a file that Wireshark, tshark and tcpdump open: pcap, with times in nanoseconds.

The format has no place for the direction, so who sent a packet has to be told from its addresses afterwards.
Source: IETF draft-ietf-opsawg-pcap, "File Header" and "Packet Record"; draft-ietf-opsawg-pcaplinktype.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from sockets_lab.errors import BadInput
from sockets_lab.lab.capture import Captured

NANOSECONDS, MICROSECONDS = 0xA1B23C4D, 0xA1B2C3D4  # the magic numbers, which tell the unit of the times
UNITS = {NANOSECONDS: 1, MICROSECONDS: 1000}  # in nanoseconds
VERSION = (2, 4)
SNAPLEN = 1 << 18  # bytes: the most of one packet that is in the file
ETHERNET = 1  # LINKTYPE_ETHERNET
FILE, RECORD = "IHHIIII", "IIII"  # magic, version, -, -, snaplen, link type; seconds, fraction, octets, length
SECOND = 10**9
PCAPNG = b"\x0a\x0d\x0d\x0a"


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
    """Read the packets of a file, in its order; `outgoing` is None in each.

    Raises: BadInput, where it is no pcap file with Ethernet packets, or is damaged; OSError.
    """
    return tuple(_packets(os.fspath(path), Path(path).read_bytes()))


def _packets(name: str, data: bytes) -> Iterator[Captured]:
    for begin, kept, time, length in _records(name, data):
        yield Captured(time, data[begin : begin + kept], None, length)


def _records(name: str, data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield of each packet where it begins, how many octets were kept, its time in nanoseconds, and its length."""
    order, unit = _header(name, data)
    record, end = struct.Struct(order + RECORD), len(data)
    at, number = struct.calcsize(order + FILE), 0
    while at < end:
        number += 1
        begin = at + record.size
        seconds, fraction, kept, length = record.unpack_from(data, at) if begin <= end else (0, 0, end, 0)
        at = begin + kept
        if at > end:
            raise BadInput(f"{name} ends in the middle of packet {number}: pass the whole file.")
        if fraction * unit >= SECOND or kept > length:
            raise BadInput(f"packet {number} of {name} contradicts itself, so the file is damaged: pass a whole one.")
        yield begin, kept, seconds * SECOND + fraction * unit, length


def _header(name: str, data: bytes) -> tuple[str, int]:
    """Return the order of bytes, for struct, and the unit of the fractions of seconds, in nanoseconds."""
    for order in "<>":
        header = struct.Struct(order + FILE)
        if len(data) >= header.size:
            magic, major, minor, _, _, _, link = header.unpack_from(data)
            if magic in UNITS and (major, minor) == VERSION:
                if link & 0xFFFF != ETHERNET:  # above stands whether frames end with a check sequence
                    raise BadInput(f"{name} has packets of link type {link & 0xFFFF}: pass a file with Ethernet's, 1.")
                return order, UNITS[magic]
    if data.startswith(PCAPNG):
        raise BadInput(f"{name} is a pcapng file: save it as pcap, which Wireshark and editcap can do, and pass that.")
    raise BadInput(f"{name} is no pcap file: pass one such as tcpdump or pcap.write make.")
