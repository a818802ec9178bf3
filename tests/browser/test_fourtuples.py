"""Lesson 05 in a browser: clients come and go, data wakes one socket, a full queue gives a client no answer."""

import re

from answering import answers_and_keeps_its_keys
from looking import press, write


def test_panel_adds_accepts_sends_and_removes(lab):
    with lab.lesson("05_fourtuples") as page:
        lab.whole(page, "05_fourtuples")
        panel = lab.panel(page)
        panel.get_by_text("Use any control to begin again").wait_for()  # the lesson's end has let go of everything
        press(panel, "Add a client", "Add a client", "Accept", "Accept", shows="for connection 2, which had waited")
        panel.get_by_label("Connection", exact=True).select_option("1")
        write(panel, "Data", "for the first")
        press(panel, "Client sends", shows="returned 'for the first'")
        said = panel.get_by_role("img").get_attribute("aria-label")
        assert said.count("which woke") == 1
        assert re.search(r"Connection 1: .*the server's end is [^;]*, descriptor \d+, which woke\.", said)
        lab.shot(panel, "05_panel")
        panel.get_by_label("Come from", exact=True).select_option("127.0.0.3")
        press(panel, "Add a client", shows="no descriptor leads to it")
        assert "client's end is 127.0.0.3:" in panel.get_by_role("img").get_attribute("aria-label")
        press(panel, "Add a client", "Add a client", "Add a client", shows="the queue is full")
        lab.shot(panel, "05_panel_full")
        panel.get_by_role("button", name="Accept").focus()
        page.keyboard.press("Enter")
        panel.get_by_text("for connection 3, which had waited longest").wait_for()


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "05_fourtuples", ["Add a client", "Accept", "Client sends", "Remove"])
