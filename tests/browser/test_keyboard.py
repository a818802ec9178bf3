"""Every panel by the keyboard alone: Tab reaches each control, arrows choose, and JupyterLab does not take the keys."""

import pytest

from sockets_lab.course.lessons import LESSONS

FOCUSED = "document.activeElement.closest('.sockets-lab-panel, .sockets-lab-prediction') !== null"
WHERE = "jupyterapp.shell.currentWidget.content.activeCellIndex"
CELLS = "jupyterapp.shell.currentWidget.content.widgets.length"
LEFT = "[...document.querySelectorAll('.sockets-lab-panel :is(button, select, input, .noUi-handle)')].filter(%s).length"


@pytest.mark.parametrize("name", [one.name for one in LESSONS])
def test_panels_can_be_used_by_the_keyboard_alone(lab, name):
    with lab.lesson(name) as page:
        panel = lab.panel(page)
        usable = "one => !one.disabled && one.offsetParent && one.type !== 'radio'"
        controls = page.evaluate(LEFT % usable)
        panel.locator("button, select, input").first.focus()
        at, cells, reached = page.evaluate(WHERE), page.evaluate(CELLS), 0
        while page.evaluate(FOCUSED) and reached < 100:
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
    assert page.evaluate("window.chosen === document.activeElement && window.chosen.selectedIndex") != before
    page.keyboard.press(back)
    page.wait_for_timeout(300)


def test_a_prediction_is_made_by_the_keyboard_alone(lab):
    with lab.lesson("01_descriptors") as page:
        box = page.locator(".sockets-lab-prediction").first
        box.get_by_role("radio").first.focus()
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
        assert box.get_by_role("radio").nth(1).is_checked()
        box.locator("button:enabled").wait_for()  # the kernel has heard of the choice
        for _ in range(box.get_by_role("radio").count()):  # each choice is a stop of its own
            if page.evaluate("document.activeElement.tagName") != "BUTTON":
                page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        box.get_by_text("Committed.").wait_for()
