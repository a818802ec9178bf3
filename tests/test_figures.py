"""What all pictures have in common: both forms show the same, say it in words, and keep to their frame."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from io import BytesIO

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

from sockets_lab.figures import pixels, raster
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.legend import how_to_read
from sockets_lab.figures.marks import ROLES
from sockets_lab.figures.plot import plot
from sockets_lab.figures.tables import Table, listing, socket_table
from sockets_lab.model import Endpoint, SocketRow


@pytest.fixture
def drawing():
    one = Drawing("A title.", 'Says "more" & <less>.', 300, 120)
    one.box(10, 10, 120, 40, "listener", "first", "second")
    one.text(150, 20, "a < b & $c$", mono=True)
    one.line(10, 60, 200, 100, "packet", dashed=True, arrow=True)
    return one


def test_svg_is_well_formed_and_carries_its_text_equivalent(drawing):
    svg = ElementTree.fromstring(drawing.html())
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == 'Says "more" & <less>.'
    assert [text.text for text in svg.iter("text")] == ["first", "second", "a < b & $c$"]


def test_svg_takes_its_ink_from_the_theme_and_its_colors_from_the_roles(drawing):
    assert "var(--jp-content-font-color1" in drawing.html()
    assert ROLES["listener"] in drawing.html()
    assert "fill:black" not in drawing.html()


def test_png_has_twice_the_pixels_and_is_not_empty(drawing):
    image = imread(BytesIO(drawing.png()))
    assert image.shape[:2] == (240, 600)
    assert image.min() < 0.3  # ink
    assert tuple(image[0, 0, :3]) == (1, 1, 1)  # on white


def largest_change(figure, image):
    """Return how far a saved picture is from the one that matplotlib saves, in its most different pixel, 0 to 255."""
    whole = BytesIO()
    figure.savefig(whole)
    return np.abs(np.asarray(Image.open(whole).convert("RGB"), int) - np.asarray(image.convert("RGB"), int)).max()


def test_a_flat_picture_is_saved_in_few_colors_and_looks_the_same(monkeypatch):
    figures = []
    monkeypatch.setattr(pixels, "saved", lambda figure, saved=pixels.saved: figures.append(figure) or saved(figure))
    monkeypatch.setattr(raster, "saved", pixels.saved)
    rows = Table("Rows.", ("one", "two"), (("a & b", "word " * 20), ("c", "")), (10, 20), mono=False)
    noise = np.random.default_rng(1).random((99, 99, 3))
    shades = plot("Shades.", 300, 300)(lambda axes: axes.imshow(noise) and "All colors.")
    flat = plot("Bars.", 300, 200)(lambda axes: axes.bar((1, 2), (3, 4), color=ROLES["packet"], hatch="//") and "Two.")
    for draw, mode in ((how_to_read, "P"), (lambda: rows, "P"), (flat, "P"), (shades, "RGB")):
        image = Image.open(BytesIO(draw().png()))
        assert image.mode == mode, draw().title
        assert mode == "RGB" or len(image.getcolors()) <= 64
        assert mode == "RGB" or largest_change(figures[-1], image) <= 20
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_plot_is_an_image_with_its_text_equivalent():
    @plot("A line.", 400, 200)
    def line(axes, values):
        axes.plot(values)
        return f"It ends at {values[-1]}."

    made = line([1, 2, 3])
    assert (made.title, made.alt) == ("A line.", "It ends at 3.")
    assert 'alt="It ends at 3."' in made.html()
    assert imread(BytesIO(made.png())).shape[:2] == (400, 800)


def test_a_table_is_a_real_table_live_and_all_there_in_the_picture():
    table = Table("Two rows.", ("one", "two"), (("a & b", "word " * 20), ("c", "")), (10, 20), mono=False)
    html = ElementTree.fromstring(table.html())
    assert [cell.text for cell in html.iter("td")] == ["a & b", "word " * 20, "c", None]
    assert len(list(html.iter("th"))) == 2
    assert "one: a & b; two: word" in table.alt
    assert imread(BytesIO(table.png())).shape[0] > 2 * (58 + 5 * 18)  # five lines of words


def test_a_socket_table_names_endpoints_and_missing_inodes():
    here, there = Endpoint("127.0.0.1", 80), Endpoint("127.0.0.1", 50000)
    rows = [
        SocketRow("tcp", here, Endpoint("0.0.0.0", 0), "LISTEN", 0, 5, 12),
        SocketRow("tcp", here, there, "ESTABLISHED", 0, 0, 0),
        SocketRow("tcp", there, here, "ESTABLISHED", 0, 0, None),
    ]
    table = socket_table("Rows.", rows, {there: "client"})
    assert table.rows[0][2] == "-"
    assert "client" in table.rows[1][2]
    assert [row[4] for row in table.rows] == ["12", "none", "?"]


def test_a_listing_keeps_its_lines_and_spaces():
    html = listing("What it printed.", "a   b\nc").html()
    assert re.search(r"white-space:pre-wrap", html)
    assert "a   b\nc" in html


def test_a_home_that_cannot_be_written_is_no_complaint_in_a_cell(tmp_path):
    code = "from sockets_lab.figures.drawing import Drawing; assert Drawing('A title.', '', 9, 9).png()"
    settings = os.environ | {"HOME": "/proc/nonexistent", "TMPDIR": str(tmp_path)}
    settings.pop("MPLCONFIGDIR", None)
    done = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.glob("*/fontlist*"))
