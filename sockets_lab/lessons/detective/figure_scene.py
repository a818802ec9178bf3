"""The picture of a broken machine: its nodes, the programs on them, what these hold, and what a customer finds.

It shows what the kernels and the programs say, and nothing else: not what is wrong.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sockets_lab.figures.drawing import Drawing
from sockets_lab.lessons.detective import Scene, Visit
from sockets_lab.model import Endpoint, SocketRow

TITLE = "A machine with its customers: programs, sockets, and how a visit goes."
WIDTH, NODE, PAD = 760, 314, 10  # pixels: the picture, a node's box, from an edge to what is inside
TOP, LINE, GAP = 40, 17, 8  # a node's title, a line of text, between boxes
LETTERS = 17  # characters of a line between the nodes
NOBODY, UNTOLD = "no program holds", "not told here who holds"
REACHED = ("served", "another answer", "no answer", "closed")  # outcomes with a connection, or an answer


@dataclass(frozen=True)
class Held:
    """One box: a socket, or connections of one kind. lines: the first in bold."""

    role: str
    lines: tuple[str, ...]

    @property
    def height(self) -> int:
        return 10 + LINE * len(self.lines)


@dataclass(frozen=True)
class Group:
    """A program, or nobody, with what it holds."""

    role: str
    name: str
    about: str
    items: tuple[Held, ...]

    @property
    def height(self) -> int:
        return 26 + LINE * bool(self.about) + sum(item.height + GAP for item in self.items)


def scene(scene: Scene) -> Drawing:
    """Draw a machine: in the nodes A and B their programs, with their sockets and connections.

    Where the scene has a visit, an arrow leads from the customer to where customers come, with its outcome.
    """
    drawing = Drawing(TITLE, "", WIDTH, 0)
    said, bottoms = [], []
    for name, left in (("A", 4), ("B", WIDTH - 4 - NODE)):
        address = scene.addresses[name]
        first, groups = _first(scene, name), _groups(scene, name)
        height = TOP + first.height + GAP + sum(group.height + GAP for group in groups) + 2
        drawing.box(left, 4, NODE, height, "quiet")
        drawing.text(left + PAD + 2, 22, name, bold=True, size=15)
        drawing.text(left + PAD + 22, 22, address, mono=True, size=14)
        said.append(f"Node {name} has the address {address}. {', '.join(first.lines)}.")
        y = 4.0 + TOP
        _held(drawing, left + PAD, y, NODE - 2 * PAD, first)
        y += first.height + GAP
        for group in groups:
            said.append(_group(drawing, left + PAD, y, group))
            y += group.height + GAP
        bottoms.append(4 + height)
    if scene.visit:
        said.append(_visit(drawing, scene.visit, 4 + TOP + _first(scene, "A").height / 2))
    drawing.height, drawing.alt = int(max(bottoms) + 8), " ".join(said)
    return drawing


def _first(scene: Scene, node: str) -> Held:
    """Say of A which ports its kernel may choose for a customer, and of B where the customers come."""
    if node == "A":
        ports = "not told here" if scene.range is None else f"{scene.range[0]} to {scene.range[1]}"
        return Held("packet", ("Customers", f"ephemeral ports: {ports}"))
    where = "Here customers come" if scene.endpoint.address == scene.addresses["B"] else "Customers come to the gateway"
    return Held("packet", (where, f"{scene.protocol.upper()} {scene.endpoint}"))


def _groups(scene: Scene, node: str) -> list[Group]:
    """Sort what a node has by who holds it."""
    rows = scene.rows[node]
    served = {row.local.port for row in rows if row.state == "LISTEN"}
    served |= {scene.endpoint.port} if node == "B" else set()
    pids = {one.pid for one in scene.programs}

    def held_by(pid: int) -> tuple[Held, ...]:
        return _items([row for row in rows if pid in {owner.pid for owner in row.owners or ()}], served)

    groups = []
    for one in scene.programs:
        if one.node == node and one.pid is None:
            groups.append(Group("quiet", one.name, "has ended", ()))
        elif one.node == node and one.pid is not None:
            state = "suspended" if one.suspended else "runs as"
            many = "? descriptors" if one.descriptors is None else f"{one.descriptors} descriptors"
            groups.append(Group("descriptor", one.name, f"{state} process {one.pid}, {many}", held_by(one.pid)))
    strangers = {owner.pid: owner for row in rows for owner in row.owners or () if owner.pid not in pids}
    groups += [Group("descriptor", one.program, f"process {pid}", held_by(pid)) for pid, one in strangers.items()]
    if nobodys := [row for row in rows if not row.owners]:
        untold = any(row.owners is None for row in nobodys)
        groups.append(Group("quiet", UNTOLD if untold else NOBODY, "", _items(nobodys, served)))
    return groups


def _items(rows: Iterable[SocketRow], served: set[int]) -> tuple[Held, ...]:
    """Make a box for each socket that awaits customers, and one for all connections of one kind."""
    awaiting = tuple(_awaiting(row) for row in rows if not row.remote.port)
    kinds = Counter(
        (row.protocol, row.state, row.local if at else Endpoint(row.local.address, 0),
         Endpoint(row.remote.address, 0) if at else row.remote)
        for row in rows if row.remote.port for at in (row.local.port in served,)
    )  # fmt: skip
    return awaiting + tuple(_connections(count, *kind) for kind, count in kinds.items())


def _awaiting(row: SocketRow) -> Held:
    waiting = row.receive_queue
    if row.state == "LISTEN":
        told = "how many wait: not told" if waiting is None else f"{waiting} of {row.send_queue} wait for accept"
        return Held("listener", (f"{row.protocol} {row.local}", f"LISTEN, {told}"))
    bytes_ = f", {waiting} bytes to be read" if waiting else ""
    return Held("listener", (f"{row.protocol} {row.local}", f"{row.state}{bytes_}"))


def _connections(count: int, protocol: str, state: str, local: Endpoint, remote: Endpoint) -> Held:
    told = f"to {remote}" if remote.port else f"from {remote.address} to port {local.port}"
    return Held("connection", (f"{count} x {state}", f"{protocol} {told}"))


def _held(drawing: Drawing, left: float, top: float, width: float, item: Held) -> None:
    drawing.box(left, top, width, item.height, item.role)
    for number, line in enumerate(item.lines):
        mono = number == 0 and item.role == "listener"
        drawing.text(left + PAD, top + 14 + LINE * number, line, size=12, bold=number == 0, mono=mono)


def _group(drawing: Drawing, left: float, top: float, group: Group) -> str:
    """Draw a program and what it holds; return the sentence that says the same."""
    width = NODE - 2 * PAD
    drawing.box(left, top, width, group.height, group.role, dashed=group.role == "quiet")
    drawing.text(left + PAD, top + 14, group.name, size=13, bold=bool(group.about))
    if group.about:
        drawing.text(left + PAD, top + 14 + LINE, group.about, "muted", 12)
    y = top + 26 + LINE * bool(group.about)
    for item in group.items:
        _held(drawing, left + PAD, y, width - 2 * PAD, item)
        y += item.height + GAP
    holds = "; ".join(", ".join(item.lines) for item in group.items) or "no socket"
    return f"{group.name} {group.about}; it holds: {holds}." if group.about else f"{group.name}: {holds}."


def _visit(drawing: Drawing, visit: Visit, y: float) -> str:
    """Draw a customer's visit between the nodes; return the sentence that says the same."""
    role = "connection" if visit.served else "refused"
    drawing.line(4 + NODE + 2, y, WIDTH - 4 - NODE - 4, y, role, dashed=visit.outcome not in REACHED, arrow=True)
    drawing.text(WIDTH / 2, y - 13, visit.outcome, "ink" if visit.served else role, 12, "middle", bold=True)
    for number, line in enumerate(textwrap.wrap(visit.refused.name if visit.refused else visit.said, LETTERS)):
        drawing.text(WIDTH / 2, y + 14 + 15 * number, line, "muted", 11, "middle")
    return f"A customer's visit: {visit}."
