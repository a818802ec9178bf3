"""The pictures of lesson 04: two programs that meet on one port, and the matrix of all such meetings."""

from collections.abc import Iterable, Mapping

from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.tables import Table
from sockets_lab.lessons.conflicts import PAIRS, SIDES, BindRequest, CallStep, Cell, Outcome
from sockets_lab.model import Endpoint, SocketRow

LANES = (130, 380, 630)  # the first program, the kernel, the second program
STEPS_TOP, STEP = 128, 30  # pixels
MOST_LINES = 8  # of holders: more would run out of the picture
GRID_LEFT, GRID_CELL = 470, (68, 26)
ENDINGS = {
    "all worked": ("connection", "both"), "bind 2": ("refused", "bind 2"),
    "listen 1": ("endpoint", "listen 1"), "listen 2": ("endpoint", "listen 2"),
}  # fmt: skip
COLUMNS = {  # of the whole matrix: protocols, when they listen -> heading
    ("TCP", "no"): ("TCP", "nobody listens"), ("TCP", "at once"): ("TCP", "listen at once"),
    ("TCP", "when both are bound"): ("TCP", "listen at the end"), ("UDP", "no"): ("UDP", ""),
    ("TCP, then UDP", "no"): ("TCP, then UDP", ""),
}  # fmt: skip
SMALL = 15  # pixels of one cell of the whole matrix
LEGEND = (
    (8, "connection", "", "both get the port"), (180, "refused", "b", "bind 2 is refused"),
    (350, "endpoint", "l", "bound, may not listen"), (550, "quiet", "-", "not to be had here"),
)  # fmt: skip


def meeting(outcome: Outcome, options: Mapping[tuple[str, str], Outcome] | None = None) -> Drawing:
    """Draw how two programs met on one port, call by call; below who held it, and how all choices of options end.

    Args: an outcome, with holders if they shall be shown; `vary_options` of the same pair.
    """
    bottom = STEPS_TOP + len(outcome.steps) * STEP + 20
    held = [line for row in outcome.holders for line in _holder(row)][:MOST_LINES] or ["the table shows nobody"]
    height = bottom + max(196 if options else 0, 40 + 18 * len(held))
    drawing = Drawing("Two programs ask for one port.", "", 760, height)
    drawing.line(LANES[1], 68, LANES[1], bottom - 12, "quiet", dashed=True)
    drawing.box(LANES[1] - 75, 16, 150, 50, "quiet", "the kernel", f"port {outcome.port or 'none'}")
    for lane, name, claim in ((0, "program 1", outcome.first), (2, "program 2", outcome.second)):
        _program(drawing, LANES[lane], name, claim)
        drawing.line(LANES[lane], 106, LANES[lane], bottom - 12, "quiet", dashed=True)
    said = [_step(drawing, STEPS_TOP + n * STEP, step, outcome) for n, step in enumerate(outcome.steps)]
    said.append(_holders(drawing, bottom, held))
    if options:
        said.append(_grid(drawing, bottom, outcome, options))
    drawing.alt = " ".join([f"The first program claims {outcome.first}, the second {outcome.second}.", *said])
    return drawing


def _program(drawing: Drawing, x: float, name: str, claim: BindRequest) -> None:
    place = f"{claim.protocol} {claim.address}{' (IPv6 only)' if claim.ipv6_only else ''}"
    options = " ".join(option for option in claim.options if option.startswith("SO_"))
    drawing.box(x - 120, 8, 240, 96, "quiet", name, place, *([] if options else ["no option"]), *options.split())


def _step(drawing: Drawing, y: float, step: CallStep, outcome: Outcome) -> str:
    """Draw one call as an arrow to the kernel, and its answer on the other side; return the sentence that says it."""
    claim = outcome.first if step.socket == 1 else outcome.second
    side = -1 if step.socket == 1 else 1
    port = 0 if step.name == "bind 1" else outcome.port
    call = f"bind {Endpoint(claim.address, port or 0)}" if step.call == "bind" else step.call
    role = "refused" if step.refused else "connection"
    lane, kernel = LANES[1 + side], LANES[1]
    drawing.line(lane - 4 * side, y, kernel + 4 * side, y, role, arrow=True)
    drawing.text((lane + kernel) / 2, y - 9, call, anchor="middle", size=12, mono=True)
    answer = step.refused.name if step.refused else "worked"
    drawing.text(kernel - 12 * side, y, answer, role, anchor="start" if side < 0 else "end", bold=True, mono=True)
    return f"Program {step.socket}: {call}: {answer}."


def _holders(drawing: Drawing, top: float, lines: list[str]) -> str:
    drawing.text(10, top + 8, "who held the port then", bold=True)
    for number, line in enumerate(lines):
        indent = 16 if line.startswith(" ") else 0  # SVG drops leading spaces
        drawing.text(10 + indent, top + 32 + number * 18, line.strip(), size=12, mono=True)
    return f"Who held the port then: {'; '.join(map(str.strip, lines))}."


def _holder(row: SocketRow) -> list[str]:
    owners = ["held by somebody unknown"] if row.owners is None else [
        f"{owner.program}, process {owner.pid}, descriptor {owner.descriptor}" for owner in row.owners
    ]  # fmt: skip
    return [f"{row.protocol} {row.local} {row.state}", *(f"  {owner}" for owner in owners)]


