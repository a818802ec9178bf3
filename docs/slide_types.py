"""Give each cell of the lessons its place in a slide show, by rule. Running it again changes nothing.

Usage: .venv/bin/python docs/slide_types.py [notebooks/05_fourtuples.ipynb ...]    (without names: all lessons)

A heading begins a slide, other prose and what no longer fits go below it, and what answers a question comes on the next
key. Left out is what only sets up, checks or closes. To be run again after a lesson got cells, or lost some.
"""

import base64
import re
import struct
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
ROOM = 700  # pixels of a slide at 1,024 by 768
WIDTH = 960
PROSE, CODE = 31, 24  # pixels a line
LEFT_OUT = ("lesson.check(", "lesson.end(")


def lines(text: str, columns: int) -> int:
    return sum(1 + len(line) // columns for line in text.splitlines())


def height(cell: nbformat.NotebookNode) -> int:
    """Guess how high a cell and its outputs stand on a slide, in pixels."""
    if cell.cell_type == "markdown":
        return lines(cell.source, 85) * PROSE + (60 if cell.source.startswith("#") else 10)
    total = lines(cell.source, 80) * CODE + 20
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            wide, high = struct.unpack(">II", base64.b64decode(data["image/png"])[16:24])  # PNG: the IHDR chunk
            total += high * min(WIDTH, wide) // wide
        else:
            total += lines("".join(output.get("text", "") or data.get("text/plain", "")), 80) * CODE
    return total


def slide_types(cells: list[nbformat.NotebookNode]) -> list[str]:
    """Choose for each cell: slide, subslide, fragment (on the next key), - (with the one before) or skip."""
    types, used, asked = [], 0, False
    for number, cell in enumerate(cells):
        code = cell.cell_type == "code"
        if code and (number == 1 or cell.source.startswith(LEFT_OUT)):
            types.append("skip")
            continue
        needs = height(cell)
        if number == 0 or (not code and re.search(r"^#", cell.source, re.MULTILINE)):
            kind = "slide"
        elif not code or used + needs > ROOM:
            kind = "subslide"
        else:
            kind = "fragment" if asked else "-"
        used = needs + (0 if kind in ("slide", "subslide") else used)
        asked = code and ("lesson.predict(" in cell.source or (asked and "lesson.verdict(" not in cell.source))
        types.append(kind)
    return types


def mark(path: Path) -> bool:
    """Write the types into a notebook, and nothing else. Returns: whether something changed."""
    notebook = nbformat.read(path, as_version=4)
    before = [cell.metadata.get("slideshow") for cell in notebook.cells]
    for cell, kind in zip(notebook.cells, slide_types(notebook.cells), strict=True):
        cell.metadata["slideshow"] = {"slide_type": kind}
    changed = before != [cell.metadata["slideshow"] for cell in notebook.cells]
    if changed:
        nbformat.write(notebook, path)
    return changed


if __name__ == "__main__":
    for path in [Path(name) for name in sys.argv[1:]] or sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        print(f"{path.name}: {'marked' if mark(path) else 'as it was'}")
