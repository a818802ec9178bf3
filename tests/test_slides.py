"""Lessons on the wall and on paper: every cell has its place, and neither slides nor handouts ask the network."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import nbformat
import pytest
from rules import each

ROOT = Path(__file__).resolve().parents[1]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
TYPES = {"slide", "subslide", "fragment", "-", "skip"}
ADDRESS = re.compile(r"""(?:src|href)=["']((?:https?:)?//[^"']+)|import\(?\s*["'](https?:[^"']+)""")
SLIDE = (  # what is on the wall, and how many answers have come
    "[document.querySelector('section.present section.present').innerText,"
    " document.querySelectorAll('.fragment.visible').length]"
)

spec = spec_from_file_location("slide_types", ROOT / "docs" / "slide_types.py")
assert spec is not None and spec.loader is not None  # noqa: PT018  for the type checker
marking = module_from_spec(spec)
spec.loader.exec_module(marking)


@each(LESSONS)
def test_every_cell_has_its_place_in_the_slide_show(path):
    cells = nbformat.read(path, as_version=4).cells
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in cells]
    assert set(kinds) <= TYPES, "run docs/slide_types.py"
    assert kinds[0] == "slide"
    for cell, kind in zip(cells, kinds, strict=True):
        if cell.cell_type == "markdown":
            begins = re.search(r"^#", cell.source, re.MULTILINE)
            assert kind == ("slide" if begins else "subslide")


def test_marking_changes_nothing_but_the_places_and_nothing_twice(tmp_path):
    copy = tmp_path / "lesson.ipynb"
    shutil.copy(LESSONS[5], copy)
    before = nbformat.read(copy, as_version=4)
    for cell in before.cells:
        cell.metadata.pop("slideshow", None)
    nbformat.write(before, copy)
    assert marking.mark(copy)
    once = copy.read_bytes()
    assert not marking.mark(copy)
    assert copy.read_bytes() == once
    after = nbformat.read(copy, as_version=4)
    for cell in after.cells:
        del cell.metadata["slideshow"]
    assert after == before


def convert(kind: str, folder: Path) -> Path:
    """Use the teaching guide's command on one lesson. Returns: the page."""
    told = re.search(rf"^    \.venv/bin/jupyter (nbconvert .*--to {kind} .*)$",
                     (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8"), re.MULTILINE)  # fmt: skip
    assert told
    command = [sys.executable, "-m", "jupyter", *told[1].split(), f"--FilesWriter.build_directory={folder}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    page, = folder.glob("*.html")
    return page


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Callable[[str], Path]:
    """A function that makes slides or a handout, each once."""
    return cache(lambda kind: convert(kind, tmp_path_factory.mktemp(kind)))


@pytest.mark.parametrize("kind", ["slides", "html"])
def test_slides_and_handouts_have_their_pictures_and_ask_nobody(kind, made):
    page = made(kind).read_text(encoding="utf-8")
    assert [one for pair in ADDRESS.findall(page) for one in pair if one] == []
    pictures = re.findall(r"<img\b[^>]*>", page)
    saved = [output for cell in nbformat.read(ROOT / "notebooks" / "05_fourtuples.ipynb", as_version=4).cells
             for output in cell.get("outputs", ()) if "image/png" in output.get("data", {})]  # fmt: skip
    assert len(pictures) == len(saved) > 5
    for picture in pictures:
        assert "data:image/png;base64," in picture
        assert len(re.search(r'alt="([^"]*)"', picture)[1]) > 20


def test_slides_run_in_a_browser_without_a_network(made):
    library = ROOT / "build" / "slides" / "node_modules"
    if not library.exists():
        pytest.skip("to run the slides: the teaching guide's npm command")
    playwright = pytest.importorskip("playwright.sync_api", reason="to run the slides: pip install playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("to run the slides: install Chromium")
    slides = made("slides")
    (slides.parent / "node_modules").symlink_to(library)
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1024, "height": 768})
        page.set_default_timeout(120_000)  # milliseconds
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith(("file:", "data:")) or problems.append(asked.url))
        page.goto(slides.as_uri())
        page.locator(".reveal.ready, .reveal[role=application]").first.wait_for()
        seen = set()
        for _ in range(6):
            before = page.evaluate(SLIDE)
            seen.add(before[0])
            page.keyboard.press("Space")
            page.wait_for_function(f"before => {SLIDE}.join() !== before.join()", arg=before)
        browser.close()
    assert problems == []
    assert len(seen) >= 4
