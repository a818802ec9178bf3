"""JupyterLab in headless Chromium: opens a lesson as a learner does, and lets a test use what is on the page.

Without Chromium or Playwright these tests are skipped, and say how to have them.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "build" / "screenshots"
HOW = "to run the browser tests: install Chromium (Debian: apt-get install chromium) and `pip install playwright`"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # all cells on the page, for the screenshot
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
PATIENCE = 120_000  # milliseconds, for a machine whose cores have much else to do
CODE = "jupyterapp.shell.currentWidget.content.widgets.map(one => one.model).filter(cell => cell.type === 'code')"
CHOSEN = "all => all.map(one => one.type === 'checkbox' ? one.checked : one.value)"
# The kernel has answered: an indicator on the page may say so before the notebook knows its kernel
IDLE = """() => { const book = window.jupyterapp?.shell.currentWidget;
    return book?.context?.isReady && book.sessionContext.session?.kernel?.status === 'idle'; }"""


class Lab:
    """A running JupyterLab and a browser in front of it. The last lesson stays open until another one is opened."""

    def __init__(self, browser, url: str, token: str) -> None:
        self.browser, self.url, self.token = browser, url, token
        self.name, self.page = "", None

    @contextlib.contextmanager
    def lesson(self, name: str, dark: bool = False, width: int = 1280, height: int = 900, place: str = "doc/tree",
               again: bool = False) -> Iterator:  # fmt: skip
        """Open a lesson in a fresh kernel, choose Run All from the menu, wait until it is done, and yield the page.

        Args:
            place: "doc/tree" for JupyterLab, "notebooks" for Notebook 7, which the same server has.
            again: where the test before this one had the same lesson, go on with it; only the panel is made anew.
        """
        goes_on = again and name == self.name
        if not goes_on:
            self.close()
            self.page = self.browser.new_page()
            self.page.set_default_timeout(PATIENCE)
            self.page.goto(f"{self.url}{place}/{name}.ipynb?token={self.token}&reset")
            self.page.wait_for_function(IDLE, timeout=PATIENCE)
        page, self.page = self.page, None  # not to be gone on with where a test fails
        try:
            page.set_viewport_size({"width": width, "height": height})
            theme = "JupyterLab Dark" if dark else "JupyterLab Light"  # always said: the server remembers the last one
            page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
            self.new_panel(page) if goes_on else self.run_all(page)
            yield page
            self.name, self.page = name, page
        finally:
            if self.page is None:
                self.page = page
                self.close()

    def close(self) -> None:
        """Close the lesson that is open, and end its kernel."""
        if self.page is not None:
            with contextlib.suppress(Exception):
                self.page.evaluate("jupyterapp.serviceManager.sessions.shutdownAll()")
            self.page.close()
        self.name, self.page = "", None

    def new_panel(self, page) -> None:
        """Run the last panel's cell again, and wait for the new one to take the place of the old."""
        page.evaluate("document.querySelectorAll('.sockets-lab-panel').forEach(one => { one.dataset.old = 'yes' })")
        page.evaluate("""() => { const book = jupyterapp.shell.currentWidget.content;
            book.activeCellIndex = book.widgets.findLastIndex(
                one => /(lesson\\.panel|panel\\.make)\\(/.test(one.model.sharedModel.getSource())); }""")
        page.evaluate("jupyterapp.commands.execute('notebook:run-cell')")
        page.wait_for_function("document.querySelector('.sockets-lab-panel:not([data-old])')", timeout=PATIENCE)
        page.wait_for_function(IDLE, timeout=PATIENCE)

    def run_all(self, page) -> None:
        """Choose Run, Run All Cells; wait until no cell waits; fail on an error that no cell announces by its tag."""
        page.evaluate(f"() => {CODE}.forEach(cell => {{ cell.executionCount = null }})")  # forget the saved run
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_function(f"() => {CODE}.every(cell => cell.executionCount !== null)", timeout=2 * PATIENCE)
        page.wait_for_function(IDLE, timeout=PATIENCE)
        errors = page.evaluate(
            f"""() => {CODE}.filter(cell => !(cell.getMetadata('tags') || []).includes('raises-exception'))
                .flatMap(cell => cell.outputs.toJSON()).filter(output => output.output_type === 'error')
                .map(error => `${{error.ename}}: ${{error.evalue}}`)"""
        )
        assert errors == []

    def panel(self, page):
        """Return the lesson's panel, scrolled into sight."""
        panel = page.locator(".sockets-lab-panel").last
        panel.scroll_into_view_if_needed()
        return panel

    def says(self, panel, text: str) -> None:
        """Wait until a panel's sentence has this text; fail with what it says instead."""
        try:
            panel.get_by_role("status").filter(has_text=text).wait_for()  # not a button of the same words
        except Exception as missing:
            said = panel.get_by_role("status").all_inner_texts()
            chosen = panel.locator("select, input").evaluate_all(CHOSEN)
            raise AssertionError(f"The panel says: {said}; chosen: {chosen}") from missing

    def shot(self, place, name: str) -> Path:
        """Save a screenshot of a page or of a part of it as build/screenshots/<name>.png."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        path = SHOTS / f"{name}.png"
        place.screenshot(path=path)
        return path

    def whole(self, page, name: str) -> Path:
        """Save the whole notebook, from its first cell to its last, as one screenshot."""
        height = page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollHeight")
        page.set_viewport_size({"width": page.viewport_size["width"], "height": int(height) + 150})
        page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0")
        page.wait_for_timeout(500)
        return self.shot(page, name)


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[dict]:
    """Start JupyterLab on a copy of the notebooks, on a port that the kernel chooses."""
    place = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", place / "notebooks")
    config = place / "config" / "labconfig"
    config.mkdir(parents=True)
    (config / "default_setting_overrides.json").write_text(json.dumps(SETTINGS))
    folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTER_DATA_DIR": "data",
               "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "JUPYTERLAB_SETTINGS_DIR": "settings"}  # fmt: skip
    environment = os.environ | {key: str(place / name) for key, name in folders.items()}
    environment["SOCKETS_LAB_DATA"] = str(place / "progress")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0",
               "--expose-app-in-browser", "--JupyterNotebookApp.expose_app_in_browser=True",
               "--IdentityProvider.token=t", f"--ServerApp.root_dir={place / 'notebooks'}"]  # fmt: skip
    log = (place / "log").open("wb")
    with log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process:
        try:
            yield _answer(place, process)
        finally:
            process.terminate()
            process.wait(30)


def _answer(place: Path, process: subprocess.Popen) -> dict:
    """Wait until the server has written where it can be reached."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        for path in (place / "runtime").glob("jpserver-*.json"):
            with contextlib.suppress(ValueError):
                about = json.loads(path.read_text())
                if about.get("port"):
                    return about
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{(place / 'log').read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Start Chromium, or skip with a sentence."""
    playwright = pytest.importorskip("playwright.sync_api", reason=HOW)
    if CHROMIUM is None:
        pytest.skip(HOW)
    with playwright.sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def lab(browser, server) -> Iterator[Lab]:
    """The course, open in a browser."""
    opened = Lab(browser, server["url"], server["token"])
    yield opened
    opened.close()
