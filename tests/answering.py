"""What every panel must do in a browser: answer each click, and be used by the keyboard alone.

Answers are measured from click to changed picture, beside a bare round trip of a widget in the same page; printed are
median, 95th percentile, and the median as a multiple of the bare round trip's. Only SOCKETS_LAB_CLICKS=40 in the
environment, on a machine without other work, also asserts how fast.
"""

import json
import os
import statistics

CLICKS = int(os.environ.get("SOCKETS_LAB_CLICKS", "2"))
MEASURED = "SOCKETS_LAB_CLICKS" in os.environ
BARE = """
import ipywidgets as _w
from IPython.display import display
_count, _page = [0], _w.HTML("0")
_page.add_class("bare-page")
_button = _w.Button(description="bare")
_button.add_class("bare-button")
def _again(_):
    _count[0] += 1
    _page.value = f'<div>{_count[0]}</div>'
_button.on_click(_again)
display(_button, _page)
"""
# A click, and the milliseconds until the watched place has changed; -1 after a minute without a change
CLICK = """([button, watched]) => new Promise((answer) => {
    const began = performance.now();
    const late = setTimeout(() => { seen.disconnect(); answer(-1); }, 60000);
    const seen = new MutationObserver(() => {
        seen.disconnect(); clearTimeout(late);
        requestAnimationFrame(() => answer(performance.now() - began));
    });
    seen.observe(watched, { childList: true, subtree: true, characterData: true, attributes: true });
    button.click();
})"""
# Of the keyboard: whether a panel has the focus, the chosen cell, how many cells, and how many controls wait for Tab
FOCUSED = "document.activeElement.closest('.sockets-lab-%s') !== null"
WHERE = "jupyterapp.shell.currentWidget.content.activeCellIndex"
CELLS = "jupyterapp.shell.currentWidget.content.widgets.length"
LAST = "[...document.querySelectorAll('.sockets-lab-panel')].at(-1)"
LEFT = f"[...{LAST}.querySelectorAll(':is(button, select, input, .noUi-handle)')].filter(%s).length"


def answers_and_keeps_its_keys(lab, name, buttons, again=True):
    """Click and type in a lesson's panel.

    Args:
        buttons: to click in turn; the last ones undo what the first did. A star behind one: watch the panel's sentence,
            because the picture stays the same.
        again: go on with the lesson as the test before left it.
    """
    with lab.lesson(name, again=again) as page:
        answers_at_once(lab, page, name, buttons)
        every_control_is_reached(lab.panel(page), page)


def answers_at_once(lab, page, name, buttons):
    """Click in turn on a bare widget, which takes the place of the first cell's output, and on the panel."""
    page.evaluate(f"""async () => {{
        const cell = jupyterapp.shell.currentWidget.content.widgets.find(one => one.model.type === 'code');
        cell.model.sharedModel.setSource({json.dumps(BARE)});
    }}""")
    page.evaluate("""() => { const book = jupyterapp.shell.currentWidget.content;
        book.activeCellIndex = book.widgets.findIndex(one => one.model.type === 'code'); }""")
    page.evaluate("jupyterapp.commands.execute('notebook:run-cell')")
    bare, bare_page = page.locator(".bare-button").first, page.locator(".bare-page").first
    bare_page.wait_for()
    panel = lab.panel(page)
    places = (panel.locator(".sockets-lab-picture"), panel.locator(".sockets-lab-line"))
    found: dict[str, list[float]] = {"bare": []}
    for _ in range(CLICKS):
        for label in buttons:
            found["bare"].append(measured(page, bare, bare_page))
            page.wait_for_timeout(150)  # nobody clicks twice within milliseconds, and TCP would hold the second answer
            button = panel.get_by_role("button", name=label.rstrip("*"), exact=True)
            found.setdefault(label, []).append(measured(page, button, places[label[-1:] == "*"]))
            page.wait_for_timeout(150)
    usual = statistics.median(found["bare"])
    for label, times in found.items():
        middle, most = statistics.median(times), sorted(times)[int(len(times) * 0.95)]
        print(f"{name:30} {label:22} median {middle:6.1f} ms  p95 {most:6.1f} ms  {middle / usual:4.2f} x bare")
        assert min(times) > 0, f"{label}: nothing on the page changed"
        assert not MEASURED or middle < 100


def measured(page, button, place) -> float:
    return page.evaluate(CLICK, [button.element_handle(), place.element_handle()])


def every_control_is_reached(panel, page):
    """Go through a panel by Tab; use its lists by arrows; JupyterLab must not take the keys."""
    usable = "one => !one.disabled && one.offsetParent && one.type !== 'radio'"
    controls = page.evaluate(LEFT % usable)
    panel.locator("button:visible, select:visible, input:visible").first.focus()
    at, cells, reached = page.evaluate(WHERE), page.evaluate(CELLS), 0
    kind = "panel" if page.evaluate(FOCUSED % "panel") else "prediction"  # what comes after it is another cell's
    while page.evaluate(FOCUSED % kind) and reached < 100:
        reached += 1
        tag = page.evaluate("document.activeElement.tagName")
        if tag == "SELECT":
            choose(page)
        elif tag == "BUTTON":
            page.keyboard.press("x")  # in the notebook's command mode this cuts the cell
        assert page.evaluate(CELLS) == cells
        assert page.evaluate(WHERE) == at
        page.keyboard.press("Tab")
    assert reached >= controls


def choose(page):
    """Choose the next and the former entry of the focused list."""
    index = "document.activeElement.selectedIndex"
    before, count = page.evaluate(index), page.evaluate("document.activeElement.length")
    if count < 2:
        return
    page.evaluate("window.chosen = document.activeElement")
    there, back = ("ArrowDown", "ArrowUp") if before < count - 1 else ("ArrowUp", "ArrowDown")
    page.keyboard.press(there)
    page.wait_for_timeout(300)
    assert page.evaluate("window.chosen === document.activeElement")
    assert page.evaluate("window.chosen.selectedIndex") != before
    page.keyboard.press(back)
    page.wait_for_timeout(300)