def holders(rows: Iterable[SocketRow]) -> Table:
    """Show who holds a port: each row of the socket table with the processes that own it."""
    cells = tuple(
        (row.protocol, str(row.local), row.state, *owner)
        for row in rows
        for owner in ([("unknown", "-", "-")] if row.owners is None else [
            (owner.program, str(owner.pid), str(owner.descriptor)) for owner in row.owners
        ] or [("nobody", "-", "-")])
    )  # fmt: skip
    headings = ("protocol", "local endpoint", "state", "program", "process", "descriptor")
    return Table("Who holds the port.", headings, cells, (8, 24, 12, 16, 9, 10))


def _grid(drawing: Drawing, top: float, outcome: Outcome, options: Mapping[tuple[str, str], Outcome]) -> str:
    """Draw the sixteen choices of the two options for this pair, this one's choice with an arrow to it."""
    width, height = GRID_CELL
    drawing.text(GRID_LEFT - 60, top + 8, "every choice of the two options", bold=True)
    drawing.text(GRID_LEFT - 60, top + 28, "down: who sets SO_REUSEADDR, across: SO_REUSEPORT", "muted", size=12)
    here = (_side(outcome, "reuse_address"), _side(outcome, "reuse_port"))
    said = []
    for (address, port), trial in options.items():
        row, column = list(SIDES).index(address), list(SIDES).index(port)
        x, y = GRID_LEFT + column * (width + 4), top + 62 + row * (height + 4)
        role, word = _look(trial)
        drawing.box(x, y, width, height, role)
        chosen = (address, port) == here
        shown = f"[{word}]" if chosen else word
        drawing.text(x + width / 2, y + height / 2, shown, size=12, anchor="middle", bold=chosen)
        if row == 0:
            drawing.text(x + width / 2, top + 50, port, "muted", size=12, anchor="middle")
        if column == 0:
            drawing.text(GRID_LEFT - 10, y + height / 2, address, "muted", size=12, anchor="end")
        said.append(f"SO_REUSEADDR {address}, SO_REUSEPORT {port}: {word}")
    told = "in brackets: what you see above; else the call refused"
    drawing.text(GRID_LEFT - 60, top + 188, told, "muted", size=11)
    return f"Every choice of the two options: {'; '.join(said)}."


def _side(outcome: Outcome, option: str) -> str:
    both = (getattr(outcome.first, option), getattr(outcome.second, option))
    return next(side for side, flags in SIDES.items() if flags == both)


def _look(outcome: Outcome) -> tuple[str, str]:
    """Return the color's role and the word for an outcome; "-" where it never came to a conflict."""
    refused = outcome.refused
    if refused and refused.refused and refused.refused.name not in ("EADDRINUSE", "EACCES"):
        return "quiet", "-"
    return ENDINGS.get(outcome.ending, ("quiet", outcome.ending))


def whole_matrix(cells: Iterable[Cell]) -> Drawing:
    """Draw the whole matrix: a grid of the two options for each pair of addresses, protocol and time of listening."""
    grids: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        grids.setdefault((cell.pair, cell.protocols, cell.listening), []).append(cell)
    drawing = Drawing("Every pair, every option, measured on this machine.", "", 760, 112 + len(PAIRS) * 74)
    for n, words in enumerate(COLUMNS.values()):
        drawing.text(250 + n * 108, 14, words[0], anchor="middle", bold=True, size=12)
        drawing.text(250 + n * 108, 32, words[1], "muted", anchor="middle", size=11)
        for side, label in enumerate("-12B"):
            drawing.text(250 + n * 108 + (side - 1.5) * SMALL, 53, label, "muted", size=11, anchor="middle")
    said = []
    for row, pair in enumerate(PAIRS):
        y = 62 + row * 74
        drawing.text(8, y + 2 * SMALL, pair, size=12)
        for n, label in enumerate("-12B"):
            drawing.text(250 - 2 * SMALL - 8, y + (n + 0.5) * SMALL, label, "muted", size=11, anchor="middle")
        for column, where in enumerate(COLUMNS):
            if grid := grids.get((pair, *where)):
                _small_grid(drawing, 250 + column * 108 - 2 * SMALL, y, grid)
                counts: dict[str, int] = {}
                for cell in grid:
                    counts[_look(cell.outcome)[1]] = counts.get(_look(cell.outcome)[1], 0) + 1
                told = ", ".join(f"{word} {count}" for word, count in counts.items())
                said.append(f"{pair}; {' '.join(COLUMNS[where]).strip()}: {told}.")
    y = drawing.height - 40
    for x, role, letter, meaning in LEGEND:
        _small_cell(drawing, x, y - 8, role, letter)
        drawing.text(x + 22, y, meaning, size=12)
    drawing.text(8, y + 24, "Down: SO_REUSEADDR set by none (-), the first (1), the second (2), both (B). "
                 "Across: SO_REUSEPORT likewise.", "muted", size=12)  # fmt: skip
    drawing.alt = " ".join(["Of 16 choices of the two options each:", *said])
    return drawing


def _small_grid(drawing: Drawing, x: float, y: float, cells: Iterable[Cell]) -> None:
    for cell in cells:
        row, column = list(SIDES).index(cell.reuse_address), list(SIDES).index(cell.reuse_port)
        role, word = _look(cell.outcome)
        letter = "" if word == "both" else word[0]
        _small_cell(drawing, x + column * SMALL, y + row * SMALL, role, letter)


def _small_cell(drawing: Drawing, x: float, y: float, role: str, letter: str) -> None:
    drawing.box(x + 1, y + 1, SMALL - 2, SMALL - 2, role)
    if letter:
        drawing.text(x + SMALL / 2, y + SMALL / 2, letter, size=11, anchor="middle", bold=True)
