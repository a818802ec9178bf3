"""Lesson 12 in a browser: scan with a bar that moves, stop, scan twice, and tune the detector with the keyboard."""

from answering import answers_and_keeps_its_keys
from labs import needs_namespaces
from looking import fits, picture, press

pytestmark = needs_namespaces


def test_panel_scans_stops_and_tunes(lab):
    with lab.lesson("12_scanning") as page:
        lab.whole(page, "12_scanning")
        panel = lab.panel(page)
        panel.get_by_text("Use any control to begin again").wait_for()  # the lesson's end has let go of everything
        panel.get_by_label("Ports", exact=True).fill("1-65535")
        press(panel, "Scan")
        lab.says(panel, "A found 6 open ports and 1 without an answer")
        panel.get_by_text("65,535 of 65,535, 6 open").wait_for()
        assert "2222, 5900, 6667, 8080, 8443, 9000" in picture(panel)
        lab.shot(panel, "12_panel_all")
        panel.get_by_label("Ports", exact=True).fill("1-5000")
        panel.get_by_label("Ports a second", exact=True).select_option("100")
        press(panel, "Scan")
        panel.get_by_text("of 5,000, 0 open").wait_for()
        lab.shot(panel, "12_panel_scanning")
        press(panel, "Stop")
        lab.says(panel, "It was stopped")
        press(panel, "Twice")
        panel.get_by_text("24 of 24, 0 open").wait_for()
        panel.get_by_text("B saw").wait_for()
        assert "2 scans: 1 found, 1 missed, 0 false alarms" in picture(panel)
        lab.shot(panel, "12_panel_twice")
        handle = panel.get_by_role("slider").first
        handle.focus()
        for _ in range(17):
            page.keyboard.press("ArrowLeft")
        lab.says(panel, "Threshold 3: 2 found, 0 missed,")
        assert "Threshold 3;" in picture(panel)
        lab.shot(panel, "12_panel_nervous")


def test_the_panel_in_the_dark_theme_on_a_small_screen(lab):
    with lab.lesson("12_scanning", dark=True, width=1024, again=True) as page:
        panel = lab.panel(page)
        press(panel, "Twice")
        lab.says(panel, "A found 0 open ports and 0 without an answer")
        fits(panel)
        lab.shot(panel, "12_panel_dark")
        lab.whole(page, "14_scanning_dark")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "12_scanning", ["Scan*"])
