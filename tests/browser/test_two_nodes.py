"""Lesson 06 in a browser: numbers on two nodes, a third node that connects, a cable that is out."""

import pytest
from answering import answers_and_keeps_its_keys
from labs import needs_namespaces
from looking import picture, press, write

from sockets_lab.kernel.machine import descriptor_limits

pytestmark = [
    needs_namespaces,
    pytest.mark.skipif(descriptor_limits()[1] < 1024, reason="no descriptor can have the number 922 here"),
]


def choose(panel, node, number=None):
    """Choose a node by mouse, and write a number by keyboard."""
    panel.get_by_label("Node", exact=True).select_option(node)
    if number is not None:
        write(panel, "Number", number)


def test_panel_writes_tries_connects_and_cuts(lab):
    with lab.lesson("06_two_nodes") as page:
        lab.whole(page, "06_two_nodes")
        panel = lab.panel(page)
        panel.get_by_text("Use any control to begin again").wait_for()  # the lesson's end has let go of everything
        press(panel, "Write", shows="A's kernel took 5 bytes for its descriptor 317")
        assert "5 bytes to be read; descriptor 922 stands for it" in picture(panel)
        lab.shot(panel, "06_panel_wrote")
        choose(panel, "A", 922)
        press(panel, "Write", shows="A's kernel refused. EBADF")
        choose(panel, "B")
        press(panel, "Read", shows="B read from its descriptor 922: 5 bytes, b'hello'")
        choose(panel, "C")
        press(panel, "Connect", shows="C's process calls its end 500")
        assert "1 waiting for accept" in picture(panel)
        panel.get_by_label("Show what is sent").check()
        choose(panel, "B")
        press(panel, "Cut cable", shows="B's cable is cut")
        choose(panel, "A")
        panel.get_by_role("button", name="Write", exact=True).focus()
        page.keyboard.press("Enter")
        panel.get_by_text("5 bytes are not confirmed by the other end yet").wait_for()
        assert panel.get_by_role("img").count() == 2  # the nodes, and the ladder of packets
        assert "5 bytes" in panel.get_by_role("img").last.get_attribute("aria-label")
        lab.shot(panel, "06_panel_cut")
        choose(panel, "B")
        press(panel, "Mend cable", "Read")
        for _ in range(100):
            if "5 bytes not yet confirmed" not in picture(panel):
                break
            page.wait_for_timeout(200)
            press(panel, "Look again")
        assert "5 bytes not yet confirmed" not in picture(panel)
        lab.shot(panel, "06_panel_mended")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "06_two_nodes", ["Cut cable", "Mend cable"])
