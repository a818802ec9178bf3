"""Lesson 04 in a browser: two programs meet, with every option, and the whole matrix is measured."""

from answering import answers_and_keeps_its_keys
from looking import press


def test_two_programs_meet_and_the_matrix_is_measured(lab):
    with lab.lesson("04_conflicts") as page:
        lab.whole(page, "04_conflicts")
        panel = lab.panel(page)
        panel.get_by_text("Use any control to begin again").wait_for()  # the lesson's end let go of it
        press(panel, "Let them meet", shows="bind 2 is refused")
        lab.shot(panel, "04_panel")
        for number in (0, 1):
            panel.get_by_label("SO_REUSEPORT").nth(number).check()
        lab.says(panel, "Every call worked")
        said = panel.get_by_role("img").get_attribute("aria-label")
        assert "Program 2: listen: worked" in said
        assert said.count("LISTEN;") == 2
        lab.shot(panel, "04_panel_shared")
        panel.locator("select").nth(4).select_option("0.0.0.0, all of IPv4")
        panel.get_by_label("SO_REUSEPORT").nth(0).press("Space")
        lab.says(panel, "SO_REUSEPORT counts only where both sockets set it")
        assert "bind 0.0.0.0:" in panel.get_by_role("img").get_attribute("aria-label")
        press(panel, "Swap the programs")
        panel.locator('svg[aria-label^="The first program claims tcp 0.0.0.0 SO_REUSEPORT"]').wait_for()
        press(panel, "Measure the whole matrix", shows="784 real trials")
        panel.locator('svg[aria-label^="Of 16 choices"]').wait_for()
        lab.shot(panel, "04_panel_matrix")
        press(panel, "Let them meet")
        panel.locator('svg[aria-label^="The first program claims"]').wait_for()
        lab.run_all(page)  # a second time in the same kernel: the earlier panel's program is ended, a new one begins
        page.get_by_text("Everything is closed").wait_for()


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "04_conflicts", ["Let them meet", "Swap the programs"])
