"""Lesson 07 in a browser: a connection led through its states. And the answers: a question, and a jump to one."""

from looking import fits, press


def test_a_connection_is_half_closed_and_reset(lab):
    with lab.lesson("07_connection") as page:
        lab.whole(page, "07_connection")
        panel = lab.panel(page)
        press(panel, "Connect")
        panel.get_by_role("img", name="A's end is ESTABLISHED, B's end is ESTABLISHED.").wait_for()
        press(panel, "Shut down")
        panel.get_by_text("can still receive").wait_for()
        press(panel, "Look again")
        panel.get_by_role("img", name="B's end is CLOSE_WAIT.").wait_for()
        fits(panel)
        lab.shot(panel, "07_panel_half_closed")
        panel.get_by_label("End", exact=True).select_option("B")
        press(panel, "Reset")
        panel.get_by_text("has reset its end").wait_for()


def test_a_pasted_message_finds_its_answer_and_the_link_jumps_there(lab):
    with lab.lesson("answers") as page:
        field = page.get_by_placeholder("words, or an error message")
        field.fill("OSError: [Errno 98] Address already in use")
        field.press("Tab")
        link = page.get_by_role("link", name="OSError: [Errno 98] Address already in use").first
        link.wait_for()
        lab.shot(page, "answers_found")
        link.click()
        heading = page.get_by_role("heading", name="OSError: [Errno 98] Address already in use").first
        heading.wait_for()
        page.wait_for_timeout(1500)
        box = heading.bounding_box()
        assert 0 <= box["y"] < 700, box
        lab.shot(page, "answers_jumped")
