"""Use a panel on its page, and look at it, as its reader does."""


def press(panel, *labels, shows=""):
    """Click buttons of the panel; it may take its time over each. Args: shows: words to wait for at the end."""
    for label in labels:
        panel.get_by_role("button", name=label, exact=True).click()
    if shows:
        panel.get_by_text(shows).first.wait_for()


def write(panel, label, text, key="Tab"):
    """Fill in a field of the panel, and leave it by a key."""
    field = panel.get_by_label(label, exact=True)
    field.fill(str(text))
    field.press(key)


def picture(panel):
    """Return what the panel's first picture says to somebody who cannot see it."""
    return panel.get_by_role("img").first.get_attribute("aria-label")


def fits(panel):
    """Fail where a button or a list leaves the panel's frame."""
    frame = panel.bounding_box()
    for control in (*panel.get_by_role("button").all(), *panel.get_by_role("combobox").all()):
        box = control.bounding_box()
        assert frame["x"] <= box["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
