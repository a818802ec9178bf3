"""The bench in a browser: sockets made, connected and broken by hand, and a picture that follows by itself."""

import re

from answering import answers_and_keeps_its_keys
from looking import fits, picture, press, write


def shows(page, panel, pattern):
    """Wait until the diagram says this; fail with what it says instead."""
    for _ in range(1200):
        if re.search(pattern, picture(panel)):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{picture(panel)}\n{panel.inner_text()}")


def test_a_connection_is_made_half_closed_and_forgotten_by_hand(lab):
    with lab.lesson("playground") as page:
        lab.whole(page, "playground")
        panel = lab.panel(page)
        panel.get_by_text("Use any control to begin again").wait_for()  # the notebook's end has let go of everything
        press(panel, "Create", "Bind", "Listen")
        shows(page, panel, r"s1 \(descriptor \d+\): TCP 127\.0\.0\.1:\d+, LISTEN")
        press(panel, "Create")
        shows(page, panel, r"The chosen socket is s2")
        write(panel, "To", "s1")
        press(panel, "Connect")
        shows(page, panel, r"waits for accept\): TCP [\d.:]+, remote [\d.:]+, ESTABLISHED")
        lab.shot(panel, "playground_waits")
        panel.get_by_label("Socket", exact=True).select_option("s1")
        shows(page, panel, "The chosen socket is s1")
        panel.get_by_role("button", name="Accept").focus()
        page.keyboard.press("Enter")
        shows(page, panel, r"and s3 \(descriptor")
        panel.get_by_label("Socket", exact=True).select_option("s2")
        shows(page, panel, "The chosen socket is s2")
        press(panel, "Shut down sending")
        shows(page, panel, r"s3 \(descriptor \d+\): [^;]*CLOSE_WAIT")
        press(panel, "Close")
        shows(page, panel, r"s2 \(closed the kernel's\): [^;]*FIN_WAIT2")
        log = panel.get_by_role("log")
        log.get_by_text("s2.shutdown(socket.SHUT_WR)").wait_for()
        lab.shot(panel, "playground_close_wait")
        press(panel, "Close", shows="Choose a socket")  # a second click closes no other one
        panel.get_by_label("Socket", exact=True).select_option("s3")
        shows(page, panel, "The chosen socket is s3")
        press(panel, "Close")
        shows(page, panel, "TIME_WAIT")
        write(panel, "To", "8.8.8.8:53")
        press(panel, "Create", "Connect", shows="8.8.8.8 is not on this machine's loopback")
        assert panel.get_by_label("To", exact=True).input_value() == "8.8.8.8:53"  # nothing that was typed is lost
        press(panel, "Listen", "Send")
        panel.get_by_text("EPIPE").first.wait_for()
        press(panel, "Show as a script")
        written = panel.locator(".playground-script textarea")
        written.wait_for()
        assert "s2.connect(at_s1)" in written.input_value()
        press(panel, "Copy the script", shows="Copied")
        lab.shot(panel, "playground_script")


def test_recipes_nodes_and_what_changes_by_itself(lab):
    with lab.lesson("playground", dark=True, width=1024, again=True) as page:
        panel = lab.panel(page)
        panel.get_by_label("Recipe").select_option("SYN_SENT: the accept queue is full")
        press(panel, "All its steps")
        panel.get_by_role("log").get_by_text("second: SYN_SENT -> ESTABLISHED").wait_for()  # nobody clicked for that
        lab.shot(panel, "playground_by_itself_dark")
        press(panel, "Clear the playground")
        panel.get_by_text("The playground is empty", exact=False).first.wait_for()
        panel.get_by_label("Recipe").select_option("A full receive buffer: send would wait")
        press(panel, *["Next step"] * 10)
        panel.get_by_text("Both queues are full").wait_for()
        shows(page, panel, r"client \(descriptor \d+\): [^;]* not confirmed; and served [^;]* unread")
        lab.shot(panel, "playground_full_dark")
        fits(panel)
        press(panel, "Clear the playground")
        panel.get_by_label("Where").select_option("node A")
        panel.get_by_text("New sockets are made on A now").wait_for()
        press(panel, "A connected pair")
        shows(page, panel, r"client on node A .*served on node B")
        lab.shot(panel, "playground_nodes_dark")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "playground", ["Create", "Close"])
