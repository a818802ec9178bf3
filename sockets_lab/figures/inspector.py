"""What the inspector shows beside the notebook: a table that follows the sockets, and the same news in words."""

from html import escape

from sockets_lab.figures.marks import ROLES, role_of
from sockets_lab.model import SocketRow, spelled
from sockets_lab.watch.sockets import Shown, View

HEADINGS = ("Descriptor", "Endpoints", "State, queues")
SAID = 3  # sockets; of more only the number is said
NO_ROW = "no row: it has no name yet"


def table(view: View) -> str:
    """Return the table's inside: a row for each socket, the newest first."""
    if not view.sockets:
        return ""
    head = "".join(f'<th scope="col">{heading}</th>' for heading in HEADINGS)
    return f"<thead><tr>{head}</tr></thead><tbody>{''.join(_row(one, view.at) for one in view.sockets)}</tbody>"


def _row(one: Shown, now: float) -> str:
    held, row = one.held, one.held.row
    numbers = "".join(f"<b>{number}</b>" for number in held.numbers) or "none"
    kind = f"<small>{held.type}</small>"
    remote = f"<br>{_endpoint(f'→ {row.remote}')}" if row and row.remote.port else ""
    role = f"--role:{ROLES[role_of(row)]};--age:{one.at - now:.2f}s"  # an animation that began before now
    cells = (
        f'<td>{numbers}{kind}</td><td colspan="2">{NO_ROW}</td>' if row is None else
        f"<td>{numbers}{kind}</td><td>{_endpoint(spelled(row.local, row.protocol))}{remote}</td>"
        f"<td>{row.state}<small>{_queues(row)}</small></td>"
    )  # fmt: skip
    mark = ' <span class="gone">closed</span>' if one.mark == "closed" else ""
    return f'<tr class="{one.mark}" style="{role}">{cells.replace("</td>", mark + "</td>", 1)}</tr>'


def _endpoint(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _queues(row: SocketRow) -> str:
    """Say in a few words what waits; for a listener connections, else bytes."""
    if row.receive_queue is None or row.send_queue is None:
        return "not told"
    if row.state == "LISTEN":
        return f"{row.receive_queue:,} of {row.send_queue:,} wait"
    waiting = [f"{count:,} {way}" for count, way in ((row.receive_queue, "in"), (row.send_queue, "out")) if count]
    return "<br>".join(waiting) or "empty"


def summary(view: View) -> str:
    """Say in one line how many sockets there are, and what is not shown."""
    said = {0: "No socket is open.", 1: "1 socket."}.get(view.count, f"{view.count:,} sockets.")
    if view.more:
        said += f" The newest {len(view.sockets)} are shown, {view.more:,} more are not."
    return said + (f" Left out: {view.jupyter} of Jupyter's own." if view.jupyter else "")


def news(view: View) -> list[str]:
    """Say what has just changed: a sentence for each socket, or how many where they are many; nothing at first."""
    changed = [one for one in view.news if one.mark]
    return [f"{len(changed):,} changes."] if len(changed) > SAID else [_told(one) for one in changed]


def _told(one: Shown) -> str:
    held, row = one.held, one.held.row
    numbers = " and ".join(map(str, held.numbers))
    name = f"Descriptor {numbers}, {held.type}" if numbers else f"{held.type} without descriptor"
    if one.mark == "closed":
        return f"{name}: closed."
    if row is None:
        return f"{name}: {one.mark}, no name yet."
    where, queues = spelled(row.local, row.protocol), _queues(row).replace("<br>", ", ")
    return f"{name}: {one.mark}, {where}, {row.state}, queues {queues}."
