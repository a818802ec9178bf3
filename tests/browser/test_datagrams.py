"""Lessons 08 and 09 in a browser: datagrams to one, to nobody, to a group; a buffer that overflows; peers."""

import re

from answering import answers_and_keeps_its_keys
from looking import fits, press


def test_panel_sends_loses_and_connects(lab):
    with lab.lesson("08_datagrams") as page:
        lab.whole(page, "08_datagrams")
        panel = lab.panel(page)
        panel.get_by_text("Use any control to begin again").wait_for()  # the lesson's end has let go of everything
        press(panel, "Send")
        panel.get_by_text("Something waits at receiver").wait_for()
        panel.get_by_label("From", exact=True).select_option("sender 2")
        data = panel.get_by_label("Data", exact=True)
        data.fill("from the page")
        data.press("Tab")
        press(panel, "Send", "Read all")
        panel.get_by_text("'from the page' from sender 2").wait_for()
        press(panel, "Send 50")
        panel.get_by_text("took 50 datagrams").wait_for()
        assert re.search(r"Receiver is [^;]*; \d+ of \d+ bytes in use, [1-9]\d* dropped",
                         panel.get_by_role("img").get_attribute("aria-label"))  # fmt: skip
        lab.shot(panel, "08_panel_full")
        panel.get_by_label("To", exact=True).select_option("closed port")
        press(panel, "Send")
        panel.get_by_text("nobody is told").wait_for()
        press(panel, "Connect sender")
        panel.get_by_text("sender 2 is connected to closed port").wait_for()
        press(panel, "Send")
        panel.get_by_text("ECONNREFUSED").wait_for()
        lab.shot(panel, "08_panel_closed")
        press(panel, "Disconnect both")
        panel.get_by_text("No peer any more: sender 2").wait_for()


def test_the_panel_in_the_dark_theme_on_a_small_screen(lab):
    with lab.lesson("08_datagrams", dark=True, width=1024, again=True) as page:
        panel = lab.panel(page)
        press(panel, "Send 50", "Connect receiver")
        panel.get_by_text("is connected to sender 1").wait_for()
        fits(panel)
        lab.shot(panel, "08_panel_dark")
        lab.whole(page, "08_datagrams_dark")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "08_datagrams", ["Send", "Read all"])


def test_members_join_and_leave(lab):
    with lab.lesson("09_groups") as page:
        lab.whole(page, "09_groups")
        panel = lab.panel(page)
        panel.get_by_label("Member", exact=True).select_option("member 3")
        press(panel, "Leave")
        panel.get_by_text("left the group").wait_for()
        panel.get_by_role("button", name="Send", exact=True).focus()
        page.keyboard.press("Enter")
        panel.get_by_text("Something waits at member 1 and member 2 and bystander").wait_for()
        fits(panel)
        lab.shot(panel, "09_panel_group")


def test_the_panel_of_groups_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "09_groups", ["Send", "Read all"])
