"""The picture of the playground: descriptors, sockets, queues, and what joins them; and the same sockets as rows."""

from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import role_of
from sockets_lab.figures.tables import Table
from sockets_lab.playground import HERE, SocketEnd, Unit, View

ROW, TOP, BOX = 84, 44, 66  # pixels: from one line to the next, to the first one, a box's height
NUMBER = 96  # width of a descriptor's box
LEFT, RIGHT = (122, 200), (438, 200)  # left edge and width of the sockets' boxes
NUMBERS = (6, 658)  # left edges of the descriptors' boxes
SLOT, SLOTS = 13, 10  # a place in the accept queue, and how many are drawn
ENDED = ("CLOSE_WAIT", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "LAST_ACK", "CLOSING", "CLOSE", "SYN_SENT", "SYN_RECV")
NO_DESCRIPTOR = {"waits": ("none yet", "waits for accept"), "kept": ("closed", "the kernel's"),
                 "elsewhere": ("elsewhere", "not from here")}  # fmt: skip


def playground(view: View) -> Drawing:
    """Draw the neighbourhood of the chosen socket: listeners with their queues, both ends of connections, the rest."""
    lines = _lines(view)
    height = TOP + max(len(lines), 1) * ROW + 26 * bool(view.hidden)
    drawing = Drawing("Sockets on the playground, their descriptors, queues and states.", "", 760, height)
    for x, text in ((NUMBERS[0] + NUMBER / 2, "descriptor"), (NUMBERS[1] + NUMBER / 2, "descriptor"),
                    (LEFT[0] + LEFT[1] / 2, "socket, by the kernel's table"),
                    (RIGHT[0] + RIGHT[1] / 2, "socket, by the kernel's table")):  # fmt: skip
        drawing.text(x, 18, text, "muted", 12, "middle")
    if not lines:
        drawing.text(380, TOP + 30, "the playground is empty: create a socket", "muted", anchor="middle")
    said = [f"The chosen socket is {view.chosen}."] if view.chosen else []
    for place, (left, right) in enumerate(lines):
        y = TOP + place * ROW
        said.append(_joined(drawing, y, left, right) if isinstance(left, Unit) else _pair(drawing, y, left, right))
        for end, side in ((left.client if isinstance(left, Unit) else left, 0), (right, 1)):
            if isinstance(end, SocketEnd):
                _end(drawing, y, side, end, end.name == view.chosen and bool(end.name))
    if view.hidden:
        note = f"{view.hidden} more socket{'s are' if view.hidden > 1 else ' is'} here: choose one to see it."
        drawing.text(380, height - 14, note, "muted", anchor="middle")
        said.append(note)
    drawing.alt = " ".join(said) or "The playground is empty."
    return drawing


def _lines(view: View) -> list[tuple[Unit | SocketEnd | None, SocketEnd | None]]:
    """Put each listener and each connection on a line, a listener above what came to its port; single sockets last."""
    joined = [unit for unit in view.units if unit.kind != "single"]
    ports = [end.local.port for unit in joined for end in unit.ends if end.listens and end.local]

    def order(unit: Unit) -> tuple[int, bool]:
        near = (ports.index(port) for port in _ports(unit) if port in ports)
        return min(near, default=len(ports)), unit.kind != "listener"

    joined.sort(key=order)
    lines: list[tuple[Unit | SocketEnd | None, SocketEnd | None]] = [(unit, unit.server) for unit in joined]
    single = [end for unit in view.units if unit.kind == "single" for end in unit.ends]
    for place in range(0, len(single), 2):
        two = single[place : place + 2]
        lines.append((two[0], two[1] if len(two) == 2 else None))
    return lines


def _ports(unit: Unit) -> list[int]:
    return [endpoint.port for end in unit.ends for endpoint in (end.local, end.remote) if endpoint]


def _joined(drawing: Drawing, y: float, unit: Unit | SocketEnd | None, server: SocketEnd | None) -> str:
    """Draw what stands between the two ends of a line; return the sentence that says the same."""
    assert isinstance(unit, Unit)
    if unit.kind == "listener":
        assert server is not None
        return f"{_said(server)}. {_queue(drawing, y, server)}"
    middle = y + BOX / 2
    whole = unit.client is not None and unit.server is not None
    states = [end.state for end in unit.ends]
    if whole:
        joined = all(state == "ESTABLISHED" for state in states)
        drawing.line(LEFT[0] + LEFT[1] + 3, middle, RIGHT[0] - 3, middle, "connection" if joined else "quiet",
                     dashed=not joined)  # fmt: skip
        return f"A connection: {'; and '.join(_said(end) for end in unit.ends)}."
    side = RIGHT if unit.client else LEFT
    drawing.box(side[0], y, side[1], BOX, "quiet", dashed=True)
    drawing.text(side[0] + side[1] / 2, middle, "no row at the other end", "muted", 12, "middle")
    return f"{'; '.join(_said(end) for end in unit.ends)}; the other end has no row."


def _pair(drawing: Drawing, y: float, left: SocketEnd | None, right: SocketEnd | None) -> str:
    """Join a UDP socket to its peer with an arrow; return the sentence for both."""
    assert left is not None
    if right and left.remote and left.remote == right.local:
        drawing.line(LEFT[0] + LEFT[1] + 3, y + BOX / 2, RIGHT[0] - 3, y + BOX / 2, "quiet", dashed=True, arrow=True)
    return " ".join(f"{_said(end)}." for end in (left, right) if end)


