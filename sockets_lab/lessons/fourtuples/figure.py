"""The pictures of lesson 05: connections from both ends, and the four parts that tell two of them apart."""

from collections.abc import Sequence

from sockets_lab.errors import Refused
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import role_of
from sockets_lab.figures.tables import Table
from sockets_lab.lessons.fourtuples import Connection, ConnectionEnd, Delivery, TupleTrials
from sockets_lab.model import SocketRow

ROW = 58  # pixels from one connection to the next
TOP = 122
BOX = 44
CLIENT, SERVER = (88, 196), (476, 196)  # left edge and width of the boxes with a connection's name
NUMBER = 62  # width of a descriptor's box


def both_ends(listener: SocketRow | None, number: int | None, connections: Sequence[Connection],
              delivery: Delivery | None = None) -> Drawing:  # fmt: skip
    """Draw a listener and its connections: each one's name at either end, its descriptors, and whom a `send` woke.

    Args: listener: its row in the socket table, and number: its descriptor, None = there is none; delivery: the
        last `send`, if any.
    """
    height = TOP + max(len(connections), 1) * ROW + 4
    drawing = Drawing("A listener and its connections, each seen from both ends.", "", 760, height)
    for x, text in ((155, "clients"), (605, "server")):
        drawing.text(x, 14, text, bold=True, anchor="middle")
    said = [_listener(drawing, listener, number)]
    drawing.line(8, 92, 752, 92, "quiet", dashed=True)
    for at, name_at in ((39, 186), (721, 574)):
        drawing.text(at, 107, "descriptor", "muted", size=11, anchor="middle")
        drawing.text(name_at, 107, "local endpoint and state", "muted", size=11, anchor="middle")
    if not connections:
        drawing.text(380, TOP + 20, "no client is here", "muted", anchor="middle")
        said.append("No client is here.")
    for place, connection in enumerate(connections):
        said.append(_connection(drawing, TOP + place * ROW, connection, delivery))
    drawing.alt = " ".join(said)
    return drawing


def _listener(drawing: Drawing, row: SocketRow | None, number: int | None) -> str:
    if number is None:
        drawing.box(SERVER[0], 34, SERVER[1], BOX, "quiet", dashed=True)
        drawing.text(SERVER[0] + SERVER[1] / 2, 34 + BOX / 2, "no listener is open", "muted", anchor="middle")
        return "No listener is open."
    name = "?" if row is None else str(row.local)
    drawing.box(SERVER[0], 34, SERVER[1], BOX, "listener", name, "LISTEN")
    drawing.box(690, 34, NUMBER, BOX, "descriptor", str(number))
    drawing.line(688, 34 + BOX / 2, 674, 34 + BOX / 2, "descriptor", arrow=True)
    queue = "how many wait for accept: not told here"
    if row is not None and row.receive_queue is not None:
        queue = f"{row.receive_queue} wait{'s' * (row.receive_queue == 1)} for accept, backlog {row.send_queue}"
    drawing.text(464, 34 + BOX / 2, queue, "muted", anchor="end")
    return f"The listener is descriptor {number}, named {name}; {queue}."


def _connection(drawing: Drawing, y: float, connection: Connection, delivery: Delivery | None) -> str:
    """Draw one connection as a line between its two ends; return the sentence that says the same."""
    middle = y + BOX / 2
    forth = delivery is not None and delivery.along == connection.client.four_tuple
    back = delivery is not None and delivery.along == connection.server.four_tuple
    half_made = connection.server.row is None
    drawing.line(CLIENT[0] + CLIENT[1] + 3, middle, SERVER[0] - 3, middle, "packet" if forth or back else
                 "quiet" if half_made else "connection", dashed=half_made, arrow=forth)  # fmt: skip
    ends = (CLIENT[0] + CLIENT[1] + 3, middle), (SERVER[0] - 3, middle)
    if back:
        drawing.line(*ends[1], *ends[0], "packet", arrow=True)
    if forth or back:
        drawing.travel(*(ends if forth else reversed(ends)))
    label = f"connection {connection.number}"
    if delivery is not None and (forth or back):
        label += f": {_bytes(delivery)}"
    drawing.text(380, middle - 13, label, "ink" if forth or back else "muted", size=12, anchor="middle")
    woken = () if delivery is None else delivery.woken
    _end(drawing, y, CLIENT, 8, connection.client, woken)
    _end(drawing, y, SERVER, 690, connection.server, woken)
    moved = f" {_bytes(delivery)} just went along it." if delivery is not None and (forth or back) else ""
    return (
        f"Connection {connection.number}: the client's end is {_said(connection.client, woken)}; "
        f"the server's end is {_said(connection.server, woken)}.{moved}"
    )


def _end(
    drawing: Drawing, y: float, place: tuple[int, int], number_at: int, end: ConnectionEnd, woken: tuple[int, ...]
) -> None:
    left, width = place
    middle = y + BOX / 2
    role = role_of(end.row)
    # The short arrow says that a number leads to a socket; without a number there is none.
    if end.descriptor is not None:
        wakes = end.descriptor in woken
        drawing.box(number_at, y, NUMBER, BOX, "packet" if wakes else "descriptor",
                    str(end.descriptor), *(["wakes"] if wakes else []))  # fmt: skip
        tip = left - 2 if number_at < left else left + width + 2
        start = number_at + NUMBER + 2 if number_at < left else number_at - 2
        drawing.line(start, middle, tip, middle, "descriptor", arrow=True)
    else:
        drawing.box(number_at, y, NUMBER, BOX, "quiet", "none", dashed=True)
    if end.row is None:
        drawing.box(left, y, width, BOX, role, "", dashed=True)
        drawing.text(left + width / 2, middle, "no row in the table", "muted", anchor="middle")
        return
    drawing.box(left, y, width, BOX, role, dashed=end.descriptor is None or end.state == "SYN_SENT")
    drawing.text(left + width / 2, y + 13, str(end.four_tuple.local), anchor="middle", bold=True, mono=True)
    unread = f", {end.unread} bytes" if end.unread else ""
    drawing.text(left + width / 2, y + 31, f"{end.state}{unread}", "muted", size=11, anchor="middle")


def _said(end: ConnectionEnd, woken: tuple[int, ...]) -> str:
    name = f"{end.four_tuple.local}, remote {end.four_tuple.remote}"
    if end.row is None:
        return f"{name}, not in the table"
    number = "no descriptor" if end.descriptor is None else f"descriptor {end.descriptor}"
    woke = ", which woke" if end.descriptor in woken else ""
    unread = f", {end.unread} bytes unread" if end.unread else ""
    return f"{name}, {end.state}, {number}{woke}{unread}"


def _bytes(delivery: Delivery) -> str:
    return f"{delivery.sent} byte{'s' * (delivery.sent != 1)}"


def trial_table(found: TupleTrials) -> Table:
    """Show the first connection, and which others the kernel made beside it."""
    first = ("(the first one)", str(found.first.local), str(found.first.remote), "made")
    rows = [first]
    for trial in found.trials:
        name = trial.asked if isinstance(trial.outcome, Refused) else trial.outcome
        outcome = trial.outcome.name if isinstance(trial.outcome, Refused) else "made"
        rows.append((trial.changed, str(name.local), str(name.remote), outcome))
    headings = ("what differs", "local endpoint", "remote endpoint", "the kernel")
    return Table("One connection, and others that differ from it in one part.", headings, tuple(rows), (16, 22, 22, 16))
