"""Captured packets in a pcapng file, as Wireshark and tshark save them unless told otherwise.

A file is a row of blocks. Each has its kind and its length in front, and its length again at its end, so that a reader
can skip what it does not know. Source: IETF draft-ietf-opsawg-pcapng, sections 3 and 4.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from sockets_lab.errors import BadInput
from sockets_lab.lab.capture import Captured

INTERFACE, OLD_PACKET, SIMPLE_PACKET, PACKET = 1, 2, 3, 6  # kinds of blocks
BEGIN = b"\x0a\x0d\x0d\x0a"  # a section's kind, which is the same in both orders of bytes
ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}  # what stands at byte 8 of a section, for struct
FLAGS, RESOLUTION, OFFSET = 2, 9, 14  # options: of a packet its direction, of an interface its clock
DIRECTIONS = {1: False, 2: True}  # the last two bits of the flags: in, out
SECOND = 10**9
ETHERNET = 1
LINK_TYPES = {  # what the packets of a capture begin with. Source: IETF draft-ietf-opsawg-pcaplinktype
    0: "NULL", 6: "IEEE802_5", 8: "SLIP", 9: "PPP", 12: "RAW", 14: "RAW", 50: "PPP_HDLC", 51: "PPP_ETHER",
    101: "RAW", 104: "C_HDLC", 105: "IEEE802_11", 107: "FRELAY", 108: "LOOP", 113: "LINUX_SLL",
    119: "IEEE802_11_PRISM", 127: "IEEE802_11_RADIOTAP", 149: "PKTAP", 163: "IEEE802_11_AVS", 187: "BLUETOOTH_HCI_H4",
    189: "USB_LINUX", 192: "PPI", 195: "IEEE802_15_4_WITHFCS", 201: "BLUETOOTH_HCI_H4_WITH_PHDR",
    220: "USB_LINUX_MMAPPED", 227: "CAN_SOCKETCAN", 228: "IPV4", 229: "IPV6", 230: "IEEE802_15_4_NOFCS", 239: "NFLOG",
    249: "USBPCAP", 253: "NETLINK", 258: "PKTAP", 276: "LINUX_SLL2",
}  # fmt: skip
CAUSES = {
    "`-i any` writes that": (113, 149, 258, 276),
    "loopback of macOS and BSD has that": (0, 108),
    "a tunnel or VPN has that": (9, 12, 14, 50, 101, 228, 229),
    "a Wi-Fi card in monitor mode writes that": (105, 119, 127, 163, 192),
}


class Damaged(BadInput):
    """The file cannot be read from here on; what was read before is whole."""


@dataclass(frozen=True)
class Interface:
    """Where packets were captured. ticks: of its clock in a second; offset: seconds to be added to its times."""

    link: int
    snaplen: int
    ticks: int
    offset: int


def packets(name: str, data: bytes) -> Iterator[Captured]:
    """Yield the packets of a file. Raises: Damaged; BadInput, where one is not of an Ethernet interface."""
    order, at, number, interfaces = "<", 0, 0, list[Interface]()
    while at < len(data):
        if data.startswith(BEGIN, at):
            order, interfaces = ORDERS.get(data[at + 8 : at + 12], order), []
        kind, size = struct.unpack_from(order + "II", data, at) if at + 12 <= len(data) else (0, len(data))
        if at + size > len(data):
            raise Damaged(f"{name} ends in the middle of a block, behind packet {number}.")
        if size < 12:
            raise Damaged(f"{name} is damaged behind packet {number}.")
        body = data[at + 8 : at + size - 4]
        at += size + -size % 4
        try:
            if kind == INTERFACE:
                interfaces.append(_interface(order, body))
            elif kind in (OLD_PACKET, SIMPLE_PACKET, PACKET):
                number += 1
                interface, packet = _packet(order, kind, body, interfaces)
                check_link_type(name, interface.link)
                yield packet
        except (struct.error, IndexError):
            raise Damaged(f"{name} is damaged at packet {number or 1}.") from None


def _interface(order: str, body: bytes) -> Interface:
    link, snaplen = struct.unpack_from(order + "HxxI", body)
    options = _options(order, body[8:])
    resolution = options.get(RESOLUTION, b"\6")[0]
    offset = int(struct.unpack(order + "q", options.get(OFFSET, bytes(8)))[0])
    return Interface(link, snaplen, 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution, offset)


def _packet(order: str, kind: int, body: bytes, interfaces: list[Interface]) -> tuple[Interface, Captured]:
    if kind == SIMPLE_PACKET:  # it has no time
        interface, (length,) = interfaces[0], struct.unpack_from(order + "I", body)
        return interface, Captured(0, body[4 : 4 + min(length, interface.snaplen or length)], None, length)
    number, high, low, kept, length = struct.unpack_from(order + ("HxxIIII" if kind == OLD_PACKET else "IIIII"), body)
    interface, end = interfaces[number], 20 + kept
    if end > len(body):
        raise IndexError(end)
    flags = _options(order, body[end + -end % 4 :]).get(FLAGS, bytes(4))
    time = ((high << 32) + low) * SECOND // interface.ticks + interface.offset * SECOND
    outgoing = DIRECTIONS.get(struct.unpack(order + "I", flags)[0] & 3)
    return interface, Captured(time, body[20:end], outgoing, max(kept, length))


def _options(order: str, data: bytes) -> dict[int, bytes]:
    """Return the values of options by their codes; each is filled up to 4 bytes."""
    found, at = {}, 0
    while at + 4 <= len(data):
        code, size = struct.unpack_from(order + "HH", data, at)
        found[code] = data[at + 4 : at + 4 + size]
        at += 4 + size + -size % 4
    return found


def check_link_type(name: str, link: int) -> None:
    """Take Ethernet only. Raises: BadInput, which says what the link type is, where it is from, and what to type."""
    if link == ETHERNET:
        return
    kind = f"{LINK_TYPES[link]} ({link})" if link in LINK_TYPES else f"{link}"
    cause = next((f"; {words}" for words, links in CAUSES.items() if link in links), "")
    raise BadInput(
        f"{name} has packets of link type {kind}, not Ethernet{cause}: capture one Ethernet interface, or Linux's "
        "loopback with `tcpdump -i lo -w new.pcap`, and pass that file."
    )
