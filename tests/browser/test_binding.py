"""Lesson 02 in a browser: its panel, used with the mouse and the keyboard."""

from answering import answers_and_keeps_its_keys
from looking import press, write


def test_panel_binds_listens_knocks_and_shows_refusals(lab):
    with lab.lesson("02_binding") as page:
        lab.whole(page, "02_binding")
        panel = lab.panel(page)
        picture = panel.get_by_role("img")
        panel.get_by_role("button", name="Begin", exact=True).wait_for()  # the lesson's end has closed its socket
        panel.get_by_label("Kind").select_option(label="0.0.0.0 (wildcard: all of IPv4)")
        press(panel, "Bind", shows="the kernel chose one")
        assert "bound to, 0.0.0.0" in picture.get_attribute("aria-label")
        press(panel, "Knock", shows="does not listen")
        press(panel, "Listen", shows="now clients can connect")
        press(panel, "Knock", shows="stands for every IPv4 address")
        assert "reached" in picture.get_attribute("aria-label")
        lab.shot(panel, "02_panel")
        press(panel, "Bind again", shows="EINVAL")
        write(panel, "Address", "203.0.113.77")
        press(panel, "Bind", shows="was refused. EADDRNOTAVAIL")
        lab.shot(panel, "02_panel_refused")
        write(panel, "Port", 70000)
        press(panel, "Bind", shows="16 bits")
        press(panel, "Close", shows="click Bind first")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "02_binding", ["Bind", "Close"])
