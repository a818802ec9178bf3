"""One visual language: every picture says in words what it shows, and its colors can be told apart by everybody."""

import ast
import inspect
import itertools
import json
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from rules import each

from sockets_lab.figures import legend, marks, raster, svg
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import INKS, ROLES, SHARE, SMALLEST, TINT, Box, Line
from sockets_lab.figures.plot import Plot
from sockets_lab.figures.tables import Table
from sockets_lab.model import Endpoint, SocketRow

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "sockets_lab").rglob("*.py"))
FIGURES = [path for path in MODULES if path.parent.name == "figures" or path.stem.startswith("figure")]
LOOKS = FIGURES + [path for path in MODULES if path.parent.name == "panels" or path.stem.startswith("panel")]
LESSONS = sorted(path for path in (ROOT / "notebooks").glob("[0-9]*.ipynb") if path.stem < "14")  # 14 is made of cases
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
PAPERS = {"light": ("#ffffff", "#212121"), "dark": ("#111111", "#ffffff")}  # JupyterLab's: behind an output, and ink
SHAPE, WORDS = 3.0, 4.5  # contrast of what must be seen, of what must be read: WCAG 2.1, 1.4.11 and 1.4.3
APART = 15  # CIELAB; a difference of 2.3 is just noticeable (Mahy and others, Color Research & Application 19, 1994)
FITS = 760  # pixels of a diagram: JupyterLab at 1024 pixels leaves an output about that much beside its prompt
SIGHT = {  # Machado, Oliveira and Fernandes 2009, severity 1.0: what somebody without one kind of cone sees
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
XYZ = np.array(((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.072175), (0.0193339, 0.1191920, 0.9503041)))
WHITE = np.array((0.95047, 1.0, 1.08883))


def rgb(color: str) -> np.ndarray:
    return np.array([int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)])


def linear(color: np.ndarray) -> np.ndarray:
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """Return the contrast ratio of WCAG 2.1 between two colors."""
    dark, bright = sorted(float(XYZ[1] @ linear(color)) for color in (one, other))
    return (bright + 0.05) / (dark + 0.05)


def mixed(color: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    return share * color + (1 - share) * other


def lab(color: np.ndarray) -> np.ndarray:
    """Return CIELAB of linear light."""
    x = XYZ @ np.clip(color, 0, 1) / WHITE
    f = np.where(x > 216 / 24389, np.cbrt(x), (24389 / 27 * x + 16) / 116)
    return np.array((116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])))


def difference(one: str, other: str, sight: str) -> float:
    seen = [lab(np.array(SIGHT[sight]) @ linear(rgb(color))) for color in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


# --- colors ---------------------------------------------------------------------------------------------------------


@each([*itertools.product(ROLES, PAPERS)])
def test_each_color_stands_out_and_what_is_written_in_it_can_be_read(role, theme):
    paper, ink = map(rgb, PAPERS[theme])
    color = rgb(ROLES[role])
    tint = mixed(color, paper, TINT)
    assert contrast(color, paper) >= SHAPE
    assert contrast(mixed(color, ink, SHARE), paper) >= WORDS  # words in the color
    assert contrast(ink, tint) >= WORDS  # words in a box of it
    assert contrast(mixed(ink, tint, 0.72), tint) >= WORDS  # muted ones


def test_words_have_these_colors_in_both_drawings():
    assert svg.text_color("refused") == f"color-mix(in srgb, {ROLES['refused']} {SHARE:.0%}, {svg.INK})"
    assert "72%" in svg.text_color("muted")
    paper, ink = (rgb(color) for color in PAPERS["light"])
    assert raster.text_color("refused") == pytest.approx(tuple(mixed(rgb(ROLES["refused"]), ink, SHARE)))
    assert raster.text_color("muted") == pytest.approx(tuple(rgb(INKS["muted"])))
    assert contrast(rgb(INKS["muted"]), paper) >= WORDS


@each([(*pair, sight) for pair in itertools.combinations(ROLES, 2) for sight in SIGHT])
def test_any_two_roles_can_be_told_apart_by_everybody(one, other, sight):
    assert difference(ROLES[one], ROLES[other], sight) >= APART


def test_the_sight_of_the_color_blind_is_told_from_others():
    assert difference("#00ff00", "#ff8000", "all") > 2 * difference("#00ff00", "#ff8000", "deuteranopia")
    assert difference("#ff0000", "#ff0000", "all") == 0
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)


def test_no_picture_and_no_panel_names_a_color_of_its_own():
    named = []
    for path in (path for path in LOOKS if path.name != "marks.py"):
        text = path.read_text()
        found = re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(\d[^)]*\)", text)
        found += re.findall(r"""(?:color|fill|stroke|ground)["']?[=:] *["']?(?:red|green|blue|black|gray)\b""", text)
        found += re.findall(r"""(?<!face)color=["']C\d|tab:""", text)
        named += [(path, color) for color in found if f", {color})" not in text]  # but the value of a theme's variable
    assert named == []


# --- words ----------------------------------------------------------------------------------------------------------


