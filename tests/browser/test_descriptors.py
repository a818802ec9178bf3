"""Lesson 01 in a browser: its panel, used with the mouse and the keyboard."""

from answering import answers_and_keeps_its_keys
from looking import press, write


def test_panel_opens_duplicates_renumbers_and_closes(lab):
    with lab.lesson("01_descriptors") as page:
        lab.whole(page, "01_descriptors")
        panel = lab.panel(page)
        press(panel, "Open", shows="the lowest number that was free")
        press(panel, "Bind", shows="Now it has a name")
        press(panel, "Listen", shows="It listens")
        press(panel, "Duplicate", shows="Two numbers, one socket")
        write(panel, "Number", 217)
        press(panel, "Give it this number", shows="a number of your choice")
        picture = panel.get_by_role("img")
        said = picture.get_attribute("aria-label")
        assert "and 217: one TCP socket" in said
        assert "LISTEN" in said
        lab.shot(panel, "01_panel")
        write(panel, "Number", 1)
        press(panel, "Give it this number", shows="stands for something already")
        descriptor = panel.get_by_label("Descriptor", exact=True)
        for _ in range(3):  # the panel chooses no other one by itself: a second click must not close it
            number = descriptor.locator("option").first.inner_text()
            descriptor.select_option(number)
            press(panel, "Close", shows=f"Descriptor {number} is free again")
        press(panel, "Close", shows="click Open first")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "01_descriptors", ["Open", "Close"])


def test_a_prediction_by_the_keyboard_alone_hints_and_the_dark_theme(lab):
    with lab.lesson("01_descriptors", dark=True) as page:
        box = page.locator(".sockets-lab-prediction").first
        assert box.get_by_role("button", name="Commit").is_disabled()
        box.get_by_role("radio").first.focus()
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
        assert box.get_by_label("it gets the next higher number").is_checked()
        box.locator("button:enabled").wait_for()  # the kernel has heard of the choice
        for _ in range(box.get_by_role("radio").count()):  # each choice is a stop of its own
            if page.evaluate("document.activeElement.tagName") != "BUTTON":
                page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        box.get_by_text("Committed.").wait_for()
        hints = page.locator(".sockets-lab-hints").first
        press(hints, "Show hint 1 of 3")
        hints.get_by_role("button", name="Show hint 2 of 3").wait_for()
        lab.run_all(page)
        page.get_by_text("you predicted “it gets the next higher number”").wait_for()
        lab.whole(page, "01_descriptors_dark")
