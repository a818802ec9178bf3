"""The picture of lesson 01: numbers of this process, the sockets behind them, their rows in the kernel's table."""

from collections.abc import Iterable, Mapping

from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import role_of
from sockets_lab.kernel.descriptors import Entry
from sockets_lab.model import SocketRow, spelled

ROW = 46  # pixels from one descriptor to the next
TOP = 64
BOX = 34
HEADINGS = ((75, "this process", "descriptor"), (290, "the kernel", "socket"),
            (590, "the kernel", "row in the socket table"))  # fmt: skip


def numbers_and_sockets(entries: Iterable[Entry], rows: Mapping[int, SocketRow] | None = None) -> Drawing:
    """Draw which number stands for which socket, and what the socket table says of it.

    Args: entries of the descriptor table; rows of the socket table by inode (`descriptors.rows_behind`).
    """
    behind: dict[int, list[Entry]] = {}
    for entry in entries:
        behind.setdefault(entry.inode, []).append(entry)
    count = sum(map(len, behind.values()))
    drawing = Drawing("Descriptors of this process and the sockets behind them.", "", 760, TOP + max(count, 1) * ROW)
    for x, whose, what in HEADINGS:
        drawing.text(x, 18, whose, "muted", anchor="middle")
        drawing.text(x, 38, what, bold=True, anchor="middle")
    drawing.line(160, 8, 160, drawing.height - 8, "quiet", dashed=True)
    if not behind:
        drawing.text(290, TOP + 16, "no socket is open", "muted", anchor="middle")
    y, said = TOP, []
    for inode, same in behind.items():
        said.append(_socket(drawing, y, inode, same, (rows or {}).get(inode)))
        y += ROW * len(same)
    drawing.alt = " ".join(said) or "No socket is open."
    return drawing


def _socket(drawing: Drawing, y: int, inode: int, same: list[Entry], row: SocketRow | None) -> str:
    """Draw one socket with all its descriptors; return the sentence that says the same."""
    middle = y + (ROW * len(same) - ROW + BOX) / 2
    role = role_of(row)
    drawing.box(215, middle - BOX / 2, 150, BOX, role, f"{same[0].type} {inode}")
    for number, entry in enumerate(same):
        center = y + number * ROW + BOX / 2
        drawing.box(40, center - BOX / 2, 70, BOX, "descriptor", str(entry.number))
        drawing.line(110, center, 213, middle, "descriptor", arrow=True)
    drawing.line(365, middle, 423, middle, role, dashed=row is None)
    if row is None:
        drawing.box(425, middle - BOX / 2, 325, BOX, role, "", dashed=True)
        drawing.text(587, middle, "no row: it has no name yet", "muted", anchor="middle")
        table = "the socket table has no row for it"
    else:
        where = spelled(row.local, row.protocol)
        drawing.box(425, middle - BOX / 2, 325, BOX, role, f"{row.protocol} {where} {row.state}")
        table = f"the socket table shows it at {where}, {row.state}"
    numbers = " and ".join(str(entry.number) for entry in same)
    return f"Descriptor {numbers}: one {same[0].type} socket, inode {inode}; {table}."
