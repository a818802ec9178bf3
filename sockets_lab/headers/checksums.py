"""The internet checksum: what it covers, whether it is right, and how lengths and checksums are set right.

Read the covered bytes as numbers of 16 bits and add them, bringing each carry back in at the right end; the checksum is
the complement of that sum, so that the sum over all, checksum included, has only ones. Source: RFC 1071 section 1.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from sockets_lab.errors import BadInput
from sockets_lab.headers.arriving import arriving
from sockets_lab.headers.fields import IPV4, IPV6
from sockets_lab.headers.header import Header
from sockets_lab.headers.ip import IPv4, IPv6
from sockets_lab.headers.packet import Packet
from sockets_lab.headers.transport import TCP, UDP, ICMPv4, ICMPv6

PROTOCOLS: dict[type[Header], int] = {TCP: 6, UDP: 17, ICMPv6: 58}  # those that cover a pseudo header
ONES = 0xFFFF
SHORT = "Bytes that it covers are missing here."
NO_ADDRESSES = "It covers the addresses of an IP header, and there is none here."
UNKNOWN_END = "No header says where the bytes end that it covers, so some may be missing here."


@dataclass(frozen=True)
class Check:
    """Whether one checksum is right.

    layer: which layer of the packet; found: what stands there; right: what has to, None where that cannot be told.
    verdict: "right", "wrong", "none" (UDP over IPv4 without one), "unfinished" (left to the network card), "untold".
    """

    layer: int
    header: type[Header]
    found: int
    right: int | None
    verdict: str
    because: str


def internet_checksum(data: bytes) -> int:
    """Return the checksum of some bytes; an odd one at the end counts as the left half of a number.

    65,536 leaves the remainder 1 when divided by 65,535. So a long number leaves the same remainder as the sum of its
    16-bit digits, and one division does what adding digit by digit does. Only the sum of nothing but zeros differs.
    Returns: 0 to 0xffff; 0 where the sum over `data` (with its checksum) is right. Source: RFC 1071 section 1.
    """
    number = int.from_bytes(data, "big") << 8 * (len(data) % 2)
    return -number % ONES if number else ONES


def pseudo_header(carrier: IPv4 | IPv6, protocol: int, length: int) -> bytes:
    """Return what TCP, UDP and ICMPv6 cover but do not send: both addresses, the protocol, and their own length.

    Args: carrier: with the addresses that it has where it arrives, see `arriving`.
    So a segment that reaches a wrong machine is found out. Source: RFC 9293 section 3.1, RFC 8200 section 8.1.
    """
    if isinstance(carrier, IPv4):
        addresses = IPV4.write(carrier.source) + IPV4.write(carrier.destination)
        return addresses + struct.pack("!I", (protocol << 16) + length)  # a carry, as BIG TCP has, adds up the same
    return IPV6.write(carrier.source) + IPV6.write(carrier.destination) + struct.pack("!II", length, protocol)


def checks(packet: Packet) -> tuple[Check, ...]:
    """Check every checksum of a packet. Returns: one `Check` for each layer that has one, the outermost first."""
    return tuple(_check(packet, i) for i, layer in enumerate(packet.layers) if "checksum" in layer.layout.fields)


def corrected(packet: Packet) -> Packet:
    """Return the packet with lengths, the numbers of the headers that follow, and checksums as they have to be.

    Nothing is missing then: the payload that is there is the payload. A checksum that cannot be told stays, and so does
    a length of 0 where the true one has no room in its field.
    Raises: BadInput, where the layers cannot follow each other, or are too long for a length field.
    """
    layers = list(packet.layers)
    content, following = len(packet.payload), None
    for i in reversed(range(len(layers))):
        layers[i] = layers[i].fitted(content, following)
        content, following = content + layers[i].size, type(layers[i])
    packet = Packet(tuple(layers), packet.payload, packet.trailer, note=packet.note)
    for i, layer in enumerate(layers):
        if "checksum" in layer.layout.fields:
            right = _right(packet, i)
            if isinstance(right, int) and not _is_right(vars(layer)["checksum"], right):
                layers[i] = layer.changed(checksum=right)
    return Packet(tuple(layers), packet.payload, packet.trailer, note=packet.note)


def compose(*layers: Header, payload: bytes = b"") -> Packet:
    """Put a packet together of headers, the outermost first, and set what follows from them; see `corrected`."""
    if not layers or not all(isinstance(layer, Header) for layer in layers):
        raise BadInput("compose takes headers, the outermost first: such as compose(IPv4(), UDP(), payload=b'hello').")
    packet = corrected(Packet(layers, bytes(payload)))
    if payload and _end_is_open(packet.layers):
        raise BadInput(f"{len(payload)} bytes of payload are more than a length field of 16 bits can say: pass less.")
    return packet


def _check(packet: Packet, index: int) -> Check:
    layer, right = packet.layers[index], _right(packet, index)
    found, told = vars(layer)["checksum"], right if isinstance(right, int) else None
    if isinstance(layer, UDP) and found == 0 and any(isinstance(one, IPv4) for one in packet.layers[:index]):
        verdict, because = "none", "A zero says that the sender worked none out (RFC 768, Fields)."
    elif isinstance(right, str):
        verdict, because = "untold", right
    elif _is_right(found, right):
        verdict, because = "right", "The sum over all that it covers has only ones."
    elif found == _unfinished(packet, index):
        verdict = "unfinished"
        because = "It holds the sum of the pseudo header only: the kernel leaves the rest to the network card."
    elif not isinstance(layer, IPv4) and _end_is_open(packet.layers[: index + 1]):
        verdict, because, told = "untold", UNKNOWN_END, None
    else:
        verdict, because = "wrong", f"It has to be {right:#06x}: something was changed on the way, or by you."
    return Check(index, type(layer), found, told, verdict, because)


def _is_right(found: int, right: int) -> bool:
    return found == right or (found == ONES and right == 0)  # both are a zero where ones' complement is counted


def _right(packet: Packet, index: int) -> int | str:
    """Return the checksum that a layer has to have, or a sentence why that cannot be told."""
    layer = packet.layers[index]
    header = layer.layout.write(vars(layer) | {"checksum": 0})  # the checksum counts as zero while it is worked out
    if isinstance(layer, IPv4):
        return internet_checksum(header)
    if packet.missing:
        return SHORT
    covered = header + b"".join(map(bytes, packet.layers[index + 1 :])) + packet.payload
    if isinstance(layer, ICMPv4):
        return internet_checksum(covered)
    carrier = _carrier(packet, index)
    if isinstance(carrier, str):
        return carrier
    checksum = internet_checksum(pseudo_header(carrier, PROTOCOLS[type(layer)], len(covered)) + covered)
    return checksum or ONES if isinstance(layer, UDP) else checksum  # UDP's zero means "none": RFC 768, Fields


def _carrier(packet: Packet, index: int) -> IPv4 | IPv6 | str:
    """Return the IP header that carries a layer, the nearest one before it, as it arrives; or why it cannot be told."""
    for at in reversed(range(index)):
        ip = packet.layers[at]
        if isinstance(ip, IPv4 | IPv6):
            return arriving(ip, packet.layers[at + 1 : index])
    return NO_ADDRESSES


def _end_is_open(layers: Sequence[Header]) -> bool:
    """Whether the last length among these layers is open, as with a total length of 0; UDP's 0 means IP's own end."""
    before, last = None, None
    for layer in layers:
        length = layer.promised(before)
        if length is not None and not (isinstance(layer, UDP) and layer.length == 0):
            last = length
        before = layer
    return isinstance(last, str)


def _unfinished(packet: Packet, index: int) -> int | None:
    """Return what the kernel writes where the card is to add the rest: the pseudo header's sum, not complemented."""
    layer, carrier = packet.layers[index], _carrier(packet, index)
    if isinstance(carrier, str) or type(layer) not in PROTOCOLS:
        return None
    length = sum(one.size for one in packet.layers[index:]) + len(packet.payload)
    return ONES - internet_checksum(pseudo_header(carrier, PROTOCOLS[type(layer)], length))