def pictures() -> list[tuple[str, object]]:
    """Return every public function of the figures that returns a picture."""
    found = []
    for path in FIGURES:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        module = import_module(name)
        mine = {key: one for key, one in vars(module).items() if getattr(one, "__module__", "") == name}
        for name, one in mine.items():
            made = inspect.isfunction(one) and inspect.signature(one).return_annotation
            plotted = hasattr(one, "__wrapped__") and made in (str, "str")
            if made and not name.startswith("_") and (plotted or made in (Drawing, Table, Plot)):
                found.append((f"{path.parent.name}.{path.stem}.{name}", one))
    return found


def test_every_figure_is_found():
    assert len(pictures()) > 30


@each(pictures())
def test_every_figure_gives_its_text_equivalent(name, make):
    """A Table says its cells; a Plot is made of what its function says; a Drawing is given its `alt` on the way."""
    source = inspect.getsource(inspect.unwrap(make))
    made = inspect.signature(make).return_annotation
    if hasattr(make, "__wrapped__"):
        assert re.search(r"return (?!None)", source)
    elif made is Drawing and "Drawing(" in source:
        assert re.search(r"\.alt\b.*=", source) or not re.search(r'Drawing\([^()]*, "",', source), name


@each(NOTEBOOKS)
def test_every_saved_picture_says_what_it_shows(path):
    cells = json.loads(path.read_text())["cells"]
    outputs = [one for cell in cells for one in cell.get("outputs", ()) if "image/png" in one.get("data", {})]
    for one in outputs:
        said = one["metadata"]["image/png"]["alt"]
        title = "".join(one["data"].get("text/plain", ""))
        assert len(said.split()) > 4
        assert said != title


def test_live_pictures_say_it_too():
    drawing = Drawing("A title.", "What it shows.", 100, 20)
    assert 'role="img"' in drawing.html()
    assert 'aria-label="What it shows."' in drawing.html()
    assert 'alt="What it shows."' in Plot("A title.", "What it shows.", b"", 100).html()
    assert "<caption" in Table("A title.", ("one",), (("a",),), (5,)).html()  # a table is read aloud as it stands
    assert 'scope="col"' in Table("A title.", ("one",), (("a",),), (5,)).html()


# --- sizes ----------------------------------------------------------------------------------------------------------


@each(FIGURES)
def test_no_text_is_smaller_than_what_can_be_read_from_the_last_row(path):
    """In diagrams SMALLEST pixels, in plots 9 points, which are 12 pixels; and no diagram is wider than FITS."""
    for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
        named = {word.arg: word.value for word in call.keywords}
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        on_axes = getattr(getattr(call.func, "value", None), "id", "") == "axes"
        sizes = [named[one] for one in ("size", "fontsize", "labelsize") if one in named]
        sizes += call.args[4:5] if name == "text" and not on_axes else []
        sizes = [each for one in sizes for each in ((one.body, one.orelse) if isinstance(one, ast.IfExp) else (one,))]
        for size in (one for one in sizes if isinstance(one, ast.Constant)):
            if isinstance(size.value, int | float) and not isinstance(size.value, bool):
                assert size.value >= (9 if on_axes or "fontsize" in named else SMALLEST), f"line {call.lineno}"
        if name == "Drawing" and len(call.args) > 2 and isinstance(call.args[2], ast.Constant):
            assert call.args[2].value <= FITS, f"line {call.lineno}"


@each(LESSONS)
def test_no_line_of_code_runs_out_of_its_cell(path):
    """At 1024 pixels a cell shows about 105 characters; what is longer must be scrolled sideways."""
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in cells for line in "".join(cell["source"]).split("\n")]
    assert [line for line in lines if len(line) > 104] == []


# --- one meaning ----------------------------------------------------------------------------------------------------


def test_the_legend_draws_every_role_with_a_word_for_it():
    drawing = legend.how_to_read()
    assert {mark.role for mark in drawing.marks if isinstance(mark, Box | Line)} == set(ROLES)
    for _, _, word, meaning in legend.MEANINGS:
        assert f"{word.capitalize()}: {meaning}." in drawing.alt
    assert drawing.png().startswith(b"\x89PNG")


def test_a_socket_has_the_same_role_everywhere():
    here, there, nobody = Endpoint("127.0.0.1", 80), Endpoint("127.0.0.1", 4444), Endpoint("0.0.0.0", 0)
    states = ((nobody, "LISTEN", "listener"), (there, "ESTABLISHED", "connection"), (nobody, "CLOSE", "endpoint"),
              (there, "CONNECTED", "connection"), (nobody, "UNCONNECTED", "endpoint"))  # fmt: skip
    for remote, state, role in states:
        assert marks.role_of(SocketRow("tcp", here, remote, state)) == role
    assert marks.role_of(None) == "quiet"


@each(LESSONS)
def test_lessons_use_the_same_words_for_their_parts(path):
    text = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]
                     if cell["cell_type"] == "markdown")  # fmt: skip
    heads = re.findall(r"^## (.*)$", text, re.M)
    assert "Textbook claims, measured here" in heads
    assert "The end" in heads
    assert path.stem.startswith("00") or "The panel" in heads
    for number, other in re.findall(r"^(?:Next: |Back to the overview: )\[(\d\d)?[^\]]*\]\((\d\d)", text, re.M):
        assert number == other  # a lesson is named with its number
