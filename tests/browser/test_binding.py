"""Lesson 02 in a browser: its panel, used with the mouse and the keyboard."""

from answering import answers_and_keeps_its_keys


def test_panel_binds_listens_knocks_and_shows_refusals(lab):
    with lab.lesson("02_binding") as page:
        lab.whole(page, "02_binding")
        panel = lab.panel(page)
        picture = panel.get_by_role("img")
        assert picture.get_attribute("aria-label") == "No socket is open."  # the lesson's end has closed it
        panel.get_by_label("Kind").select_option(label="0.0.0.0 (wildcard: all of IPv4)")
        panel.get_by_role("button", name="Bind", exact=True).click()
        panel.get_by_text("the kernel chose one").wait_for()
        assert "bound to, 0.0.0.0" in picture.get_attribute("aria-label")
        panel.get_by_role("button", name="Knock").click()
        panel.get_by_text("does not listen").wait_for()
        panel.get_by_role("button", name="Listen").click()
        panel.get_by_text("now clients can connect").wait_for()
        panel.get_by_role("button", name="Knock").click()
        panel.get_by_text("stands for every IPv4 address").wait_for()
        assert "reached" in picture.get_attribute("aria-label")
        lab.shot(panel, "02_panel")
        panel.get_by_role("button", name="Bind again").click()
        panel.get_by_text("EINVAL").wait_for()
        address = panel.get_by_label("Address", exact=True)
        address.fill("203.0.113.77")
        address.press("Tab")
        panel.get_by_role("button", name="Bind", exact=True).click()
        panel.get_by_text("was refused. EADDRNOTAVAIL").wait_for()
        lab.shot(panel, "02_panel_refused")
        port = panel.get_by_label("Port", exact=True)
        port.fill("70000")
        port.press("Tab")
        panel.get_by_role("button", name="Bind", exact=True).click()
        panel.get_by_text("16 bits").wait_for()
        panel.get_by_role("button", name="Close").click()
        panel.get_by_text("click Bind first").wait_for()


def test_the_dark_theme(lab):
    with lab.lesson("02_binding", dark=True, again=True) as page:
        panel = lab.panel(page)
        panel.get_by_label("Protocol").select_option("UDP")
        panel.get_by_role("button", name="Bind", exact=True).click()
        panel.get_by_role("button", name="Knock").click()
        panel.get_by_text("that is its name").wait_for()
        lab.shot(panel, "02_panel_dark")
        lab.whole(page, "02_binding_dark")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "02_binding", ["Bind", "Close"])
