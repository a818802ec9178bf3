"""Lesson 05 in a browser: clients come and go, data wakes one socket, a full queue gives a client no answer."""

import re

from answering import answers_and_keeps_its_keys
from looking import fits, press


def test_panel_adds_accepts_sends_and_removes(lab):
    with lab.lesson("05_fourtuples") as page:
        lab.whole(page, "05_fourtuples")
        panel = lab.panel(page)
        panel.get_by_text("Use any control to begin again").wait_for()  # the lesson's end has let go of everything
        press(panel, "Add a client", "Add a client", "Accept", "Accept")
        panel.get_by_text("for connection 2, which had waited longest").wait_for()
        panel.get_by_label("Connection", exact=True).select_option("1")
        data = panel.get_by_label("Data", exact=True)
        data.fill("for the first")
        data.press("Tab")
        press(panel, "Client sends")
        panel.get_by_text("returned 'for the first'").wait_for()
        said = panel.get_by_role("img").get_attribute("aria-label")
        assert said.count("which woke") == 1
        assert re.search(r"Connection 1: .*the server's end is [^;]*, descriptor \d+, which woke\.", said)
        lab.shot(panel, "05_panel")
        panel.get_by_label("Come from", exact=True).select_option("127.0.0.3")
        press(panel, "Add a client")
        panel.get_by_text("no descriptor leads to it").wait_for()
        assert "client's end is 127.0.0.3:" in panel.get_by_role("img").get_attribute("aria-label")
        press(panel, "Client sends")
        panel.get_by_text("Nobody woke").wait_for()
        press(panel, "Add a client", "Add a client", "Add a client")
        panel.get_by_text("the queue is full").wait_for()
        lab.shot(panel, "05_panel_full")
        panel.get_by_role("button", name="Accept").focus()
        page.keyboard.press("Enter")
        panel.get_by_text("for connection 3, which had waited longest").wait_for()
        press(panel, "Remove")
        panel.get_by_text("descriptors are free again").wait_for()
        data.fill("")
        data.press("Tab")
        press(panel, "Client sends")
        panel.get_by_text("type something").wait_for()


def test_the_panel_in_the_dark_theme_on_a_small_screen(lab):
    with lab.lesson("05_fourtuples", dark=True, width=1024, again=True) as page:
        panel = lab.panel(page)
        press(panel, "Add a client", "Accept", "Client sends")
        panel.get_by_text("woke").first.wait_for()
        fits(panel)
        lab.shot(panel, "05_panel_dark")
        lab.whole(page, "05_fourtuples_dark")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "05_fourtuples", ["Add a client", "Accept", "Client sends", "Remove"])
