"""What the README and the notebooks point at is there, and what they promise is so."""

import doctest
import json
import re
import socket
from pathlib import Path

from rules import each

import sockets_lab
from sockets_lab.course.lessons import LESSONS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")),
         ROOT / "deploy" / "README.md", *sorted((ROOT / "notebooks").rglob("*.ipynb"))]  # fmt: skip


def prose(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


@each(PAGES)
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#]+)\)", prose(path)):
        assert (path.parent / link).exists(), f"{path.name} points at {link}"


def test_the_table_of_lessons_is_the_courses():
    rows = re.findall(r"^\| \[(\d\d) (.+?)\]\(notebooks/(\w+)\.ipynb\) \| .+\? \| (\d+) \|$", README, re.MULTILINE)
    assert [(name, int(minutes)) for _, _, name, minutes in rows] == [(one.name, one.minutes) for one in LESSONS]
    assert all(name.startswith(number) for number, _, name, _ in rows)


def test_both_commands_stand_there_for_both_kinds_of_system():
    commands = re.findall(r"^    (python3 -m venv|cmd /c .py -m venv)(.+)$", README, re.MULTILINE)
    commands = [one for one in commands if "deploy" not in one[1]]  # a class takes a Linux host
    assert len(commands) == 4
    for _, rest in commands:
        assert "pip install -r requirements.txt" in rest
        assert re.search(r"jupyter lab notebooks.00_start_here\.ipynb|python -m pytest", rest)


def test_requirements_are_exact():
    for name in ("requirements.txt", "tests/requirements.txt", "deploy/requirements.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            known = re.fullmatch(r"#.*|-e \.|-r \.\./(deploy/)?requirements\.txt|[\w-]+==[\d.]+", line)
            assert known, f"{name}: {line}"


@each(LESSONS)
def test_a_lesson_says_how_long_it_takes(one):
    first = json.loads((ROOT / "notebooks" / f"{one.name}.ipynb").read_text(encoding="utf-8"))["cells"][0]
    assert f"About {one.minutes} minutes" in "".join(first["source"])


def test_the_teaching_guide_knows_each_lesson():
    guide = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    found = re.findall(r"^### (\d\d) [^\n]+ · (\d+) minutes\n(.+?)(?=^##)", guide, re.MULTILINE | re.DOTALL)
    entries = {number: (int(minutes), text) for number, minutes, text in found}
    for one in LESSONS:
        minutes, text = entries[one.name[:2]]
        assert minutes == one.minutes, one.name
        for part in ("Goal", "They believe", "Ask", "Projector", "Differs"):
            assert f"**{part}**" in text, f"{one.name}: {part}"


def test_the_lines_of_use_print_what_stands_below_them():
    """The port is another one here, so that it is free: the kernel chooses it, and it is let go just before."""
    for text in (README, sockets_lab.__doc__ or ""):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        session = doctest.DocTestParser().get_doctest(text.replace("8000", port), {}, "lines of use", None, 0)
        wrong: list[str] = []
        found = doctest.DocTestRunner().run(session, out=wrong.append, clear_globs=False)
        for opened in session.globs.values():
            if isinstance(opened, socket.socket):
                opened.close()
        assert found.attempted >= 4
        assert wrong == []
