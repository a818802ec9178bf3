"""The picture of a broken machine: what its kernels and programs say, and what a customer finds; not what is wrong."""

import textwrap
from collections import Counter
from collections.abc import Iterable

from sockets_lab.figures.drawing import Drawing
from sockets_lab.lessons.detective import Scene, Seen, Visit
from sockets_lab.model import SocketRow

TITLE = "A machine with its customers: programs, sockets, and how a visit goes."
WIDTH, NODE, PAD = 760, 314, 10  # pixels: the picture, a node's box, from an edge to what is inside
TOP, LINE, GAP = 40, 17, 8  # a node's title, a line of text, between boxes
LETTERS = 17  # characters of a line between the nodes
REACHED = ("served", "another answer", "no answer", "closed")  # outcomes with a connection, or an answer

Held = tuple[str, str, str]  # a socket, or connections of one kind: role, and two lines
Box = tuple[str, str, str, list[Held]]  # role, name, what is said of it, what it holds


def scene(scene: Scene) -> Drawing:
    """Draw a machine: in A and B their programs, with what each holds; and with an arrow a customer's visit."""
    drawing = Drawing(TITLE, "", WIDTH, 0)
    said, bottoms = [], []
    for name, left in (("A", 4.0), ("B", WIDTH - 4.0 - NODE)):
        boxes = [_first(scene, name), *_boxes(scene, name)]
        bottoms.append(4 + TOP + sum(_height(one) + GAP for one in boxes))
        drawing.box(left, 4, NODE, bottoms[-1] - 4, "quiet")
        drawing.text(left + PAD + 2, 22, name, bold=True, size=15)
        drawing.text(left + PAD + 22, 22, scene.addresses[name], mono=True, size=14)
        said.append(f"Node {name} has the address {scene.addresses[name]}.")
        y = 4.0 + TOP
        for one in boxes:
            said.append(_box(drawing, left + PAD, y, one))
            y += _height(one) + GAP
    if scene.visit:
        said.append(_visit(drawing, scene.visit, 4 + TOP + LINE + 5))
    drawing.height, drawing.alt = int(max(bottoms) + 8), " ".join(said)
    return drawing


def _first(scene: Scene, node: str) -> Box:
    """Say of A which ports its kernel may choose for a customer, and of B where the customers come."""
    if node == "A":
        ports = "not told here" if scene.range is None else f"{scene.range[0]} to {scene.range[1]}"
        return "packet", "Customers", f"ephemeral ports: {ports}", []
    here = scene.endpoint.address == scene.addresses["B"]
    where = "Here customers come" if here else "Customers come to the gateway"
    return "packet", where, f"{scene.protocol.upper()} {scene.endpoint}", []


def _boxes(scene: Scene, node: str) -> list[Box]:
    """Sort what a node has by who holds it."""
    rows = scene.rows[node]
    served = {row.local.port for row in rows if row.state == "LISTEN"}
    served |= {scene.endpoint.port} if node == "B" else set()
    known = {one.pid for one in scene.programs}
    mine = {one.pid: one for one in scene.programs if one.node == node and one.pid is not None}
    owners = {owner.pid: owner.program for row in rows for owner in row.owners or () if owner.pid not in known}
    boxes: list[Box] = [("quiet", one.name, "has ended", []) for one in scene.programs
                        if one.node == node and one.pid is None]  # fmt: skip
    for pid in (*mine, *owners):
        held = [row for row in rows if pid in [owner.pid for owner in row.owners or ()]]
        about = _about(mine[pid]) if pid in mine else f"process {pid}"
        boxes.append(("descriptor", mine[pid].name if pid in mine else owners[pid], about, _items(held, served)))
    if rest := [row for row in rows if not row.owners]:
        untold = any(row.owners is None for row in rest)
        boxes.append(("quiet", "not told here who holds" if untold else "no program holds", "", _items(rest, served)))
    return boxes


def _about(one: Seen) -> str:
    many = "?" if one.descriptors is None else one.descriptors
    return f"{'suspended' if one.suspended else 'runs as'} process {one.pid}, {many} descriptors"


def _items(rows: Iterable[SocketRow], served: set[int]) -> list[Held]:
    """Make an item of each socket that awaits customers, and one of all connections of one kind."""
    items = [("listener", f"{row.protocol} {row.local}", _waits(row)) for row in rows if not row.remote.port]
    kinds = Counter(
        (row.protocol, row.state, f"from {row.remote.address} to port {row.local.port}"
         if row.local.port in served else f"to {row.remote}")
        for row in rows if row.remote.port
    )  # fmt: skip
    return [*items, *(("connection", f"{many} x {kind[1]}", f"{kind[0]} {kind[2]}") for kind, many in kinds.items())]


def _waits(row: SocketRow) -> str:
    waiting = row.receive_queue
    if row.state != "LISTEN":
        return f"{row.state}, {waiting} bytes to be read" if waiting else row.state
    told = "how many wait: not told" if waiting is None else f"{waiting} of {row.send_queue} wait for accept"
    return f"LISTEN, {told}"


def _height(box: Box) -> float:
    return 10 + LINE * (1 + bool(box[2]) + 2 * len(box[3])) + GAP * len(box[3])


def _box(drawing: Drawing, left: float, top: float, box: Box) -> str:
    """Draw a program and what it holds; return the sentence that says the same."""
    role, name, about, items = box
    drawing.box(left, top, NODE - 2 * PAD, _height(box), role, dashed=role == "quiet")
    drawing.text(left + PAD, top + 14, name, size=13, bold=bool(about))
    if about:
        drawing.text(left + PAD, top + 14 + LINE, about, "muted", 12)
    y = top + 8 + LINE * (1 + bool(about)) + GAP / 2
    for kind, first, second in items:
        drawing.box(left + PAD, y, NODE - 4 * PAD, 2 * LINE + 2, kind)
        drawing.text(left + 2 * PAD, y + 10, first, size=12, bold=True, mono=kind == "listener")
        drawing.text(left + 2 * PAD, y + 10 + LINE, second, size=12)
        y += 2 * LINE + GAP
    if role == "packet":
        return f"{name}, {about}."
    holds = "; ".join(f"{first}, {second}" for _, first, second in items) or "no socket"
    return f"{name} {about}; it holds: {holds}." if about else f"{name}: {holds}."


def _visit(drawing: Drawing, visit: Visit, y: float) -> str:
    """Draw a customer's visit between the nodes; return the sentence that says the same."""
    role = "connection" if visit.served else "refused"
    drawing.line(4 + NODE + 2, y, WIDTH - 4 - NODE - 4, y, role, dashed=visit.outcome not in REACHED, arrow=True)
    drawing.text(WIDTH / 2, y - 13, visit.outcome, "ink" if visit.served else role, 12, "middle", bold=True)
    for number, line in enumerate(textwrap.wrap(visit.refused.name if visit.refused else visit.said, LETTERS)):
        drawing.text(WIDTH / 2, y + 14 + 15 * number, line, "muted", 11, "middle")
    return f"A customer's visit: {visit}."
