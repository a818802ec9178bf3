"""Tables of text, and of the kernel's socket rows: real HTML in a live page, drawn as PNG in a saved notebook."""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from sockets_lab.figures.drawing import Drawing
from sockets_lab.model import Endpoint, SocketRow

LINE = 18  # pixels from one line of text to the next
CHARACTER = 7.9  # pixels of one monospaced character at 13 pixels


@dataclass(frozen=True)
class Table:
    """Rows of text under headings. Widths: characters per column, longer text is wrapped; mono: a terminal's font."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    mono: bool = True

    @property
    def alt(self) -> str:
        """The whole table in words, for a screen reader that meets the picture."""
        rows = (zip(self.headings, row, strict=True) for row in self.rows)
        said = ("; ".join(f"{head}: {cell}" if head else cell for head, cell in row) + "." for row in rows)
        return " ".join([self.title, *said])

    def html(self) -> str:
        """Return a real table, which can be selected, copied and read aloud."""
        font = "var(--jp-code-font-family, monospace)" if self.mono else "inherit"
        style = f"text-align:left;vertical-align:top;white-space:pre-wrap;padding:3px 10px;font-family:{font}"
        head = "".join(f'<th scope="col" style="{style}"><b>{escape(text)}</b></th>' for text in self.headings)
        body = "".join(
            "<tr>" + "".join(f'<td style="{style}">{escape(cell)}</td>' for cell in row) + "</tr>" for row in self.rows
        )
        caption = f'<caption style="text-align:left;padding:3px 10px">{escape(self.title)}</caption>'
        rows = f"<thead><tr>{head}</tr></thead>" * any(self.headings) + f"<tbody>{body}</tbody>"
        return f'<table style="font-size:13px;line-height:1.35">{caption}{rows}</table>'

    def png(self) -> bytes:
        """Return the table as a picture, each cell wrapped to its column."""
        return self._drawn().png()

    def _drawn(self) -> Drawing:
        wrapped = [[_wrap(cell, width) for cell, width in zip(row, self.widths, strict=True)] for row in self.rows]
        heights = [max(len(cell) for cell in row) * LINE + 6 for row in wrapped]
        lefts = [12 + sum(self.widths[:n]) * CHARACTER + 14 * n for n in range(len(self.widths))]
        y = 58 if any(self.headings) else 32
        width = int(lefts[-1] + self.widths[-1] * CHARACTER + 12)
        drawing = Drawing(self.title, self.alt, width, y + 10 + sum(heights))
        drawing.text(12, 16, self.title, "muted")
        for left, text in zip(lefts, self.headings, strict=True):
            drawing.text(left, 42, text, bold=True, mono=self.mono)
        for row, height in zip(wrapped, heights, strict=True):
            drawing.line(8, y, drawing.width - 8, y, "quiet")
            for left, cell in zip(lefts, row, strict=True):
                for number, line in enumerate(cell):
                    drawing.text(left, y + 13 + number * LINE, line, mono=self.mono)
            y += height
        return drawing


def _wrap(cell: str, width: int) -> list[str]:
    return [part for line in cell.split("\n") for part in textwrap.wrap(line, width) or [""]] or [""]


def socket_table(title: str, rows: Iterable[SocketRow], names: Mapping[Endpoint, str] | None = None) -> Table:
    """Show rows of the kernel's socket table; `names` says in words which endpoint is whose."""
    cells = tuple(
        (
            row.protocol, _named(row.local, names),
            "-" if row.remote.port == 0 else _named(row.remote, names), row.state,
            "?" if row.inode is None else "none" if row.inode == 0 else str(row.inode),
        )
        for row in rows
    )  # fmt: skip
    return Table(title, ("protocol", "local endpoint", "remote endpoint", "state", "inode"), cells, (8, 24, 24, 12, 9))


def _named(endpoint: Endpoint, names: Mapping[Endpoint, str] | None) -> str:
    return f"{endpoint} {(names or {}).get(endpoint, '')}".strip()


def listing(title: str, text: str) -> Table:
    """Show what a command printed."""
    return Table(title, ("",), ((text,),), (92,))
