"""What moves on a page, and what does not: the last picture of a panel that has let go, a reader's wish for rest."""

from looking import press

FRAMES = """() => { window.ways = new Set(); const look = () => {
    for (const dot of document.querySelectorAll('.sockets-lab-go')) {
        const style = getComputedStyle(dot);
        if (style.opacity > 0) window.ways.add(style.offsetDistance);
    }
    requestAnimationFrame(look); }; look(); }"""


def seen(page) -> set[str]:
    """Return at how many places of their ways dots were seen since `FRAMES` began, and forget them."""
    page.wait_for_timeout(700)
    return set(page.evaluate("() => { const ways = [...window.ways]; window.ways.clear(); return ways; }"))


def test_the_first_panel_rests_begins_again_and_shows_what_went(lab):
    with lab.lesson("05_fourtuples") as page:
        panel = page.locator(".sockets-lab-panel").first
        page.evaluate(FRAMES)
        lab.shot(panel, "05_first_panel_at_rest")
        assert "1 waits for accept" in panel.get_by_role("img").first.get_attribute("aria-label")
        press(panel, "Begin")
        panel.get_by_text("begin again").wait_for(state="detached")
        assert not panel.get_by_role("button", name="Begin", exact=True).is_visible()
        panel.get_by_label("Connection", exact=True).select_option("1")
        seen(page)
        press(panel, "Client sends", shows="only descriptor")
        assert len(seen(page)) > 2
        press(panel, "Look again")
        assert seen(page) == set()  # nothing went
        page.emulate_media(reduced_motion="reduce")
        press(panel, "Client sends", shows="only descriptor")
        assert seen(page) == set()
        assert panel.locator(".sockets-lab-go").count() == 1
        page.emulate_media(reduced_motion="no-preference")


def test_a_ladder_is_gone_through_forward_and_back(lab):
    with lab.lesson("07_connection") as page:
        story = page.locator(".sockets-lab-stepper").first
        arrows = story.locator("svg path[style*=fill]")
        whole = arrows.count()
        press(story, "Step on", shows="step 1 of")
        assert arrows.count() == 1
        press(story, "Step on", shows="step 2 of")
        assert arrows.count() == 2
        lab.shot(story, "07_ladder_step_2")
        press(story, "Step back", shows="step 1 of")
        press(story, "Step back", shows=f"step {whole} of {whole}")
        assert arrows.count() == whole
