"""What can be seen of a bench: the neighbourhood of one socket, every end of it as the kernel's table has it now."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sockets_lab.bench.places import Place
from sockets_lab.bench.seats import Key, Left, Seat, mirrored
from sockets_lab.errors import attempt
from sockets_lab.model import Endpoint, FourTuple, SocketRow

MOST = 6  # connections and single sockets in one picture
UNACCEPTED = ("SYN_RECV", "ESTABLISHED", "CLOSE_WAIT")
At = Callable[[str, Place], Place]


@dataclass(frozen=True)
class End:
    """One socket, or one end of a connection.

    name: its variable; "" = it has none here. descriptor: None = there is none, or it is closed. standing: "open",
    "waits" (for `accept`), "kept" (by the kernel, after close) or "elsewhere" (no socket of this bench).
    """

    name: str
    place: str
    protocol: str
    standing: str
    descriptor: int | None
    local: Endpoint | None
    foreign: Endpoint | None
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
    client: End | None
    server: End | None

    @property
    def ends(self) -> tuple[End, ...]:
        return tuple(end for end in (self.client, self.server) if end)


@dataclass(frozen=True)
class View:
    """Some of the bench's sockets at one moment. hidden: open sockets that are not among them; gone: names of closed
    ones of which the kernel keeps nothing any more."""

    units: tuple[Unit, ...] = ()
    chosen: str | None = None
    hidden: int = 0
    gone: tuple[str, ...] = ()

    @property
    def ends(self) -> tuple[End, ...]:
        return tuple(end for unit in self.units for end in unit.ends)

    def end(self, name: str | None) -> End | None:
        """Return the end with this name."""
        return next((end for end in self.ends if end.name and end.name == name), None)


Pair = tuple[Seat | Left | None, Seat | Left | None]  # the client's half, the server's half


def look(seats: dict[str, Seat], left: dict[str, Left], chosen: str | None, at: At) -> View:
    """Read the neighbourhood of a socket. Only its rows are asked for, however many sockets the bench has."""
    near: list[Pair] = []
    if chosen in seats:
        seats[chosen].look()
    for _ in range(2):  # a connect that was on its way may have got its name meanwhile
        near = _nearest(_pairs([*seats.values(), *left.values()]), seats.get(chosen or ""))
        renamed = [half.look() for pair in near for half in pair if isinstance(half, Seat)]
        if not any(renamed):
            break
    units = [unit for pair in near if (unit := _unit(pair, at))]
    halves: list[Seat | Left] = [*seats.values(), *left.values()]
    known = {half.key for half in halves if half.key}
    for seat in [half for pair in near for half in pair if isinstance(half, Seat) and half.listens]:
        units += _strangers(seat, known)
    shown = {end.name for unit in units for end in unit.ends}
    gone = tuple(half.name for pair in near for half in pair if isinstance(half, Left) and half.name not in shown)
    return View(tuple(units), chosen if chosen in seats else None, sum(name not in shown for name in seats), gone)


def changes(facts: dict[str, tuple], view: View) -> tuple[str, ...]:
    """Tell in words what is different from the last time that these ends were seen. Args: facts, kept up to date."""
    told = []
    for unit in view.units:
        for end in unit.ends:
            others = [other.name for other in unit.ends if other is not end]
            who = end.name or f"the other end of {''.join(others) or 'a stranger'}"
            now = (end.state, *((end.row.receive_queue, end.row.send_queue) if end.row else (0, 0)))
            told += _told(who, facts.get(who, ("no row", 0, 0)), now, end.listens)
            facts[who] = now
    for name in view.gone:
        told.append(f"{name}: {facts.pop(name, ('no row',))[0]} -> gone from the table")
    return tuple(told)


def _told(who: str, before: tuple, now: tuple, listens: bool) -> list[str]:
    told = [f"{who}: {before[0]} -> {now[0]}"] if before[0] != now[0] else []
    if listens and before[0] == now[0] and before[1] != now[1]:
        told.append(f"{who}: {now[1]} wait{'s' * (now[1] == 1)} for accept")
    elif not listens and now[0] != "CLOSE":
        queues = zip(("receive queue", "send queue"), before[1:], now[1:], strict=True)
        told += [f"{who}: {what} {old or 0} -> {new}" for what, old, new in queues if (old or 0) != (new or 0)]
    return told


def _pairs(halves: Iterable[Seat | Left]) -> list[Pair]:
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


def _nearest(pairs: list[Pair], chosen: Seat | None) -> list[Pair]:
    """Keep the chosen socket, what belongs to it, and of the others the latest."""
    if len(pairs) <= MOST:
        return pairs
    ranked = sorted(range(len(pairs)), key=lambda place: (_far(pairs[place], chosen), -place))
    return [pairs[place] for place in sorted(ranked[:MOST])]


def _far(pair: Pair, chosen: Seat | None) -> int:
    if chosen is None or chosen in pair:
        return 0
    ports = {end.port for end in (chosen.local, chosen.foreign) if end}
    theirs = {end.port for half in pair if half for end in (half.local, half.foreign) if end}
    listens = any(isinstance(half, Seat) and half.listens for half in pair)
    return (1 if listens else 2) if ports & theirs else 3


def _unit(pair: Pair, at: At) -> Unit | None:
    client, server = (_end(half) if half else None for half in pair)
    ends = [end for end in (client, server) if end]
    if not ends:
        return None  # both halves were closed, and the kernel has forgotten them
    (one,) = ends if len(ends) == 1 else (ends[0],)
    if one.protocol == "UDP" or one.foreign is None:
        return Unit("listener" if one.listens else "single", client, server)
    if len(ends) == 1:
        half = next(half for half in pair if half)
        other = _other(one, at(one.foreign.address, half.place))
        client, server = (client, other) if client else (other, server)
    return Unit("connection", client, server)


def _end(half: Seat | Left) -> End | None:
    """Read one end now; None for what is closed, and gone from the table too."""
    row = attempt(half.row)
    row = row if isinstance(row, SocketRow) else None
    if isinstance(half, Left):
        return End(half.name, half.place.name, "TCP", "kept", None, half.local, half.foreign, row) if row else None
    foreign = half.foreign or (row.foreign if row and row.foreign.port else None)
    number = half.sock.fileno()
    return End(half.name, half.place.name, half.protocol, "open", number, half.local, foreign, row)


def _other(end: End, place: Place) -> End | None:
    """Look for the other end of a connection, for which the bench has no socket."""
    assert end.local
    assert end.foreign
    row = attempt(place.find, FourTuple(end.foreign, end.local))
    return _nameless(row, place.name) if isinstance(row, SocketRow) else None


def _nameless(row: SocketRow, place: str) -> End:
    standing = "elsewhere" if row.inode != 0 else "waits" if row.state in UNACCEPTED else "kept"
    return End("", place, "TCP", standing, None, row.local, row.foreign, row)


def _strangers(listener: Seat, known: set[Key]) -> list[Unit]:
    """Find connections that wait at a listener and come from no socket of the bench."""
    rows = listener.place.at_port("tcp", listener.local.port) if listener.local else []
    found = []
    for row in rows:
        key = (row.foreign.address, row.foreign.port, row.local.address, row.local.port)
        if row.inode == 0 and row.state in UNACCEPTED and key not in known and mirrored(key) not in known:
            found.append(Unit("connection", None, _nameless(row, listener.place.name)))
    return found[:2]
