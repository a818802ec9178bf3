"""The whole course in Notebook 7: every notebook opened, every cell run, every panel there to be used."""

from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
COURSE = [*sorted(path.stem for path in NOTEBOOKS.glob("[0-9]*.ipynb")), "bench"]


@pytest.mark.parametrize("name", COURSE)
def test_every_notebook_runs_to_its_end_and_shows_its_panel(lab, name):
    pytest.importorskip("notebook", reason="to see Notebook 7 too: pip install -r tests/requirements.txt")
    with lab.lesson(name, width=1024, place="notebooks") as page:
        panel = lab.panel(page)
        panel.locator("svg, img, table").first.wait_for()
        panel.get_by_role("button").or_(panel.get_by_role("combobox")).first.wait_for()
        lab.shot(page, f"notebook7_{name}")
