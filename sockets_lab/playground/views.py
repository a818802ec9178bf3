"""What can be seen of a playground: the neighbourhood of one socket, every end of it as in the kernel's table."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sockets_lab.lab import NodeError
from sockets_lab.model import Endpoint, FourTuple, SocketRow
from sockets_lab.playground.places import Key, Place, Seat, mirrored

MOST = 6  # connections and single sockets in one picture
STRANGERS = 2  # of one listener, in one picture
UNACCEPTED = ("SYN_RECV", "ESTABLISHED", "CLOSE_WAIT")
At = Callable[[str, Place], Place]


@dataclass(frozen=True)
class SocketEnd:
    """One socket, or one end of a connection.

    name: its variable; "" = it has none here. descriptor: None = there is none, or it is closed. standing: "open",
    "waits" (for `accept`), "kept" (by the kernel, after close) or "elsewhere" (no socket of this playground).
    """

    name: str
    place: str
    protocol: str
    standing: str
    descriptor: int | None
    local: Endpoint | None
    remote: Endpoint | None
    row: SocketRow | None

    @property
    def state(self) -> str:
        return self.row.state if self.row else "no row"

    @property
    def listens(self) -> bool:
        return self.state == "LISTEN"


@dataclass(frozen=True)
class Unit:
    """What is drawn in one line: a listener, a single socket, or the two ends of a connection (client's, server's)."""

    kind: str  # "listener", "single" or "connection"
    client: SocketEnd | None
    server: SocketEnd | None

    @property
    def ends(self) -> tuple[SocketEnd, ...]:
        return tuple(end for end in (self.client, self.server) if end)


@dataclass(frozen=True)
class View:
    """Some of its sockets at one moment. hidden: open sockets that are not among them; gone: names of closed
    ones of which the kernel keeps nothing any more."""

    units: tuple[Unit, ...] = ()
    chosen: str | None = None
    hidden: int = 0
    gone: tuple[str, ...] = ()

    @property
    def ends(self) -> tuple[SocketEnd, ...]:
        return tuple(end for unit in self.units for end in unit.ends)

    def end(self, name: str | None) -> SocketEnd | None:
        """Return the end with this name."""
        return next((end for end in self.ends if end.name and end.name == name), None)


Pair = tuple[Seat | None, Seat | None]  # the client's half, the server's half


def read(near: list[Pair], seats: dict[str, Seat], chosen: str | None, at: At) -> View:
    """Read the rows of a neighbourhood, and no others, however many sockets the playground has. Raises: OSError."""
    units = [unit for pair in near if (unit := _unit(pair, at))]
    for seat in [half for pair in near for half in pair if half and half.listens]:
        units += _strangers(seat, units)
    shown = {end.name for unit in units for end in unit.ends}
    gone = tuple(half.name for pair in near for half in pair if half and half.closed and half.name not in shown)
    hidden = len(seats) - sum(name in seats for name in shown)
    return View(tuple(units), chosen if chosen in seats else None, hidden, gone)


def nearest(halves: Iterable[Seat], chosen: Seat | None) -> list[Pair]:
    """Choose what is drawn: the chosen socket, what belongs to it, and of the others the latest."""
    pairs = _pairs(halves)
    if len(pairs) <= MOST:
        return pairs
    ranked = sorted(range(len(pairs)), key=lambda place: (_far(pairs[place], chosen), -place))
    return [pairs[place] for place in sorted(ranked[:MOST])]


def _pairs(halves: Iterable[Seat]) -> list[Pair]:
    """Put the two ends of each connection together, in the order in which they came."""
    waiting: dict[Key, int] = {}
    pairs: list[Pair] = []
    for half in halves:
        place = waiting.pop(mirrored(half.key), None) if half.key else None
        if place is not None:
            other = pairs[place][0] or pairs[place][1]
            pairs[place] = (half, other) if other and other.serves and not half.serves else (other, half)
            continue
        if half.key:
            waiting[half.key] = len(pairs)
        pairs.append((None, half) if half.serves else (half, None))
    return pairs


def _far(pair: Pair, chosen: Seat | None) -> int:
    """Say how near a connection or socket is to the chosen one: 0 it is that, 3 nothing joins them."""
    if chosen is None or chosen is pair[0] or chosen is pair[1]:
        return 0
    half = pair[0] or pair[1]
    assert half is not None
    for mine in (chosen.local, chosen.remote):
        for theirs in (half.local, half.remote):
            if mine is not None and theirs is not None and mine.port == theirs.port:
                return 1 if half.listens else 2
    return 3


def _unit(pair: Pair, at: At) -> Unit | None:
    client, server = (_end(half) if half else None for half in pair)
    ends = [end for end in (client, server) if end]
    if not ends:
        return None  # both halves were closed, and the kernel has forgotten them
    one = ends[0]
    if one.listens:
        return Unit("listener", None, one)
    if one.protocol == "UDP" or one.remote is None:
        return Unit("single", client, server)
    if len(ends) == 1:
        half = next(half for half in pair if half)
        other = _other(one, at(one.remote.address, half.place))
        client, server = (client, other) if client else (other, server)
    return Unit("connection", client, server)


def _end(half: Seat) -> SocketEnd | None:
    """Read one end now; None for what is closed, and gone from the table too."""
    row = _found(half.row)
    if half.closed:
        return SocketEnd(half.name, half.place.name, "TCP", "kept", None, half.local, half.remote, row) if row else None
    remote = half.remote or (row.remote if row and row.remote.port else None)
    number = half.sock.fileno()
    return SocketEnd(half.name, half.place.name, half.protocol, "open", number, half.local, remote, row)


def _other(end: SocketEnd, place: Place) -> SocketEnd | None:
    """Look for the other end of a connection, for which the playground has no socket."""
    assert end.local
    assert end.remote
    row = _found(place.find, FourTuple(end.remote, end.local))
    return _nameless(row, place.name) if row else None


def _found(look: Callable[..., SocketRow | None], *arguments: FourTuple) -> SocketRow | None:
    """Look for a row; of a node that has ended nothing is left. Raises: OSError, where the kernel cannot be asked."""
    try:
        return look(*arguments)
    except NodeError:
        return None


def _nameless(row: SocketRow, place: str) -> SocketEnd:
    standing = "elsewhere" if row.inode != 0 else "waits" if row.state in UNACCEPTED else "kept"
    return SocketEnd("", place, "TCP", standing, None, row.local, row.remote, row)


def _strangers(listener: Seat, units: list[Unit]) -> list[Unit]:
    """Find connections that wait at a listener and are in none of these units: they come from somewhere else."""
    ends = {end.name: end for unit in units for end in unit.ends}
    row = ends[listener.name].row if listener.name in ends else None
    seen = {(end.local, end.remote) for unit in units for end in unit.ends if end.standing == "waits"}
    if row is None or row.receive_queue is None or row.receive_queue <= len(seen) or listener.local is None:
        return []
    rows = listener.place.at_port("tcp", listener.local.port, UNACCEPTED)
    found = [row for row in rows if row.inode == 0 and (row.local, row.remote) not in seen]
    return [Unit("connection", None, _nameless(row, listener.place.name)) for row in found[:STRANGERS]]
