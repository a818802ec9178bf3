"""The inspector in JupyterLab and in Notebook 7: beside the notebook, following cells while they run."""

import contextlib
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PLACES = {"lab": "doc/tree", "notebook7": "notebooks"}
MAKES = """import os, socket, time
def told(word):
    while not os.path.exists(word):
        time.sleep(0.05)
    os.remove(word)
listener = socket.create_server(("127.0.0.1", 0))
told("connect")
client = socket.create_connection(listener.getsockname())
told("accept")
server, _ = listener.accept()
client.close()
told("end")"""
CELLS = [
    "from sockets_lab import panels\nlesson = panels.lesson('01_descriptors')\npanels.inspector()",
    MAKES,
    "server.close(); listener.close(); lesson.end()",
    "many = [socket.socket() for _ in range(1000)]",
    "panels.inspector().close()",
]
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
FAR = "\n\n".join(["A long text."] * 60)
MINUTE = 60_000
DONE, RUNNING = re.compile(r"^\[\d+\]:$"), re.compile(r"^\[[\d*]+\]:$")


@pytest.fixture(params=PLACES)
def page(lab, server, request):
    """A notebook of cells that make sockets, and of text to scroll through, in both of Jupyter's pages."""
    if request.param == "notebook7":
        pytest.importorskip("notebook", reason="to see Notebook 7 too: pip install -r tests/requirements.txt")
    cells = [*map(new_code_cell, CELLS), new_markdown_cell(FAR)]
    path = Path(server["root_dir"]) / f"inspected_{request.param}.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)
    page = lab.browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{lab.url}{PLACES[request.param]}/{path.name}?token={lab.token}&reset")
    page.locator(".jp-Toolbar-kernelName", has_text="Python 3 (ipykernel)").first.wait_for(timeout=2 * MINUTE)
    page.locator("[data-status=idle]").first.wait_for(timeout=MINUTE)
    page.kind = request.param
    yield page
    for session in page.request.get(f"{lab.url}api/sessions?token={lab.token}").json():
        page.request.delete(f"{lab.url}api/sessions/{session['id']}?token={lab.token}")
    page.close()


def run(page, number):
    """Run one cell by the keyboard, as learners do; a kernel that is not ready yet may lose the first request."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    prompt = cell.locator(".jp-InputPrompt")
    for _ in range(6):
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        with contextlib.suppress(Exception):
            prompt.get_by_text(RUNNING).wait_for(timeout=MINUTE / 6)
            return cell
    raise AssertionError(f"cell {number} was never run")


def done(page, number):
    """Run one cell and wait until it is done; return what stands below it."""
    cell = run(page, number)
    cell.locator(".jp-InputPrompt").get_by_text(DONE).wait_for(timeout=MINUTE)
    return cell.locator(".jp-OutputArea-output")


def inspector(page):
    return page.get_by_role("region", name="Socket inspector")


def test_it_follows_a_cell_while_it_runs(lab, page, server):
    def tell(word):
        Path(server["root_dir"], word).touch()

    dock = inspector(page)
    outputs = done(page, 0)
    dock.get_by_text("No socket is open").wait_for()
    assert outputs.count() == 0
    assert re.search(r"Left out: \d+ of Jupyter's own", dock.inner_text())
    cell = run(page, 1)
    dock.get_by_role("row").filter(has_text="LISTEN").wait_for()
    spoken = dock.get_by_role("status")  # of more than four changes at once it would only tell the number
    spoken.filter(has_text="LISTEN").wait_for()
    tell("connect")
    dock.get_by_role("row").filter(has_text=re.compile("none.*ESTABLISHED", re.DOTALL)).wait_for()
    lab.shot(page, f"inspector_{page.kind}_waiting")
    spoken.filter(has_text="ESTABLISHED").wait_for()
    tell("accept")
    dock.get_by_role("row").filter(has_text="CLOSE_WAIT").wait_for()
    assert cell.get_by_text("[*]:").is_visible()  # all this while the cell was running
    spoken.filter(has_text="CLOSE_WAIT").wait_for()
    assert cell.locator(".jp-OutputArea-output").count() == 0
    tell("end")
    outputs = done(page, 2)
    assert "Everything is closed" in outputs.inner_text()  # the inspector is no leftover
    dock.get_by_role("row").filter(has_text="closed").first.wait_for()
    lab.shot(page, f"inspector_{page.kind}_closed")
    done(page, 3)
    dock.get_by_text("The newest 40 are shown").wait_for()
    done(page, 4)  # the second took the place of the first, and was closed
    dock.wait_for(state="detached")
    assert page.evaluate("document.getElementById('main').getBoundingClientRect().right") == 1280


def test_it_stays_beside_the_notebook_and_can_be_used_by_the_keyboard_alone(lab, page):
    page.set_viewport_size({"width": 1024, "height": 768})
    done(page, 0)
    dock = inspector(page)
    dock.wait_for()
    frame = dock.bounding_box()
    assert page.evaluate("document.getElementById('main').getBoundingClientRect().right") <= frame["x"]
    page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTop = 900")
    assert dock.bounding_box() == frame
    dock.get_by_role("button", name="Fold").focus()
    page.keyboard.press("Enter")
    assert dock.bounding_box()["width"] < 50
    lab.shot(page, f"inspector_{page.kind}_folded")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert dock.bounding_box()["x"] == 0
    lab.shot(page, f"inspector_{page.kind}_left")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert dock.get_by_label("Jupyter's own too").is_checked()
    dock.get_by_role("row").filter(has_text="LISTEN").first.wait_for()
    for cell in dock.get_by_role("cell").all():
        box = cell.bounding_box()
        assert box["x"] + box["width"] <= frame["width"]
    lab.shot(page, f"inspector_{page.kind}_jupyters")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    dock.wait_for(state="detached")


def test_it_comes_back_with_the_page_and_goes_with_the_kernel(lab, page):
    if page.kind == "lab":
        page.evaluate("jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    done(page, 0)
    inspector(page).wait_for()
    lab.shot(page, f"inspector_{page.kind}_begin")
    page.reload()
    inspector(page).wait_for(timeout=MINUTE)
    if page.kind == "lab":
        page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        inspector(page).wait_for(state="detached", timeout=MINUTE)
