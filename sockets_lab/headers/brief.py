"""What most questions ask of a packet, read at once: who sends to whom, from port to port, with which flags.

`dissect` makes a value of each header, with all of its fields. Whoever looks at thousands of packets to find a few, as
the watch for scans does, needs less. The usual frame (Ethernet, IPv4 without options, in one part, TCP or UDP) is read
here by two calls of struct; every other one by `dissect`, with the same result.
"""

import struct
from typing import NamedTuple

from sockets_lab.headers.checksums import ONES, checks
from sockets_lab.headers.fields import IPV4
from sockets_lab.headers.header import NotAPacket
from sockets_lab.headers.ip import IPv4
from sockets_lab.headers.packet import dissect
from sockets_lab.headers.transport import TCP, UDP

FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")  # from the last bit on: RFC 9293 section 3.1
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))

# What is read of a frame: Ethernet's type; IPv4's version and length, total length, place among parts, protocol and
# addresses; both ports. Then TCP's numbers, offset, flags and window, or UDP's length and checksum. An x is skipped.
read_front = struct.Struct("!12xHBxHxxHxBxx4s4sHH").unpack_from
read_tcp, read_udp = struct.Struct("!IIBBH").unpack_from, struct.Struct("!HH").unpack_from
IP_TYPE, NO_OPTIONS, PART = 0x0800, 0x45, 0x3FFF  # PART: more of them follow, or this one is not the first
IP, ADDRESSES, SEGMENT, BEHIND_PORTS = 14, 26, 34, 38  # where they begin, in bytes of a frame
LEAST = SEGMENT + 8  # bytes of a frame with a datagram

new, number, text = tuple.__new__, int.from_bytes, IPV4.read


class Brief(NamedTuple):
    """What a frame says in brief.

    sequence, acknowledgment, flags (SYN | ACK ...), window: 0 with UDP. payload: as much of it as there is.
    ip_checksum, checksum: what `Check` calls their verdicts.
    """

    protocol: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int
    window: int
    payload: bytes
    ip_checksum: str
    checksum: str


def brief(data: bytes) -> Brief | None:
    """Read a frame in brief, checksums too.

    Returns: what `dissect` and `checks` say of it; None where it brings no TCP and no UDP by IPv4, or only a part.
    """
    if len(data) < LEAST:
        return _unusual(data)
    kind, version, total, part, protocol, source, destination, here, there = read_front(data)
    end = IP + total
    if kind != IP_TYPE or version != NO_OPTIONS or part & PART or end > len(data):
        return _unusual(data)
    if protocol == 6 and end >= SEGMENT + 20:
        sequence, acknowledgment, offset, flags, window = read_tcp(data, BEHIND_PORTS)
        name, begin, fits = "tcp", SEGMENT + (offset >> 4) * 4, offset >= 0x50
    elif protocol == 17:
        sequence = acknowledgment = flags = window = 0
        length, checksum = read_udp(data, BEHIND_PORTS)
        name, begin, fits = "udp", SEGMENT + 8, checksum and SEGMENT + length <= end
        end = SEGMENT + length
    else:
        return _unusual(data)
    # Before the segment stand the addresses, as in the pseudo header; the rest of that need only be added to the sum.
    covered = number(data[ADDRESSES:end], "big")
    if end % 2:
        covered <<= 8
    if not fits or begin > end or (covered + protocol + end - SEGMENT) % ONES or number(data[IP:SEGMENT], "big") % ONES:
        return _unusual(data)
    return new(Brief, (
        name, text(source), here, text(destination), there, sequence, acknowledgment, flags, window, data[begin:end],
        "right", "right",
    ))  # fmt: skip


def _unusual(data: bytes) -> Brief | None:
    """Do the same the long way."""
    try:
        packet = dissect(data)
    except NotAPacket:
        return None
    ip, last = packet.find(IPv4), packet.layers[-1]
    if ip is None or not isinstance(last, TCP | UDP):
        return None
    of_tcp = (0, 0, 0, 0)
    if isinstance(last, TCP):
        flags = sum(getattr(last, name) << bit for bit, name in enumerate(FLAGS))
        of_tcp = (last.sequence, last.acknowledgment, flags, last.window)
    verdicts = (check.verdict for check in checks(packet))
    ends = (ip.source, last.source_port, ip.destination, last.destination_port)
    return Brief(last.name().lower(), *ends, *of_tcp, packet.payload, *verdicts)
