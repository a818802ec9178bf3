"""A packet: headers one behind the other, and what they carry."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sockets_lab.errors import BadInput
from sockets_lab.headers.fields import Field
from sockets_lab.headers.header import H, Header


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
