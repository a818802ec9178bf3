"""The pictures of lesson 02: who reaches a bound socket, the names of a conversation, the answers to bind."""

from collections.abc import Iterable, Sequence

from sockets_lab.errors import Refused
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.tables import Table
from sockets_lab.lessons.binding import NOT_TRIED, Audience, BindTrial, Conversation, LowPort, Names, Place, Reach
from sockets_lab.model import Endpoint

WIDTH = 760
ROW = 48  # pixels from one row to the next
BOX = 40
TOP = 66


def reach_matrix(audiences: Sequence[Audience]) -> Drawing:
    """Draw which destination (column) leads to a socket bound to which address (row)."""
    columns = next(([reach.destination.address for reach in one.reaches] for one in audiences if one.reaches), [])
    drawing = Drawing("Which address leads to a socket bound to which.", "", WIDTH, TOP + len(audiences) * ROW + 4)
    left, width = 260, (WIDTH - 268) / max(len(columns), 1)
    drawing.text(10, 18, "the socket is bound to", "muted")
    drawing.text(left, 18, "a client on this machine knocks at", "muted")
    for number, address in enumerate(columns):
        drawing.text(left + (number + 0.5) * width - 4, 44, address, anchor="middle", bold=True, mono=True)
    said = []
    for number, one in enumerate(audiences):
        y = TOP + number * ROW
        drawing.text(10, y + 10, one.place.address, bold=True, mono=True)
        drawing.text(10, y + 29, one.place.kind, "muted", size=12)
        said.append(f"Bound to {one.place.address} ({one.place.kind}): {_said(one)}.")
        if one.trial.refused:
            answer = f"bind refused: {one.trial.refused.name}"
            drawing.box(left, y, WIDTH - left - 16, BOX, "refused", answer, dashed=True)
        for column, reach in enumerate(one.reaches):
            role = "connection" if reach.reached else "refused"
            drawing.box(left + column * width, y, width - 8, BOX, role, *_cell(reach), dashed=not reach.reached)
    drawing.alt = " ".join(said)
    return drawing


def _cell(reach: Reach) -> tuple[str, ...]:
    if reach.seen_as is None:
        return (reach.refused.name if reach.refused else "another socket",)
    return ("reached", reach.seen_as.address) if reach.mapped else ("reached",)


def _said(audience: Audience) -> str:
    if audience.trial.refused:
        return f"bind refused, {audience.trial.refused.name}"
    return ", ".join(f"{' as '.join(_cell(reach))} at {reach.destination.address}" for reach in audience.reaches)


def bound_socket(trial: BindTrial | None, reaches: Sequence[Reach] = (), listening: bool = False) -> Drawing:
    """Draw one bound socket, what its row says, and the clients that knocked at its port.

    Args: trial: None = no socket is open. listening: a TCP socket that is ready for clients.
    """
    height = max(TOP + max(len(reaches), 1) * ROW + 10, 216)
    middle = (TOP + height - 60) / 2
    drawing = Drawing("A bound socket and who can reach it.", "No socket is open.", WIDTH, height)
    drawing.text(120, 18, "a client on this machine", "muted", anchor="middle")
    drawing.text(120, 38, "knocks at", bold=True, anchor="middle")
    drawing.text(580, 18, "the kernel", "muted", anchor="middle")
    drawing.text(580, 38, "the socket and its endpoint", bold=True, anchor="middle")
    if trial is None:
        drawing.text(580, middle, "no socket is open", "muted", anchor="middle")
        return drawing
    role = "refused" if trial.refused else "listener" if listening and trial.protocol == "tcp" else "endpoint"
    lines, row = _socket_lines(trial), "none"
    if trial.row:
        row = f"{trial.row.protocol} {trial.row.local} {trial.row.state}"
    drawing.box(415, middle - 40, 330, 80, role, *lines, dashed=bool(trial.refused))
    drawing.text(580, middle + 63, "row in the socket table", "muted", anchor="middle")
    drawing.text(580, middle + 83, row, anchor="middle", mono=True, size=12)
    if not reaches and not trial.refused:
        drawing.text(120, middle, "nobody has knocked yet", "muted", anchor="middle")
    for number, reach in enumerate(reaches):
        _knock(drawing, TOP + number * ROW, middle, reach)
    knocks = [f"A client at {reach.destination}: {' as '.join(_cell(reach))}." for reach in reaches]
    drawing.alt = " ".join([f"{', '.join(lines)}.", f"Row in the socket table: {row}.", *knocks])
    return drawing


