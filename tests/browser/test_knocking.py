"""Lesson 13 in a browser: knock a door open from A, see it stay shut for C, replay, and try the cure."""

from answering import answers_and_keeps_its_keys
from labs import needs_namespaces
from looking import fits, press

pytestmark = needs_namespaces


def choose(panel, node):
    panel.get_by_label("From", exact=True).select_option(node)


def shows(page, text):
    """Wait until the panel's picture says this to somebody who cannot see it."""
    page.wait_for_function("text => [...document.querySelectorAll('.sockets-lab-panel svg')].some("
                           "one => (one.getAttribute('aria-label') || '').includes(text))", arg=text)  # fmt: skip


def test_panel_knocks_replays_and_asks(lab):
    with lab.lesson("13_knocking") as page:
        lab.whole(page, "13_knocking")
        panel = lab.panel(page)
        panel.get_by_text("Use any control to begin again").wait_for()  # the lesson's end has let go of everything
        press(panel, "7000:udp")
        lab.says(panel, "A knocked at 7000:udp; B's kernel: refused. The door: step.")
        choose(panel, "C")
        port = panel.get_by_label("Port", exact=True)
        port.fill("4321")
        port.press("Tab")
        panel.get_by_label("Protocol", exact=True).select_option("udp")
        panel.get_by_role("button", name="Knock", exact=True).focus()
        page.keyboard.press("Enter")
        lab.says(panel, "C knocked at 4321:udp")
        choose(panel, "A")
        press(panel, "8000:tcp")
        shows(page, "A is 10.20.30.40, 2 of 3 right, shut")
        press(panel, "9000:tcp")
        shows(page, "ip saddr 10.20.30.40 tcp dport 2222 accept")
        lab.shot(panel, "13_panel_opened")
        press(panel, "C replays it")
        shows(page, "ip saddr 90.100.110.120 tcp dport 2222 accept")
        lab.shot(panel, "13_panel_replayed")
        panel.get_by_role("button", name="one signed request").click()
        lab.says(panel, "A fresh door")
        choose(panel, "A")
        press(panel, "Send a request")
        shows(page, "A is 10.20.30.40, open")
        press(panel, "C replays it as A")
        shows(page, "A at 62201:udp: replayed")
        lab.shot(panel, "13_panel_signed")
        shows(page, "the door is shut for A")  # by itself, without a click
        assert panel.get_by_role("button", name="7000:udp").is_disabled()


def test_the_panel_in_the_dark_theme_on_a_small_screen(lab):
    with lab.lesson("13_knocking", dark=True, width=1024, again=True) as page:
        panel = lab.panel(page)
        press(panel, "7000:udp", "8000:tcp", "9000:tcp")
        shows(page, "A is 10.20.30.40, 0 of 3 right, open")
        fits(panel)
        lab.shot(panel, "13_panel_dark")
        lab.whole(page, "13_knocking_dark")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "13_knocking", ["Knock"])
