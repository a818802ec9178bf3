"""The picture of the playground: descriptors, sockets, queues, and what joins them; and the same sockets as rows."""

from itertools import zip_longest

from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import role_of
from sockets_lab.figures.tables import Table
from sockets_lab.playground import HERE, SocketEnd, Unit, View

ROW, TOP, BOX = 84, 44, 66  # pixels: from one line to the next, to the first one, a box's height
NUMBER = 96  # width of a descriptor's box
LEFT, RIGHT = (122, 200), (438, 200)  # left edge and width of the sockets' boxes
NUMBERS = (6, 658)  # left edges of the descriptors' boxes
SLOT, SLOTS = 13, 10  # a place in the accept queue, and how many are drawn
NOTHING = View()
ENDED = ("CLOSE_WAIT", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "LAST_ACK", "CLOSING", "CLOSE", "SYN_SENT", "SYN_RECV")
NO_DESCRIPTOR = {"waits": ("none yet", "waits for accept"), "kept": ("closed", "the kernel's"),
                 "elsewhere": ("elsewhere", "not from here")}  # fmt: skip


def playground(view: View, before: View = NOTHING) -> Drawing:
    """Draw the neighbourhood of the chosen socket: listeners with their queues, both ends of connections, the rest.

    Args: before: what the last picture showed; where more bytes lie at an end than then, they are seen to come.
    """
    waited = {(end.local, end.remote): _unread(end) for end in before.ends}
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
    for place, unit in enumerate(lines):
        y = TOP + place * ROW
        said.append(_joined(drawing, y, unit))
        for end, way in ((unit.server, 1), (unit.client, -1)):
            if unit.client and unit.server and end and _unread(end) > waited.get((end.local, end.remote), 0):
                drawing.travel(*((LEFT[0] + LEFT[1], y + BOX / 2), (RIGHT[0], y + BOX / 2))[::way])
        for side, end in enumerate((unit.client, unit.server)):
            if end:
                _end(drawing, y, side, end, end.name == view.chosen and bool(end.name))
    if view.hidden:
        note = f"{view.hidden} more socket{'s are' if view.hidden > 1 else ' is'} here: choose one to see it."
        drawing.text(380, height - 14, note, "muted", anchor="middle")
        said.append(note)
    drawing.alt = " ".join(said) or "The playground is empty."
    return drawing


def _unread(end: SocketEnd) -> int:
    return end.row.receive_queue or 0 if end.row and not end.listens else 0


def _lines(view: View) -> list[Unit]:
    """Put each listener and each connection on a line, a listener above what came to its port; then singles by two."""
    joined = [unit for unit in view.units if unit.kind != "single"]
    ports = [end.local.port for unit in joined for end in unit.ends if end.listens and end.local]

    def order(unit: Unit) -> tuple[int, bool]:
        own = [endpoint.port for end in unit.ends for endpoint in (end.local, end.remote) if endpoint]
        return min((ports.index(port) for port in own if port in ports), default=len(ports)), unit.kind != "listener"

    single = [end for unit in view.units if unit.kind == "single" for end in unit.ends]
    pairs = zip_longest(single[::2], single[1::2])
    return sorted(joined, key=order) + [Unit("single", left, right) for left, right in pairs]


def _joined(drawing: Drawing, y: float, unit: Unit) -> str:
    """Draw what stands between the two ends of a line; return the sentence that says the same."""
    left, right, middle = unit.client, unit.server, y + BOX / 2
    from_to = LEFT[0] + LEFT[1] + 3, middle, RIGHT[0] - 3, middle
    if unit.kind == "single":  # a UDP socket and its peer, perhaps
        if left and right and left.remote and left.remote == right.local:
            drawing.line(*from_to, "quiet", dashed=True, arrow=True)
        return " ".join(f"{_said(end)}." for end in unit.ends)
    if right and unit.kind == "listener":
        return f"{_said(right)}. {_queue(drawing, y, right)}"
    said = "; and ".join(_said(end) for end in unit.ends)
    if left and right:
        joined = left.state == right.state == "ESTABLISHED"
        drawing.line(*from_to, "connection" if joined else "quiet", dashed=not joined)
        return f"A connection: {said}."
    side = RIGHT if left else LEFT
    drawing.box(side[0], y, side[1], BOX, "quiet", dashed=True)
    drawing.text(side[0] + side[1] / 2, middle, "no row at the other end", "muted", 12, "middle")
    return f"{said}; the other end has no row."


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
    headings = ("socket", "number", "protocol", "local endpoint", "remote endpoint", "state", "receive queue",
                "send queue", "inode")  # fmt: skip
    return Table("The same sockets in the kernel's table.", headings, tuple(map(_row, view.ends)),
                 (12, 6, 8, 22, 22, 12, 13, 10, 9))  # fmt: skip


def _row(end: SocketEnd) -> tuple[str, ...]:
    number = "-" if end.descriptor is None else str(end.descriptor)
    queues, inode = ["-", "-"], "-"
    if end.row:
        queues = ["?" if count is None else str(count) for count in (end.row.receive_queue, end.row.send_queue)]
        inode = "-" if end.row.inode is None else str(end.row.inode or "none")
    local, remote = (str(endpoint or "-") for endpoint in (end.local, end.remote))
    return (end.name or "-", number, end.protocol, local, remote, end.state, *queues, inode)