def _socket_lines(trial: BindTrial) -> tuple[str, ...]:
    kind = trial.protocol.upper()
    if trial.refused:
        return f"{trial.call} refused: {trial.refused.name}", trial.asked.address, f"{kind} port {trial.asked.port}"
    name = trial.name or trial.asked
    return "bound to", name.address, f"{kind} port {name.port}"


def _knock(drawing: Drawing, y: float, to_y: float, reach: Reach) -> None:
    center = y + BOX / 2
    role = "connection" if reach.reached else "quiet" if reach.refused == NOT_TRIED else "refused"
    seen = [f"as {reach.seen_as.address}"] if reach.seen_as and reach.mapped else []
    drawing.box(10, y, 220, BOX, role, str(reach.destination), *seen, dashed=not reach.reached)
    if reach.reached:
        drawing.line(230, center, 413, to_y, role, arrow=True)
    else:
        drawing.line(230, center, 262, center, role, dashed=True)
        drawing.text(268, center, _cell(reach)[0], mono=True, size=12)


def names_by_call(conversation: Conversation) -> Drawing:
    """Draw both names of every socket of a conversation after every call; one color a port number."""
    steps = conversation.names
    drawing = Drawing("The names of the sockets of one conversation, call by call.", "", WIDTH, TOP + len(steps) * ROW)
    for x, text in ((10, "after this call"), (355, "local endpoint"), (617, "remote endpoint")):
        drawing.text(x, 38, text, bold=True, anchor="start" if x == 10 else "middle")
    said = []
    for number, step in enumerate(steps):
        y = TOP + number * ROW
        drawing.text(10, y + BOX / 2, f"{step.who}: {step.after}", mono=True)
        for x, name in ((230, step.local), (492, step.remote)):
            _name(drawing, x, y, name, _ports(steps))
        said.append(f"{step.who} after {step.after}: local {_word(step.local)}, remote {_word(step.remote)}.")
    drawing.alt = " ".join(said)
    return drawing


def _ports(steps: Iterable[Names]) -> dict[int, str]:
    """Give the server's port one color, the client's another."""
    roles = {"server": "listener", "client": "connection"}
    named = [(step.who, step.local) for step in steps if step.who in roles]
    return {local.port: roles[who] for who, local in named if isinstance(local, Endpoint)}


def _name(drawing: Drawing, x: float, y: float, name: Endpoint | Refused, ports: dict[int, str]) -> None:
    unnamed = isinstance(name, Refused) or name.port == 0
    role = "quiet" if isinstance(name, Refused) or name.port == 0 else ports.get(name.port, "quiet")
    drawing.box(x, y, 250, BOX, role, "", dashed=unnamed)
    drawing.text(x + 125, y + BOX / 2, _word(name), "muted" if unnamed else "ink", anchor="middle", mono=True)


def _word(name: Endpoint | Refused) -> str:
    if isinstance(name, Refused):
        return name.name
    return f"{name} (none)" if name.port == 0 else str(name)


def answers(trials: Iterable[tuple[Place, BindTrial]]) -> Table:
    """List bind trials (`binding.try_places`): address, port, the kernel's answer."""
    rows = tuple((place.kind, trial.asked.address, str(trial.asked.port), _answer(trial)) for place, trial in trials)
    headings = ("what it is", "address", "port", "answer")
    return Table("What was asked, and what bind answered.", headings, rows, (26, 15, 5, 40))


def low_ports(low: LowPort) -> Table:
    """List the answers to a bind below the first port that this user may have."""
    return answers([(Place("127.0.0.1", "loopback"), low.specific), (Place("0.0.0.0", "wildcard"), low.wildcard)])


def _answer(trial: BindTrial) -> str:
    if trial.refused:
        return f"{trial.call}: {trial.refused}"
    return f"granted: port {trial.name.port}" if trial.name else "granted"
