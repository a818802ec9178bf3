"""The pictures of lesson 06: hosts with their numbers and their socket tables, and the cables between them."""

from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import role_of
from sockets_lab.figures.tables import Table
from sockets_lab.lessons.two_nodes import Classic, Host, ThirdNode, View
from sockets_lab.model import FourTuple, SocketRow

WIDTH, HOST, BAR = 760, 320, 46  # pixels: the picture, one host's box, the switch between left and right hosts
NUMBER, SOCKET, MARGIN = 56, 210, 12  # a descriptor's box, a socket's box, from the host's edge to them
HEAD, LINE, GAP = 66, 16, 10  # a host's title and headings, a line of text, between sockets
LANE = 9  # between wires in the switch


@dataclass(frozen=True)
class Item:
    """One socket in a host's box: its row, its numbers, the lines of text in it, and where its middle lies."""

    row: SocketRow
    numbers: tuple[int, ...]
    lines: tuple[str, ...]
    y: float = 0.0

    @property
    def height(self) -> int:
        return 14 + LINE * len(self.lines)


def network(view: View, note: str = "", along: FourTuple | None = None) -> Drawing:
    """Draw each node of a lab: the numbers of its process, the rows of its socket table, its cable to the switch.

    The first node stands on the left, the second on the right, and so on. Connections of which both ends are there are
    joined by a line. Args: note: a sentence for the foot of the picture; along: the sender's name
    of the connection along which bytes have just gone.
    """
    title = "Nodes, their descriptor tables and socket tables, and what joins them."
    drawing = Drawing(title, "", WIDTH, 0)
    if not view.hosts:
        drawing.height, drawing.alt = 60, "No lab is open."
        drawing.text(WIDTH / 2, 30, "no lab is open", "muted", anchor="middle")
        return drawing
    tops, boxes = [6.0, 6.0], []
    for turn, host in enumerate(view.hosts):
        top = tops[turn % 2]
        items = _items(host, top + HEAD)
        bottom = max((item.y + item.height / 2 for item in items), default=top + HEAD + 24) + MARGIN
        boxes.append((host, turn % 2, top, bottom, items))
        tops[turn % 2] = bottom + 18
    height = max(tops) - 12
    left = (WIDTH - BAR) / 2
    drawing.box(left, 6, BAR, height - 12, "quiet", dashed=view.kind != "namespaces")
    drawing.text(WIDTH / 2, 20, "switch" if view.kind == "namespaces" else "loop-", "muted", 12, "middle")
    if view.kind != "namespaces":
        drawing.text(WIDTH / 2, 36, "back", "muted", 12, "middle")
    ends: dict[FourTuple, tuple[int, float, Host]] = {}
    said = [_host(drawing, *box) for box in boxes]
    for host, side, _, _, items in boxes:
        ends |= {item.row.four_tuple: (side, item.y, host) for item in items if item.row.remote.port}
    said += _wires(drawing, ends, along)
    if note:
        drawing.text(6, height + 8, note, "muted", 12)
    drawing.height = int(height + 22 * bool(note))
    drawing.alt = " ".join([*said, note]).strip()
    return drawing


def _items(host: Host, top: float) -> list[Item]:
    """Place a host's sockets below one another."""
    items = []
    for row in host.rows:
        item = Item(row, host.number_of(row), _lines(row))
        items.append(Item(row, item.numbers, item.lines, top + item.height / 2))
        top += item.height + GAP
    return items


def _lines(row: SocketRow) -> tuple[str, ...]:
    lines = [f"{row.protocol} {row.state}", f"{row.local}"]
    if row.remote.port:
        lines.append(f"to {row.remote}")
    waiting = (("waiting for accept", row.receive_queue),) if row.state == "LISTEN" else (
        ("bytes to be read", row.receive_queue), ("bytes not yet confirmed", row.send_queue))  # fmt: skip
    return (*lines, *(f"{count} {what}" for what, count in waiting if count))


def _host(drawing: Drawing, host: Host, side: int, top: float, bottom: float, items: list[Item]) -> str:
    """Draw one host; return the sentences that say the same."""
    left = 4 if side == 0 else WIDTH - 4 - HOST
    numbers = left + MARGIN if side == 0 else left + HOST - MARGIN - NUMBER
    sockets = left + HOST - MARGIN - SOCKET if side == 0 else left + MARGIN
    drawing.box(left, top, HOST, bottom - top, "quiet")
    drawing.text(left + MARGIN, top + 18, host.name, bold=True, size=15)
    drawing.text(left + MARGIN + 22, top + 18, host.address, mono=True, size=14)
    _cable(drawing, host.cable, side, left, top + 18)
    said = [f"Node {host.name} has the address {host.address}."]
    if host.cable:
        said.append(f"Its cable is {host.cable}.")
    if items:
        drawing.text(numbers + NUMBER / 2, top + 48, "descriptor", "muted", 12, "middle")
        drawing.text(sockets + SOCKET / 2, top + 48, "socket, in this node's table", "muted", 12, "middle")
    else:
        drawing.text(left + HOST / 2, top + 58, "no socket, no descriptor", "muted", anchor="middle")
        said.append("Its socket table is empty.")
    for item in items:
        said.append(_socket(drawing, host, item, side, numbers, sockets))
    return " ".join(said)


