"""The answers: every section is whole and runs alone, links lead somewhere, the search finds what people ask."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

from sockets_lab import panels
from sockets_lab.course import answers

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
ASKED = Path(__file__).with_name("answers_asked.txt")
PARTS = ("**Why.** ", "**At work:** ", "**Elsewhere:** ", "**Lesson:** [")
ALONE = """
import gc, json, os, sys, threading
first, *sections = json.load(sys.stdin)
names = {}
exec(first, names)
def held():
    gc.collect()
    return sorted(os.listdir("/proc/self/fd")), threading.active_count()
before, left = held(), []
for section in sections:
    exec(section, dict(names))
    if held() != before:
        left.append(section.splitlines()[0])
        before = held()
    try:
        left.append(f"child {os.waitpid(-1, os.WNOHANG)}")
    except ChildProcessError:
        pass
sys.exit("\\n".join(left) or None)
"""


def cells(path: Path) -> list[tuple[str, str]]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


CELLS = cells(NOTEBOOKS / "answers.ipynb")
SECTIONS = [(text[4:], CELLS[at + 1], CELLS[at + 2]) for at, (_, text) in enumerate(CELLS) if text.startswith("### ")]


def headings(path: Path) -> set[str]:
    text = "\n".join(text for kind, text in cells(path) if kind == "markdown")
    return {line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#")}


def test_each_of_sixty_questions_has_a_short_experiment_and_all_parts():
    assert len(SECTIONS) >= 60
    wrong = []
    for question, (kind, code), (_, text) in SECTIONS:
        lines = code.splitlines()
        modules = {name.name.split(".")[0] for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import)
                   for name in node.names}  # fmt: skip
        whole = kind == "code" and "print" in code and all(part in text for part in PARTS)
        short = len(lines) <= 12 and max(map(len, lines)) <= 100 and len(text.split()) <= 120
        wrong += [] if whole and short and modules <= sys.stdlib_module_names else [question]
    assert wrong == []


def test_links_lead_to_headings_that_exist():
    wrong = []
    for question, _, (_, text) in SECTIONS:
        name, anchor = re.search(r"\*\*Lesson:\*\* \[.*\]\((\S+)#(\S+)\)", text).groups()
        known = {heading.replace(" ", "-") for heading in headings(NOTEBOOKS / name)}
        wrong += [] if unquote(anchor) in known else [(question, name, anchor)]
    assert wrong == []


def test_each_section_runs_alone_after_the_first_cell_and_leaves_nothing():
    first = next(text for kind, text in CELLS if kind == "code")
    sections = json.dumps([first, *(code for _, (_, code), _ in SECTIONS)])
    done = subprocess.run([sys.executable, "-c", ALONE], input=sections, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_the_search_finds_what_people_ask_in_other_words():
    asked = [[part.strip() for part in line.split(" | ")] for line in ASKED.read_text().splitlines()]
    missed = []
    for question, *ways in asked:
        for way in ways:
            found = [one.question for one in answers.find(way)]
            missed += [] if any(one.startswith(question) for one in found) else [(way, found)]
    assert sum(len(line) - 1 for line in asked) >= 120
    assert missed == []


def test_the_field_shows_links_and_is_text_in_a_console():
    field = panels.answers("bind: address already in use")
    assert "Errno 98" in repr(field).splitlines()[0]
    assert "#cell-id=cell-" in shown(field)
    field.text.value = "zzzz <qq>"
    assert shown(field) == "No answer has these words. Try others, or the error's name or number."


def shown(field):
    return field.found.outputs[0]["data"]["text/markdown"]
