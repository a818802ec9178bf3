"""The whole course in Notebook 7: every notebook opened, every cell run without an error, every panel there.

It is dark here, and narrow; in JupyterLab the panels are light, and as wide as on most screens.
"""

from pathlib import Path

import pytest
from looking import fits

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
COURSE = [*sorted(path.stem for path in NOTEBOOKS.glob("[0-9]*.ipynb")), "playground"]


@pytest.mark.parametrize("name", COURSE)
def test_every_notebook_runs_and_shows_its_panel(lab, name):
    pytest.importorskip("notebook", reason="to see Notebook 7 too: pip install -r tests/requirements.txt")
    with lab.lesson(name, dark=True, width=1024, place="notebooks") as page:
        panel = lab.panel(page)
        panel.locator("svg, img, table").first.wait_for()
        panel.get_by_role("button").or_(panel.get_by_role("combobox")).first.wait_for()
        fits(panel)
        lab.shot(page, f"notebook7_{name}")
