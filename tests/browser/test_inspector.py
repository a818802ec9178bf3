"""The inspector in JupyterLab and in Notebook 7: beside the notebook, following cells while they run."""

import contextlib
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PLACES = ["lab/tree", "notebooks"]  # JupyterLab; Notebook 7
MAKES = """import socket, time
listener = socket.create_server(("127.0.0.1", 0))
time.sleep(3)
client = socket.create_connection(listener.getsockname())
time.sleep(3)
server, _ = listener.accept()
time.sleep(3)
client.close()
time.sleep(3)"""
CELLS = [
    "from sockets_lab import panels\nlesson = panels.lesson('01_descriptors')\ninspector = panels.inspector()",
    MAKES,
    "server.close(); listener.close(); lesson.end()",
    "many = [socket.socket() for _ in range(400)]",
    "inspector.close()",
]
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
FAR = "\n\n".join(["A long text."] * 60)


@pytest.fixture
def notebook(server):
    """A notebook of cells that make sockets, and of text to scroll through."""
    path = Path(server["root_dir"]) / "inspected.ipynb"
    pytest.importorskip("notebook", reason="to see Notebook 7 too: pip install -r tests/requirements.txt")
    cells = [*map(new_code_cell, CELLS), new_markdown_cell(FAR)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)
    return path.name


@contextlib.contextmanager
def opened(lab, place, notebook, width=1280):
    page = lab.browser.new_page(viewport={"width": width, "height": 800})
    try:
        page.goto(f"{lab.url}{place}/{notebook}?token={lab.token}&reset")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
        page.locator("[data-status=idle]").first.wait_for(timeout=60_000)
        yield page
    finally:
        page.close()


def run(page, number, wait=True):
    """Run one cell by the keyboard, as learners do; wait until it has its number."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    if wait:
        cell.get_by_text(re.compile(r"^\[\d+\]:$")).wait_for(timeout=60_000)
    return cell


@pytest.mark.parametrize("place", PLACES, ids=["lab", "notebook7"])
def test_it_follows_a_cell_while_it_runs_and_stays_beside_the_notebook(lab, notebook, place):
    name = place.split("/")[0]
    with opened(lab, place, notebook) as page:
        page.on("console", lambda m: print("console", m.text))
        first = run(page, 0)
        dock = page.get_by_role("region", name="Socket inspector")
        dock.get_by_text("No socket is open").wait_for()
        lab.shot(page, f"inspector_{name}_begin")
        assert first.locator(".jp-OutputArea-output").count() == 0
        cell = run(page, 1, wait=False)
        dock.get_by_role("row").filter(has_text="LISTEN").wait_for()
        assert cell.get_by_text("[*]:").is_visible()
        dock.get_by_role("row").filter(has_text="none").filter(has_text="ESTABLISHED").wait_for()
        lab.shot(page, f"inspector_{name}_waiting")
        assert cell.get_by_text("[*]:").is_visible()
        dock.get_by_role("row").filter(has_text="CLOSE_WAIT").wait_for()
        lab.shot(page, f"inspector_{name}_close_wait")
        run(page, 2)
        lab.shot(page, f"inspector_{name}_closed")
        run(page, 3)
        dock.get_by_text("400 sockets").wait_for()
        lab.shot(page, f"inspector_{name}_many")
        run(page, 4)
        dock.wait_for(state="detached")
        lab.shot(page, f"inspector_{name}_gone")
