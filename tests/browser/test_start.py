"""Lesson 00 in a browser: the first thing that a learner sees, from the first cell to the last."""

from answering import answers_and_keeps_its_keys
from looking import press


def test_the_passport_is_explained_line_by_line(lab):
    with lab.lesson("00_start_here") as page:
        lab.whole(page, "00_start_here")
        panel = lab.panel(page)
        panel.get_by_text("Choose an ability").wait_for()
        panel.get_by_label("Ability").select_option("SO_REUSEPORT")
        panel.get_by_text("It matters in 04_conflicts").wait_for()
        said = panel.get_by_role("img").get_attribute("aria-label")
        assert "SO_REUSEPORT: " in said
        assert "network namespaces: " in said
        lab.shot(panel, "00_panel")
        press(panel, "Try everything again", shows="Tried again")
        panel.get_by_label("Ability").select_option("more loopback addresses")
        panel.get_by_text("every learner and every client uses 127.0.0.1").wait_for()


def test_the_map_shows_what_was_predicted(lab):
    with lab.lesson("00_start_here", dark=True, width=1024) as page:
        box = page.locator(".sockets-lab-prediction").first
        box.scroll_into_view_if_needed()
        box.get_by_label("the connection is made").check()
        box.get_by_role("button", name="Commit").click()
        box.get_by_text("Committed").wait_for()
        lab.run_all(page)
        page.get_by_text("you predicted “the connection is made”").wait_for()
        course_map = page.get_by_role("img", name="00 Start here: your machine's passport: 1 of 1 predictions made")
        course_map.scroll_into_view_if_needed()
        lab.whole(page, "00_start_here_dark")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "00_start_here", ["Try everything again*"])
