"""How to read the pictures: what each color and shape of the course means."""

from sockets_lab.figures.drawing import Drawing

ROW, BOX, WIDE = 44, 32, 170  # pixels: from one line to the next, a sample's height and width
MEANINGS = (  # role, what stands in the sample, the word for it, what it is
    ("descriptor", "317", "descriptor", "a number by which a process names a socket; the arrow leads to it"),
    ("endpoint", "127.0.0.1:8080", "endpoint", "an address and a port; a socket that has this name, and no more"),
    ("listener", "LISTEN", "listener", "a socket that waits for others to connect"),
    ("connection", "ESTABLISHED", "connection", "two sockets that are joined; also: done, reached, yes"),
    ("packet", "", "packet", "what travels: a segment or a datagram; also: the field you look at"),
    ("refused", "EADDRINUSE", "refusal", "the kernel says no; also: lost, dropped, wrong"),
    ("quiet", "process, kernel, node", "place", "where things are, and what has no role of its own"),
    ("quiet", "none", "dashed", "not there, or not yet, in any color"),
)


def how_to_read() -> Drawing:
    """Draw each color and shape with the word for it and what it means."""
    drawing = Drawing("How to read the pictures.", "", 760, ROW * len(MEANINGS) + 4)
    for number, (role, sample, word, meaning) in enumerate(MEANINGS):
        y = number * ROW + ROW / 2
        if role == "packet":
            drawing.line(8, y, 8 + WIDE, y, role, arrow=True)
        elif role == "descriptor":
            drawing.box(8, y - BOX / 2, 70, BOX, role, sample)
            drawing.line(78, y, 8 + WIDE, y, role, arrow=True)
        else:
            drawing.box(8, y - BOX / 2, WIDE, BOX, role, sample, mono=role != "quiet", dashed=word == "dashed")
        drawing.text(200, y, word, bold=True)
        drawing.text(304, y, meaning)
    drawing.alt = " ".join(f"{word.capitalize()}: {meaning}." for _, _, word, meaning in MEANINGS)
    return drawing
