"""The whole course in Notebook 7: every notebook opened, every cell run with what was saved, every panel there."""

import json
import re
from configparser import RawConfigParser
from pathlib import Path

import pytest

from sockets_lab.kernel.machine import try_namespaces

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
COURSE = [*sorted(path.stem for path in NOTEBOOKS.glob("[0-9]*.ipynb")), "playground"]
ON_THE_PAGE = """jupyterapp.shell.currentWidget.content.widgets.map(one => one.model)
    .filter(cell => cell.type === 'code').map(cell => cell.outputs.toJSON())"""


CHANGING = RawConfigParser()  # what changes from run to run, as nbval replaces it
CHANGING.read(NOTEBOOKS / "sanitize.cfg", encoding="utf-8")


def told(outputs: list[dict]) -> str:
    """Return what a cell printed, and the sentences that stand for its pictures, without what the kernel chooses."""
    texts = (one.get("text") or one.get("data", {}).get("text/plain", "") for one in outputs)
    text = "".join("".join(text) for text in texts)
    for kind in CHANGING.sections():
        text = re.sub(CHANGING[kind]["regex"], CHANGING[kind]["replace"], text)
    return text


@pytest.mark.parametrize("name", COURSE)
def test_every_notebook_tells_what_was_saved_and_shows_its_panel(lab, name):
    pytest.importorskip("notebook", reason="to see Notebook 7 too: pip install -r tests/requirements.txt")
    saved = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    with lab.lesson(name, width=1024, place="notebooks") as page:
        if try_namespaces() is True:  # else the lesson says what differs
            for cell, got in zip((one for one in saved if one["cell_type"] == "code"), page.evaluate(ON_THE_PAGE),
                                 strict=True):  # fmt: skip
                if "nbval-ignore-output" not in cell["metadata"].get("tags", ()):
                    assert told(got) == told(cell["outputs"]), "".join(cell["source"])
        panel = lab.panel(page)
        panel.locator("svg, img, table").first.wait_for()
        panel.get_by_role("button").or_(panel.get_by_role("combobox")).first.wait_for()
        lab.shot(page, f"notebook7_{name}")
