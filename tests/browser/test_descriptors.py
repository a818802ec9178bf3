"""Lesson 01 in a browser: its panel, used with the mouse and the keyboard."""

from answering import answers_and_keeps_its_keys


def test_panel_opens_duplicates_renumbers_and_closes(lab):
    with lab.lesson("01_descriptors") as page:
        lab.whole(page, "01_descriptors")
        panel = lab.panel(page)
        panel.get_by_role("button", name="Open").click()
        panel.get_by_text("the lowest number that was free").wait_for()
        panel.get_by_role("button", name="Bind").click()
        panel.get_by_text("Now it has a name").wait_for()
        panel.get_by_role("button", name="Listen").click()
        panel.get_by_text("It listens").wait_for()
        panel.get_by_role("button", name="Duplicate").click()
        panel.get_by_text("Two numbers, one socket").wait_for()
        number = panel.get_by_label("Number")
        number.fill("217")
        number.press("Tab")
        panel.get_by_role("button", name="Give it this number").click()
        panel.get_by_text("a number of your choice").wait_for()
        picture = panel.get_by_role("img")
        said = picture.get_attribute("aria-label")
        assert "and 217: one TCP socket" in said
        assert "LISTEN" in said
        lab.shot(panel, "01_panel")
        number.fill("1")
        number.press("Tab")
        panel.get_by_role("button", name="Give it this number").click()
        panel.get_by_text("stands for something already").wait_for()
        for _ in range(3):
            panel.get_by_role("button", name="Close").click()
        panel.get_by_text("no socket is open").wait_for()
        panel.get_by_role("button", name="Close").click()
        panel.get_by_text("click Open first").wait_for()


def test_predictions_hints_and_the_dark_theme(lab):
    with lab.lesson("01_descriptors", dark=True) as page:
        box = page.locator(".sockets-lab-prediction").first
        box.scroll_into_view_if_needed()
        assert box.get_by_role("button", name="Commit").is_disabled()
        box.get_by_label("it gets the next higher number").check()
        box.get_by_role("button", name="Commit").click()
        box.get_by_text("Committed").wait_for()
        hints = page.locator(".sockets-lab-hints").first
        hints.get_by_role("button", name="Show hint 1 of 3").click()
        hints.get_by_role("button", name="Show hint 2 of 3").wait_for()
        lab.run_all(page)
        page.get_by_text("You predicted: it gets the next higher number").wait_for()
        lab.whole(page, "01_descriptors_dark")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "01_descriptors", ["Open", "Duplicate", "Close", "Close"])


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
