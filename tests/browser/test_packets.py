"""Lesson 10 in a browser: light up a field, change it, send the packet, see what comes."""

from answering import answers_and_keeps_its_keys
from labs import needs_namespaces
from looking import fits, picture, press

pytestmark = needs_namespaces


def write(panel, header, field, value):
    """Choose a field and write a value into it, by mouse and keyboard."""
    panel.get_by_label("Header", exact=True).select_option(header)
    panel.get_by_label("Field", exact=True).select_option(field)
    text = panel.get_by_label("New value", exact=True)
    text.fill(value)
    text.press("Tab")
    press(panel, "Change")


def test_panel_lights_changes_and_sends(lab):
    with lab.lesson("10_headers") as page:
        lab.whole(page, "10_headers")
        panel = lab.panel(page)
        panel.get_by_text("Use any control to begin again").wait_for()  # the lesson's end has let go of everything
        press(panel, "Send it")
        panel.get_by_text("The first program received b'hello'").wait_for()
        write(panel, "UDP", "destination port", "9")
        panel.get_by_text("All checksums are right").wait_for()
        panel.get_by_role("button", name="Send it", exact=True).focus()
        page.keyboard.press("Enter")
        panel.get_by_text("ICMP port unreachable").first.wait_for()
        assert "which is 9." in picture(panel)
        lab.shot(panel, "10_panel_closed")
        panel.get_by_label("checksums and lengths follow").uncheck()
        write(panel, "UDP", "checksum", "0xbad")
        panel.get_by_text("Wrong now: the checksum of UDP").wait_for()
        lab.shot(panel, "10_panel_checksum")
        panel.get_by_label("Packet", exact=True).select_option("a first segment (SYN)")
        panel.get_by_label("Field", exact=True).select_option("syn")
        page.wait_for_function("() => document.body.innerHTML.includes('Lit: TCP, SYN')")
        press(panel, "Send it")
        panel.get_by_text("said: RST").wait_for()
        lab.shot(panel, "10_panel_segment")


def test_the_panel_in_the_dark_theme_on_a_small_screen(lab):
    with lab.lesson("10_headers", dark=True, width=1024, again=True) as page:
        panel = lab.panel(page)
        panel.get_by_label("Header", exact=True).select_option("IPv4")
        page.wait_for_function("() => document.body.innerHTML.includes('Lit: IPv4, version')")
        press(panel, "Send it")
        panel.get_by_text("The first program received").wait_for()
        fits(panel)
        lab.shot(panel, "10_panel_dark")
        lab.whole(page, "12_headers_dark")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "10_headers", ["Send it*"])
