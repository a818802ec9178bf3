"""A whole capture at once, as an array of numpy: one row a frame, one column a field.

For questions to very many frames, such as which ports were asked for in a file of a million:

    packets = columns(*pcap.load("large.pcap"))
    asked = packets[packets["covered"] & (packets["flags"] & (SYN | ACK) == SYN)]
    ports, times = numpy.unique(asked["destination_port"], return_counts=True)

Every step is one call of numpy for thousands of frames. Covered are the usual ones, whole or cut: Ethernet, IPv4
without options, in one part, TCP or UDP. Any other has "covered" False and a row of zeros: `dissect` is for those.

Importing this module imports numpy, so nothing else of the course does.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np

from sockets_lab.errors import BadInput
from sockets_lab.headers.brief import ADDRESSES, IP, IP_TYPE, NO_OPTIONS, PART, SEGMENT
from sockets_lab.headers.checksums import ONES
from sockets_lab.headers.sums import added, between, swapped

VERDICTS = ("right", "wrong", "none", "unfinished", "untold")  # as `Check` has them; columns hold their numbers
RIGHT, WRONG, NONE, UNFINISHED, UNTOLD = range(len(VERDICTS))
ROW = np.dtype([  # addresses: as ipaddress.IPv4Address takes them; payload: how many bytes of it are there
    ("source", "u4"), ("destination", "u4"), ("source_port", "u2"), ("destination_port", "u2"),
    ("sequence", "u4"), ("acknowledgment", "u4"), ("window", "u2"), ("payload", "u2"),
    ("flags", "u1"), ("protocol", "u1"), ("ip_checksum", "u1"), ("checksum", "u1"), ("covered", "?"),
])  # fmt: skip

# What is read of a frame: the kind of number (u2: of 2 bytes; >: the largest first), and the byte at which it begins.
PROTOCOL = 23
FRONT = {
    "type": (">u2", 12), "version": ("u1", 14), "total": (">u2", 16), "part": (">u2", 20), "protocol": ("u1", PROTOCOL),
    "source": (">u4", 26), "destination": (">u4", 30), "source_port": (">u2", 34), "destination_port": (">u2", 36),
}  # fmt: skip
FIELDS = {
    6: FRONT | {"sequence": (">u4", 38), "acknowledgment": (">u4", 42), "offset": ("u1", 46), "flags": ("u1", 47),
                "window": (">u2", 48), "found": (">u2", 50), "urgent_pointer": (">u2", 52)},
    17: FRONT | {"length": (">u2", 38), "found": (">u2", 40)},
}  # fmt: skip
HEADS = {
    protocol: np.dtype({"names": [*fields], "formats": [kind for kind, _ in fields.values()],
                        "offsets": [at for _, at in fields.values()]})
    for protocol, fields in FIELDS.items()
}  # fmt: skip

AT_ONCE = 1 << 13  # frames: with more, the processor's cache does not hold what is worked on
MARGIN = 64  # zeros behind them, so that nobody has to ask whether the last frame is long enough to be looked at


def joined(frames: Iterable[bytes]) -> tuple[bytes, array, array]:
    """Put frames one behind the other, as `columns` takes them. Returns: bytes, where each begins, and its length."""
    frames = list(frames)
    lengths = array("q", map(len, frames))
    return b"".join(frames), array("q", accumulate(lengths, initial=0))[:-1], lengths


def columns(data: bytes, begins: Sequence[int], lengths: Sequence[int]) -> np.ndarray:
    """Read frames that stand in `data`, and check their checksums.

    Args: begins: at which byte each begins, in this order; lengths: bytes of each. `pcap.load` and `joined` tell them.
    Returns: an array of ROW, one for each frame. Raises: BadInput, where frames are not one behind the other.
    """
    at, size = np.asarray(begins, np.int64), np.asarray(lengths, np.int64)
    if at.shape != size.shape or (at[1:] < at[:-1] + size[:-1]).any() or (size < 0).any():
        raise BadInput("frames are one behind the other: pass where each begins, in this order, and its length.")
    if len(at) and not 0 <= at[0] <= at[-1] + size[-1] <= len(data):
        raise BadInput(f"the data has {len(data)} bytes: pass frames that begin and end there.")
    rows = np.zeros(len(at), ROW)
    for first in range(0, len(rows), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        begin, end = at[some][0], at[some][-1] + size[some][-1]
        octets = np.zeros((end - begin + MARGIN) // 2 * 2, np.uint8)
        octets[: end - begin] = np.frombuffer(data, np.uint8, end - begin, begin)
        for protocol in FIELDS:
            _read(protocol, octets, at[some] - begin, size[some], rows[some])
    return rows


def _read(protocol: int, octets: np.ndarray, begins: np.ndarray, sizes: np.ndarray, rows: np.ndarray) -> None:
    """Fill the rows of the usual frames that bring this protocol."""
    layout = HEADS[protocol]
    mine = np.flatnonzero(octets[begins + PROTOCOL] == protocol)
    if not len(mine):
        return
    raw = _copies(octets, begins[mine], layout.itemsize)
    heads = raw.view(layout)
    carried = heads["total"].astype(np.int64) - (SEGMENT - IP)  # bytes behind the IP header: so many have to be there,
    held = sizes[mine] - SEGMENT  # and so many are
    least = layout.itemsize - SEGMENT
    if protocol == 6:
        header, told = heads["offset"] // 16 * 4, carried
    else:
        header, told = np.full(len(mine), least), heads["length"].astype(np.int64)
    cut = (held < carried) | (carried < told)
    there = np.minimum(np.minimum(held, carried), told)
    usual = (heads["type"] == IP_TYPE) & (heads["version"] == NO_OPTIONS) & (heads["part"] & PART == 0)
    usual &= (least <= header) & (header <= there)
    if not usual.all():
        mine, raw, header, told, there, cut = (one[usual] for one in (mine, raw, header, told, there, cut))
        heads = raw.view(layout)
    new = np.zeros(len(mine), ROW)
    for name in FIELDS[protocol].keys() & (ROW.names or ()):
        new[name] = heads[name]
    new["payload"], new["covered"] = there - header, True
    segments = begins[mine] + SEGMENT
    rest = between(octets, segments + least, segments + there)
    new["ip_checksum"], new["checksum"] = _verdicts(heads, told, rest)
    new["checksum"][cut] = UNTOLD
    rows.view(f"V{ROW.itemsize}")[mine] = new.view(f"V{ROW.itemsize}")  # as bytes: field by field is slow


def _verdicts(heads: np.ndarray, told: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the verdicts on the checksums of IPv4 and of what it carries.

    Args: told: bytes of each segment; rest: the sum over those of them that are not in `heads`.
    """
    words = heads.view("<u2").reshape(len(heads), heads.itemsize // 2).T
    addresses = added(words[ADDRESSES // 2 : SEGMENT // 2])
    header = addresses + added(words[IP // 2 : ADDRESSES // 2])
    pseudo = swapped(addresses) + heads["protocol"] + told
    whole = pseudo + swapped(added(words[SEGMENT // 2 :])) + rest
    found, right = heads["found"], whole % ONES == 0
    verdicts = np.where(right, RIGHT, WRONG)
    verdicts[~right & (found != 0) & ((pseudo - found) % ONES == 0)] = UNFINISHED
    verdicts[(found == 0) & (heads["protocol"] == 17)] = NONE
    return np.where(header % ONES, WRONG, RIGHT), verdicts


def _copies(octets: np.ndarray, begins: np.ndarray, size: int) -> np.ndarray:
    """Copy so many bytes from each of these places."""
    anywhere = np.ndarray(len(octets) - size + 1, f"V{size}", octets, strides=(1,))
    return anywhere[begins]
