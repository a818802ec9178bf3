"""Write the glossary from the words with which each lesson ends. Running it again changes nothing.

Usage: .venv/bin/python docs/glossary.py    (after a lesson's list "Words learned" has changed)
"""

import re
from pathlib import Path
from typing import NamedTuple

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
GLOSSARY = NOTEBOOKS / "glossary.ipynb"
HEAD = """# Glossary

Every term that a lesson explains, with the lesson that explains it first. Each term is also the word to search for.

Back to the overview: [00 Start here](00_start_here.ipynb)."""


class Entry(NamedTuple):
    """Words as they are written in a lesson's list, their definition, and the notebook's name."""

    words: str
    meaning: str
    lesson: str

    def terms(self) -> list[str]:
        """Return the words without marks: those in bold or code, and a plain one in brackets."""
        words = re.sub(r" \(from [^)]*\)", "", self.words)
        return [one.strip("*`()").lower() for one in re.findall(r"\*\*.+?\*\*|`.+?`|\(\w+\)", words)]


def entries() -> list[Entry]:
    """Return the words of all lessons, in the lessons' order."""
    found = []
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if "**Words learned:**" in cell.source:
                lines = re.findall(r"^- ([*`].+?): (.+)$", cell.source.split("**Words learned:**")[1], re.MULTILINE)
                found += [Entry(words, meaning, path.stem) for words, meaning in lines]
    return found


def written() -> str:
    """Return the glossary as a notebook: one cell for each first letter; of a term in two lessons, the first entry."""
    letters: dict[str, dict[str, str]] = {}
    for one in entries():
        line = f"- {one.words}: {one.meaning} ([{one.lesson[:2]}]({one.lesson}.ipynb))"
        term = one.terms()[0]
        letters.setdefault(term[0].upper(), {}).setdefault(term, line)
    cells = ["\n".join([f"## {letter}\n", *(line for _, line in sorted(found.items()))])
             for letter, found in sorted(letters.items())]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text) for text in (HEAD, *cells)])
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02}"
    return nbformat.writes(notebook) + "\n"


if __name__ == "__main__":
    GLOSSARY.write_text(written(), encoding="utf-8")
