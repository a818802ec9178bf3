"""A packet: headers one behind the other, and what they carry. From bytes to a packet and back.

The rule: bytes whose first header cannot be read are no packet, which is the one error. Behind the first header
nothing is an error: what cannot be read as a header stays payload, and `note` says why. Nothing is ever lost, so
`build(dissect(data)) == data` for all that `dissect` takes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sockets_lab.errors import BadInput
from sockets_lab.headers.fields import Field
from sockets_lab.headers.header import H, Header, NotAPacket
from sockets_lab.headers.ip import IPv4, IPv6
from sockets_lab.headers.link import Ethernet


@dataclass(frozen=True)
class Seen:
    """One field in one packet: its layer (0 is the outermost), its value, and which bytes of the packet it touches."""

    layer: int
    header: type[Header]
    field: Field
    value: Any
    octets: range


@dataclass(frozen=True)
class Packet:
    """What some bytes say, or are to say. The bytes are: all layers, payload, trailer, in this order.

    layers: headers, the outermost first. payload: what the innermost carries.
    trailer: bytes behind the end that the headers tell, such as the filling of a short Ethernet frame.
    missing: bytes that the headers promise and that are not there, as in a capture that keeps only the first ones.
    note: sentences: which length was open, and why the payload was not read further; "" where all is as usual.
    """

    layers: tuple[Header, ...]
    payload: bytes = b""
    trailer: bytes = b""
    missing: int = 0
    note: str = field(default="", compare=False)

    def find(self, kind: type[H]) -> H | None:
        """Return the outermost layer of that kind, or None."""
        return next((layer for layer in self.layers if isinstance(layer, kind)), None)

    def change(self, kind: type[Header], **values: Any) -> "Packet":
        """Return this packet with fields of its outermost layer of that kind changed, and nothing else.

        Lengths and checksums stay as they were, now perhaps wrong: `corrected` sets them right.
        Raises: BadInput, where there is no such layer or field, or the value does not fit.
        """
        index = self._index(kind)
        changed = self.layers[index].changed(**values)
        return Packet(
            (*self.layers[:index], changed, *self.layers[index + 1 :]),
            self.payload, self.trailer, self.missing, self.note,
        )  # fmt: skip

    @property
    def ranges(self) -> tuple[range, ...]:
        """Which bytes each layer takes, in the order of the layers."""
        found, begin = [], 0
        for layer in self.layers:
            found.append(range(begin, begin + layer.size))
            begin += layer.size
        return tuple(found)

    def octets(self, kind: type[Header], name: str) -> range:
        """Return which bytes of the packet a field touches. Raises: BadInput, where there is no such layer or field."""
        index = self._index(kind)
        layer = self.layers[index]
        if name not in layer.layout.fields:
            raise BadInput(f"{kind.name()} has no field {name}: it has {', '.join(layer.layout.fields)}.")
        return _moved(layer.layout.fields[name].octets(layer.size), self.ranges[index].start)

    def seen(self) -> Iterator[Seen]:
        """Yield every field of every layer, in the order of the bytes; options that are empty are left out."""
        for index, (layer, place) in enumerate(zip(self.layers, self.ranges, strict=True)):
            for name, one in layer.layout.fields.items():
                if octets := one.octets(layer.size):
                    yield Seen(index, type(layer), one, getattr(layer, name), _moved(octets, place.start))

    def _index(self, kind: type[Header]) -> int:
        for index, layer in enumerate(self.layers):
            if isinstance(layer, kind):
                return index
        names = ", ".join(layer.name() for layer in self.layers)
        raise BadInput(f"This packet has no {kind.name()}: it has {names}.")


def _moved(octets: range, by: int) -> range:
    return range(octets.start + by, octets.stop + by)


def dissect(data: bytes, first: type[Header] | None = Ethernet) -> Packet:
    """Take a packet apart, header by header.

    Args: data: one packet, as captured. first: the outermost header's kind; None: IPv4 or IPv6, as its version says.
    Returns: the packet; whatever its inner parts are. Checksums are not looked at: see `checks`.
    Raises: NotAPacket, where the bytes do not begin with such a header. BadInput, where `data` is not bytes.
    """
    if type(data) is not bytes:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise BadInput(f"a packet is bytes: pass bytes, not {type(data).__name__}.")
        data = bytes(data)
    layers: list[Header] = []
    at, end, missing = 0, len(data), 0
    before: Header | None = None
    notes: list[str] = []
    following: type[Header] | str = first or _version_of(data)
    while not isinstance(following, str):
        try:
            header, at = following.take(data, at, end, before)
        except NotAPacket as fault:
            if not layers:
                raise
            notes.append(str(fault))
            break
        layers.append(header)
        promised = header.promised(before)
        if isinstance(promised, str):
            notes.append(promised)
        elif promised is not None:
            if (told := at + promised) <= end:
                end = told
            else:
                missing = max(missing, told - end)
        before, following = header, header.following()
    else:
        notes.append(following)
    return Packet(tuple(layers), data[at:end], data[end:], missing, " ".join(filter(None, notes)))


def build(packet: Packet) -> bytes:
    """Return the bytes of a packet, with just the values it has: lengths and checksums too, right or wrong."""
    return b"".join(map(bytes, packet.layers)) + packet.payload + packet.trailer


def _version_of(data: bytes) -> type[Header]:
    version = data[0] >> 4 if data else None
    if version not in (4, 6):
        raise NotAPacket(f"An IP packet begins with a 4 or a 6, and this with {version}.")
    return IPv4 if version == 4 else IPv6
