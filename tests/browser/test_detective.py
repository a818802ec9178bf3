"""Lesson 14 in a browser: take a case, look at the machine, repair it with the mouse, and say what was wrong."""

from answering import answers_and_keeps_its_keys
from labs import needs_namespaces
from looking import press

from sockets_lab.lessons import detective

pytestmark = needs_namespaces
CUSTOMERS = 60_000  # milliseconds: so long many customers may take on a busy machine


def shows(page, text):
    """Wait until a picture or a table of the panel has this text."""
    page.wait_for_function("text => [...document.querySelectorAll('.sockets-lab-panel')].some(one => one.innerText"
                           ".includes(text) || [...one.querySelectorAll('svg')].some(svg => "
                           "(svg.getAttribute('aria-label') || '').includes(text)))", arg=text)  # fmt: skip


def begin(lab, page, place):
    panel = lab.panel(page)
    panel.get_by_text("Use any control to begin again").wait_for()  # the lesson's end has let go of everything
    panel.get_by_label("Case", exact=True).select_option(place)
    press(panel, "Take this case")
    panel.get_by_text(f"{place.capitalize()}, level 1.").wait_for()
    shows(page, "Here customers come")
    return panel


def test_a_case_is_solved_with_the_mouse(lab):
    place = next(one for one in detective.PLACES if detective.given(one)[1][0].key == "taken")
    with lab.lesson("14_port_detective") as page:
        lab.whole(page, "14_port_detective")
        panel = begin(lab, page, place)
        press(panel, "Ask as a customer")
        lab.says(panel, "A customer finds: another answer, and hears: the")
        shows(page, "A customer's visit: another answer")
        lab.shot(panel, "14_panel_asked")
        press(panel, "packets")
        shows(page, "SYN ACK")
        lab.shot(panel, "14_panel_packets")
        press(panel, "programs and logs")
        shows(page, "EADDRINUSE")
        lab.shot(panel, "14_panel_programs")
        press(panel, "Does it work now?")
        lab.says(panel, "It does not work yet: a customer finds: another answer.")
        assert panel.get_by_role("button", name="That was it").is_disabled()
        press(panel, "End it")
        lab.says(panel, "has ended.")
        panel.get_by_label("Program", exact=True).select_option(place)
        press(panel, "Restart it")
        lab.says(panel, "runs. Its log: ready")
        press(panel, "the machine")
        shows(page, f"{place} runs as process")
        press(panel, "Does it work now?")
        panel.get_by_text("What was wrong with it? Choose").wait_for(timeout=CUSTOMERS)
        shows(page, "5. what has to be shut is shut: passed.")
        lab.shot(panel, "14_panel_works")
        wrong = panel.get_by_label("What was wrong?", exact=True)
        wrong.select_option("a forgotten program shares the port, and gets some of the customers")
        press(panel, "That was it")
        lab.says(panel, "No: it works now")
        wrong.select_option("another program has the port")
        press(panel, "That was it")
        lab.says(panel, "This machine had: another program has the port. Port detective,")
        shows(page, "what was looked at")
        lab.shot(panel, "14_panel_named")


def test_the_panel_answers_at_once_and_by_the_keyboard_alone(lab):
    answers_and_keeps_its_keys(lab, "14_port_detective", ["Ask as a customer*"])