def _queue(drawing: Drawing, y: float, listener: SocketEnd) -> str:
    """Draw a listener's accept queue as squares: filled for those that wait, empty for the room that is left."""
    row = listener.row
    if row is None or row.receive_queue is None or row.send_queue is None:
        return "How many wait for accept is not told here."
    waiting, backlog = row.receive_queue, row.send_queue
    squares = min(max(waiting, backlog), SLOTS)
    right = RIGHT[0] - 12
    for place in range(squares):
        x = right - (place + 1) * (SLOT + 4)
        drawing.box(x, y + 14, SLOT, SLOT, "connection" if place < waiting else "quiet", dashed=place >= waiting)
        if place < waiting:
            drawing.box(x + 3, y + 17, SLOT - 6, SLOT - 6, "connection")
    said = f"{waiting} wait{'s' * (waiting == 1)} for accept, backlog {backlog}"
    drawing.text(right, y + 44, said, "muted", 12, "end")
    return f"{said[0].upper()}{said[1:]}."


def _end(drawing: Drawing, y: float, side: int, end: SocketEnd, chosen: bool) -> None:
    left, width = (LEFT, RIGHT)[side]
    role = _role(end)
    _number(drawing, y, side, end)
    if chosen:
        for under in (BOX + 6, BOX + 8):
            drawing.line(NUMBERS[side] + 2, y + under, NUMBERS[side] + NUMBER - 2, y + under, "ink")
    drawing.box(left, y, width, BOX, role, dashed=end.descriptor is None)
    middle, state = left + width / 2, end.state if end.row else "no row in the table"
    state = f"{end.protocol} {state}" if not end.remote or end.protocol == "UDP" else state
    named = end.local is not None
    name, size = (str(end.local), 13 if len(str(end.local)) < 24 else 11) if named else ("no name yet", 13)
    drawing.text(middle, y + 14, name, "ink" if named else "muted", size, "middle", bold=named, mono=named)
    drawing.text(middle, y + 33, state, "ink", 12, "middle", bold=end.state in ENDED and bool(end.remote))
    queues = _queues(end)
    if not queues and end.protocol == "UDP" and end.remote:
        queues = ((f"peer {end.remote}", 0),)
    for place, (text, octets) in enumerate(queues):
        x = left + width * (2 * place + 1) / (2 * len(queues))
        drawing.text(x, y + 52, text, "ink" if octets else "muted", 11, "middle")


def _number(drawing: Drawing, y: float, side: int, end: SocketEnd) -> None:
    left, middle = NUMBERS[side], y + BOX / 2
    place = "" if end.place == HERE else f"on {end.place}"
    if end.descriptor is None:
        word, why = NO_DESCRIPTOR[end.standing]
        drawing.box(left, y, NUMBER, BOX, "quiet", dashed=True)
        texts = [(end.name or word, "ink", True), (why if not end.name else word, "muted", False)]
    else:
        drawing.box(left, y, NUMBER, BOX, "descriptor")
        texts = [(end.name, "ink", True), (str(end.descriptor), "ink", False)]
        start, tip = (left + NUMBER + 1, LEFT[0] - 2) if side == 0 else (left - 1, RIGHT[0] + RIGHT[1] + 2)
        drawing.line(start, middle, tip, middle, "descriptor", arrow=True)
    texts += [(place, "muted", False)] * bool(place)
    for number, (text, ink, bold) in enumerate(texts):
        drawing.text(left + NUMBER / 2, middle + (number - (len(texts) - 1) / 2) * 18, text, ink,
                     13 if len(text) < 12 else 11, "middle", bold=bold, mono=bool(end.name))  # fmt: skip


def _role(end: SocketEnd) -> str:
    return "refused" if end.state in ENDED and end.remote else role_of(end.row)


def _queues(end: SocketEnd) -> tuple[tuple[str, int], ...]:
    """Say what lies in the queues; nothing where they are empty, or a listener's."""
    if end.row is None or end.listens:
        return ()
    # Where the other end has ended, the kernel counts the end mark as one more byte.
    unread = (end.row.receive_queue or 0) - (end.state == "CLOSE_WAIT" and bool(end.row.receive_queue))
    waiting = end.row.send_queue or 0
    found = ((f"{unread:,} unread", unread), (f"{waiting:,} not confirmed", waiting))
    return tuple(one for one in found if one[1])


def _said(end: SocketEnd) -> str:
    who = end.name or "an end"
    number = f"descriptor {end.descriptor}" if end.descriptor is not None else " ".join(NO_DESCRIPTOR[end.standing])
    where = "" if end.place == HERE else f" on node {end.place}"
    name = f"{end.local}" if end.local else "no name yet"
    peer = f", remote {end.remote}" if end.remote else ""
    queues = "".join(f", {text}" for text, _ in _queues(end))
    return f"{who}{where} ({number}): {end.protocol} {name}{peer}, {end.state}{queues}"


def table(view: View) -> Table:
    """Show the same sockets as rows of the kernel's table, with the queues as it counts them."""
    rows = tuple(
        (end.name or "-", "-" if end.descriptor is None else str(end.descriptor), end.protocol, str(end.local or "-"),
         str(end.remote or "-"), end.state, *_counts(end), _inode(end))
        for end in view.ends
    )  # fmt: skip
    headings = ("socket", "number", "protocol", "local endpoint", "remote endpoint", "state", "receive queue",
                "send queue", "inode")  # fmt: skip
    return Table("The same sockets in the kernel's table.", headings, rows, (12, 6, 8, 22, 22, 12, 13, 10, 9))


def _counts(end: SocketEnd) -> tuple[str, str]:
    if end.row is None:
        return "-", "-"
    told = ["?" if count is None else f"{count}" for count in (end.row.receive_queue, end.row.send_queue)]
    return told[0], told[1]


def _inode(end: SocketEnd) -> str:
    if end.row is None or end.row.inode is None:
        return "-"
    return str(end.row.inode or "none")
