"""Lesson 11 in a browser: rules for a node, clients that ask, and the packets that crossed the cable."""

from answering import answers_and_keeps_its_keys
from labs import needs_namespaces
from looking import fits, press

pytestmark = needs_namespaces


def choose(panel, label, value):
    """Choose from one of the panel's lists by mouse."""
    panel.get_by_label(label, exact=True).select_option(value)


def write(panel, label, value):
    """Write a number by keyboard."""
    field = panel.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Tab")


def test_panel_drops_accepts_in_order_and_lets_answers_in(lab):
    with lab.lesson("11_filtering_and_forwarding") as page:
        lab.whole(page, "09_filtering")
        panel = lab.panel(page)
        lab.says(panel, "Use any control to begin again")  # the lesson's end has let go of everything
        press(panel, "Remove all")
        lab.says(panel, "B has no rules")
        write(panel, "Port (0 = any)", 80)
        choose(panel, "Rule", "drop")
        press(panel, "Add rule", "Ask")
        lab.says(panel, "A hears nothing for 1.3 seconds. Rule 1 met packets of it.")
        assert "tcp dport 80 counter drop" in panel.get_by_role("table").inner_text()
        assert "SYN" in panel.get_by_role("img").get_attribute("aria-label")
        lab.shot(panel, "11_panel_dropped")
        choose(panel, "Rule", "accept")
        panel.get_by_label("Log", exact=True).check()
        press(panel, "Add rule", "Remove rule", "Ask")
        lab.says(panel, "A is connected and hears HTTP/1.1 200 OK. Rule 1 met packets of it. Logged:")
        lab.shot(panel, "11_panel_accepted")
        choose(panel, "All else", "drop")
        choose(panel, "Question", "B asks at A, tcp 80: web")
        choose(panel, "Protocol", "any")
        choose(panel, "State", "established")
        write(panel, "Port (0 = any)", 0)
        press(panel, "Add rule")
        lab.says(panel, "B's kernel holds the rule")
        panel.get_by_role("button", name="Ask", exact=True).focus()
        page.keyboard.press("Enter")
        lab.says(panel, "B is connected and hears HTTP/1.1 200 OK. Rule 2 met packets of it.")
        lab.shot(panel, "11_panel_stateful")


def test_the_panel_in_the_dark_theme_on_a_small_screen(lab):
    with lab.lesson("11_filtering_and_forwarding", dark=True, width=1024) as page:
        panel = lab.panel(page)
        press(panel, "Ask")
        lab.says(panel, "A is connected and hears HTTP/1.1 200 OK.")
        fits(panel)
        lab.shot(panel, "11_panel_dark")
        lab.whole(page, "11_filtering_dark")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "11_filtering_and_forwarding", ["Add rule", "Remove rule"], again=False)
