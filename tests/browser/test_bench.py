"""The bench in a browser: sockets made, connected and broken by hand, and a picture that follows by itself."""

import re
import statistics
import time

P95 = 0.1  # seconds from a click to the changed picture
TRIALS = 40


def press(panel, *labels):
    """Click buttons of the panel; the panel may take its time over each."""
    for label in labels:
        panel.get_by_role("button", name=label, exact=True).click()


def picture(panel):
    """Return what the diagram says to somebody who cannot see it."""
    return panel.get_by_role("img").first.get_attribute("aria-label")


def shows(page, panel, pattern):
    """Wait until the diagram says this; fail with what it says instead."""
    deadline = time.monotonic() + 20
    while not re.search(pattern, picture(panel)):
        assert time.monotonic() < deadline, f"{picture(panel)}\n{panel.inner_text()}"
        page.wait_for_timeout(50)


def test_a_connection_is_made_half_closed_and_forgotten_by_hand(lab):
    with lab.lesson("bench") as page:
        lab.whole(page, "bench")
        panel = lab.panel(page)
        panel.get_by_text("Use any control to begin again").wait_for()  # the notebook's end has let go of everything
        press(panel, "Create", "Bind", "Listen")
        shows(page, panel, r"s1 \(descriptor \d+\): TCP 127\.0\.0\.1:\d+, LISTEN")
        press(panel, "Create")
        shows(page, panel, r"The chosen socket is s2")
        to = panel.get_by_label("To", exact=True)
        to.fill("s1")
        to.press("Tab")
        press(panel, "Connect")
        shows(page, panel, r"waits for accept\): TCP [\d.:]+, foreign [\d.:]+, ESTABLISHED")
        lab.shot(panel, "bench_waits")
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
        lab.shot(panel, "bench_close_wait")
        press(panel, "Close")
        shows(page, panel, "TIME_WAIT")
        to.fill("8.8.8.8:53")
        to.press("Tab")
        press(panel, "Create", "Connect")
        panel.get_by_text("8.8.8.8 is not on this machine's loopback").wait_for()
        assert to.input_value() == "8.8.8.8:53"  # nothing that was typed is lost
        press(panel, "Listen", "Send")
        panel.get_by_text("EPIPE").first.wait_for()
        panel.get_by_role("button", name="Show as a script").click()
        written = panel.locator(".bench-script textarea")
        written.wait_for()
        assert "s2.connect(at_s1)" in written.input_value()
        press(panel, "Copy the script")
        panel.get_by_text("Copied").wait_for()
        lab.shot(panel, "bench_script")


def test_recipes_nodes_and_what_changes_by_itself(lab):
    with lab.lesson("bench", dark=True, width=1024) as page:
        panel = lab.panel(page)
        panel.get_by_label("Recipe").select_option("SYN_SENT: the accept queue is full")
        press(panel, "All its steps")
        panel.get_by_role("log").get_by_text("second: SYN_SENT -> ESTABLISHED").wait_for()  # nobody clicked for that
        lab.shot(panel, "bench_by_itself_dark")
        press(panel, "Clear the bench")
        panel.get_by_text("The bench is empty", exact=False).first.wait_for()
        panel.get_by_label("Recipe").select_option("A full receive buffer: send would wait")
        press(panel, *["Next step"] * 11)
        panel.get_by_text("Both queues are full").wait_for()
        shows(page, panel, r"client \(descriptor \d+\): [^;]* not confirmed; and served [^;]* unread")
        lab.shot(panel, "bench_full_dark")
        for button in panel.get_by_role("button").all():
            frame, box = panel.bounding_box(), button.bounding_box()
            assert frame["x"] <= box["x"]
            assert box["x"] + box["width"] <= frame["x"] + frame["width"]
        press(panel, "Clear the bench")
        panel.get_by_label("Where").select_option("node A")
        panel.get_by_text("New sockets are made on A now").wait_for()
        press(panel, "A connected pair")
        shows(page, panel, r"client on node A .*served on node B")
        lab.shot(panel, "bench_nodes_dark")


def test_a_click_changes_the_picture_at_once(lab):
    with lab.lesson("bench") as page:
        panel = lab.panel(page)
        press(panel, "A connected pair")
        shows(page, panel, "served")
        took = page.evaluate(CLICKS, {"trials": TRIALS, "label": "Send"})
        assert len(took) == TRIALS
        print(f"click to changed picture: median {statistics.median(took):.0f} ms, 95th {sorted(took)[-3]:.0f} ms")
        assert sorted(took)[int(0.95 * TRIALS) - 1] <= P95 * 1000 * PATIENCE


PATIENCE = 5  # a machine that does other things meanwhile is slower; alone it is to be 1
CLICKS = """async ({trials, label}) => {
    const panel = [...document.querySelectorAll('.sockets-lab-panel')].at(-1);
    const button = [...panel.querySelectorAll('button')].find(one => one.textContent.trim() === label);
    const took = [];
    for (let trial = 0; trial < trials; trial++) {
        const before = panel.querySelector('svg').getAttribute('aria-label');
        const started = performance.now();
        button.click();
        while (panel.querySelector('svg').getAttribute('aria-label') === before) {
            if (performance.now() - started > 20000) throw new Error('the picture did not change: ' + before);
            await new Promise(resolve => setTimeout(resolve, 1));
        }
        await new Promise(requestAnimationFrame);
        took.push(performance.now() - started);
        await new Promise(resolve => setTimeout(resolve, 50));
    }
    return took;
}"""
