"""From bytes to a packet and back.

The rule: bytes whose first header cannot be read are no packet, which is the one error. Behind the first header
nothing is an error: what cannot be read as a header stays payload, and `note` says why. Nothing is ever lost, so
`build(dissect(data)) == data` for all that `dissect` takes.
"""

from sockets_lab.errors import BadInput
from sockets_lab.headers.header import Header, NotAPacket
from sockets_lab.headers.ip import IPv4, IPv6
from sockets_lab.headers.link import Ethernet
from sockets_lab.headers.packet import Packet


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
