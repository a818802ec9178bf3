"""Lesson 03 in a browser: the map of all ports, and the probe."""

import re

from answering import answers_and_keeps_its_keys
from looking import press, write


def choose(panel, number):
    write(panel, "Port", number, "Enter")


def alt(panel):
    return panel.get_by_role("img").get_attribute("aria-label")


def test_panel_probes_opens_and_closes_ports_and_hands_others_out(lab):
    with lab.lesson("03_ports") as page:
        lab.whole(page, "03_ports")
        panel = lab.panel(page)
        panel.get_by_text("Everything that this panel held was closed").wait_for()  # by the lesson's last cell
        assert panel.locator("svg image").count() > 1
        box = panel.locator("svg image").first.bounding_box()
        assert box["width"] > 200
        lab.shot(panel, "03_panel_first")

        choose(panel, 65536)
        panel.get_by_text("65536 is not a port number").wait_for()
        choose(panel, 0)
        panel.get_by_text("No program listens on that port").wait_for()
        press(panel, "Open it", shows="a TCP socket listens there")
        mine = panel.get_by_label("Port", exact=True).input_value()
        assert int(mine) > 0
        assert f"Probed: tcp 127.0.0.1:{mine}" in alt(panel)
        assert "connect: open" in alt(panel)
        press(panel, "Close it", shows="No program listens on that port")

        panel.get_by_label("Ask by").select_option("connect")
        press(panel, "Let the kernel choose 200")
        panel.get_by_text(re.compile("200 ports by")).wait_for()
        assert "Just handed out: 200 ports" in alt(panel)
        press(panel, "Next occupied")
        panel.get_by_text(f"Port {mine}, TCP").wait_for(state="detached")

        panel.locator("svg image").first.click(position={"x": box["width"] * 0.5 + 1, "y": box["height"] * 0.25 + 1})
        panel.get_by_text("Port 16512, TCP").wait_for()  # 64 x 256 + 128
        panel.get_by_label("Protocol").select_option("UDP")
        panel.get_by_text(", UDP:").wait_for()
        choose(panel, 0)
        panel.get_by_text("Port 0, UDP").wait_for()
        press(panel, "Open it", shows="never answers")
        press(panel, "Probe", shows="no answer")
        assert "connect: silent" in alt(panel)
        lab.shot(panel, "03_panel")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "03_ports", ["Next occupied", "Next named"])