def _cable(drawing: Drawing, cable: str, side: int, left: float, y: float) -> None:
    x1, x2 = (left + HOST, (WIDTH - BAR) / 2) if side == 0 else (left, (WIDTH + BAR) / 2)
    drawing.line(x1, y, x2, y, "refused" if cable == "cut" else "muted", dashed=bool(cable))
    if cable:
        drawing.text(left + HOST - MARGIN, y, f"cable {cable}", "refused", 12, "end", bold=True)


def _socket(drawing: Drawing, host: Host, item: Item, side: int, numbers: float, sockets: float) -> str:
    row, top = item.row, item.y - item.height / 2
    drawing.box(sockets, top, SOCKET, item.height, role_of(row))
    for place, text in enumerate(item.lines):
        mono = place == 1 or text.startswith("to ")
        drawing.text(sockets + 10, top + 15 + LINE * place, text, size=12, bold=place == 0, mono=mono)
    known = " and ".join(map(str, item.numbers))
    label = known or ("?" if row.inode is None else "none" if row.inode == 0 else "outside")
    drawing.box(numbers, item.y - 16, NUMBER, 32, "descriptor" if known else "quiet", dashed=not known)
    drawing.text(numbers + NUMBER / 2, item.y, label.replace(" and ", ", "), "ink" if known else "muted",
                 13 if len(label) < 6 else 11, "middle", bold=bool(known), mono=bool(known))  # fmt: skip
    if known:
        start, end = (numbers + NUMBER, sockets - 3) if side == 0 else (numbers, sockets + SOCKET + 3)
        drawing.line(start, item.y, end, item.y, "descriptor", arrow=True)
    who = f"descriptor {known}" if known else "no descriptor of its process"
    more = "".join(f", {line}" for line in item.lines[2:])
    return f"In its table: {row.protocol} {row.local} {row.state}{more}; {who} stands for it."


def _wires(drawing: Drawing, ends: dict[FourTuple, tuple[int, float, Host]], along: FourTuple | None) -> list[str]:
    """Join the two ends of each connection, through a lane of its own in the switch."""
    pairs = [(one, two) for one in ends if (two := one.reversed()) in ends and one < two]
    said = []
    for turn, (one, two) in enumerate(sorted(pairs, key=lambda pair: _lane(ends[pair[0]], ends[pair[1]]))):
        lane = WIDTH / 2 + LANE * (turn - (len(pairs) - 1) / 2)
        (left, y1, host), (right, y2, other) = ends[one], ends[two]
        cut = "cut" in (host.cable, other.cable)
        for x, y in ((_edge(left), y1), (_edge(right), y2)):
            drawing.line(x, y, lane, y, "connection", dashed=cut)
        drawing.line(lane, y1, lane, y2, "connection", dashed=cut)
        way = (_edge(left), y1), (lane, y1), (lane, y2), (_edge(right), y2)
        if along in (one, two):
            drawing.travel(*(way if along == one else reversed(way)))
        said.append(f"{one.local} at {host.name} and {two.local} at {other.name} are the two ends of one connection.")
    return said


def _lane(one: tuple[int, float, Host], two: tuple[int, float, Host]) -> tuple[bool, float]:
    """Order connections from left to right, so that one's wire from the left ends before another's begins beside it."""
    (_, y1, _), (_, y2, _) = sorted((one, two), key=lambda end: end[:2])
    return (y1 > y2, -y1 if y1 <= y2 else y1)


def _edge(side: int) -> float:
    return 4 + HOST - MARGIN if side == 0 else WIDTH - 4 - HOST + MARGIN


def classic(found: Classic) -> Drawing:
    """Draw the classic example while its connection stood."""
    client, server = found.connection.client, found.connection.server
    here, there = (f"{end.number} at {end.node}" for end in (client, server))
    came = (f"{here} -> {there}: {_said(found.at_server)}", f"{there} -> {here}: {_said(found.at_client)}")
    return network(found.view, ";   ".join(came))


def third(found: ThirdNode) -> Table:
    """Show what a third node knows of a connection between two others."""
    seen = "cannot be captured here"
    if found.seen is not None:
        seen = f"{', '.join(found.seen) or 'nothing'}; a word of what they said: {'yes' if found.heard else 'no'}"
    rows = (
        ("rows of its table that name one of them", str(found.named)),
        ("what came along its cable while they spoke", seen),
        ("to connect from A's address and port", found.taking.name if found.taking else "taken"),
        ("its own connection to B, as B sees it", f"{found.own}"),
    )
    return Table("What node C knows of A's connection to B.", ("C asks or tries", "the answer"), rows, (44, 50))


def _said(answer: bytes | Refused) -> str:
    return "nothing" if isinstance(answer, Refused) else repr(answer)
