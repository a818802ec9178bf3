"""Record the README's two moving pictures in a real browser: the inspector follows a cell, and a panel is used.

Usage: .venv/bin/python -m pytest -q -n0 docs/moving.py    (needs tests/requirements.txt and Chromium; writes
docs/inspector.webp and docs/panel.webp, some hundred kilobytes each)
"""

import contextlib
import io
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image, ImageOps

from tests.browser.conftest import browser, lab, server  # noqa: F401  pytest finds them by name

DOCS = Path(__file__).parent
SLOWER = 10  # times: a screenshot takes longer than the way of a dot, so the page moves slowly and the film fast
CELLS = (
    "from sockets_lab import panels\npanels.inspector()",
    "import socket, time\nserver = socket.create_server((\"127.0.0.1\", 0))\ntime.sleep(1.5)\n"
    "client = socket.create_connection(server.getsockname())\ntime.sleep(1.5)\n"
    "accepted, _ = server.accept()\ntime.sleep(1.5)\nclient.close()\ntime.sleep(1.5)\n"
    "accepted.close(), server.close()",
)  # fmt: skip


class Film:
    """The frames of a page or a part of it, each with the time until the next one. Sizes in pixels, times in ms."""

    def __init__(self, page, place, width: int) -> None:
        self.page, self.place, self.width = page, place, width
        self.frames: list[tuple[Image.Image, int]] = []

    def take(self, shown: int) -> None:
        """Take a frame that is shown so long; where nothing has changed, the one before is shown longer."""
        frame = Image.open(io.BytesIO(self.place.screenshot())).convert("RGB")
        height = frame.height * self.width // frame.width
        frame = frame.resize((self.width, height), Image.Resampling.LANCZOS)
        if self.frames and frame.tobytes() == self.frames[-1][0].tobytes():
            frame, shown = self.frames[-1][0], self.frames.pop()[1] + shown
        self.frames.append((frame, shown))

    def during(self, seconds: float, shown: int) -> None:
        """Take frames for so long, each to be shown so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.take(shown)

    def save(self, name: str) -> None:
        height = max(frame.height for frame, _ in self.frames)
        first, *rest = (ImageOps.pad(frame, (self.width, height), color="white", centering=(0, 0))
                        for frame, _ in self.frames)  # fmt: skip
        first.save(DOCS / name, save_all=True, append_images=rest, duration=[time for _, time in self.frames],
                   loop=0, quality=70, method=6, minimize_size=True)  # fmt: skip
        assert (DOCS / name).stat().st_size < 750_000


def test_inspector(lab, server):  # noqa: F811
    path = Path(server["root_dir"]) / "film.ipynb"
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    nbformat.write(new_notebook(cells=[*map(new_code_cell, CELLS)], metadata={"kernelspec": kernel}), path)
    page = lab.browser.new_page(viewport={"width": 1160, "height": 470})
    page.goto(f"{lab.url}doc/tree/{path.name}?token={lab.token}&reset")
    page.locator("[data-status=idle]").first.wait_for(timeout=60_000)
    for _ in range(6):  # a kernel that is not ready yet may lose the first request
        page.locator(".jp-CodeCell").first.click()
        page.keyboard.press("Shift+Enter")
        with contextlib.suppress(Exception):
            page.locator(".sockets-lab-inspector").wait_for(timeout=8000)
            break
    page.wait_for_timeout(1500)
    film = Film(page, page, 1000)
    film.take(1000)
    page.keyboard.press("Shift+Enter")
    film.during(8, 200)
    film.take(1500)
    film.save("inspector.webp")
    page.close()


def test_panel(lab):  # noqa: F811
    with lab.lesson("05_fourtuples") as page:
        panel = page.locator(".sockets-lab-panel").first
        panel.scroll_into_view_if_needed()
        panel.get_by_role("button", name="Begin", exact=True).click()
        page.add_style_tag(content=f":root {{ --moves: {0.4 * SLOWER}s }}")
        page.wait_for_timeout(800)
        panel.get_by_label("Connection", exact=True).select_option("1")
        film = Film(page, panel, 800)
        film.take(1200)
        for label in ("Client sends", "Server sends", "Accept", "Add a client", "Add a client"):
            panel.get_by_role("button", name=label, exact=True).click()
            film.during(0.45 * SLOWER, 40)
            film.take(900)
        film.save("panel.webp")
