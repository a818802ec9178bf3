"""The pictures of lesson 07: TCP's states with both ends in them, a connection's life, and what its kernel knew."""

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes

from sockets_lab.errors import Refused
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import ROLES
from sockets_lab.figures.plot import plot
from sockets_lab.figures.tables import Table
from sockets_lab.lessons.connection import AfterClose, Moment, Piece, Watched

WIDTH, HIGH, BOX = 760, 34, 164  # pixels: the picture, a state's box
LEFT, MIDDLE, RIGHT = 130, 380, 630  # the middles of the three columns: who closes first stands on the left
PLACES = {
    "CLOSED": (MIDDLE, 30), "SYN_SENT": (LEFT, 90), "LISTEN": (RIGHT, 90), "SYN_RECV": (RIGHT, 160),
    "ESTABLISHED": (MIDDLE, 200), "FIN_WAIT1": (LEFT, 270), "CLOSE_WAIT": (RIGHT, 270), "CLOSING": (MIDDLE, 320),
    "FIN_WAIT2": (LEFT, 350), "LAST_ACK": (RIGHT, 350), "TIME_WAIT": (MIDDLE, 400),
}  # fmt: skip
# From, to, and what makes the step. Source: RFC 9293 figure 5
STEPS = (
    ("CLOSED", "SYN_SENT", "connect"), ("CLOSED", "LISTEN", "listen"), ("LISTEN", "SYN_RECV", "SYN comes"),
    ("SYN_SENT", "ESTABLISHED", "SYN+ACK comes"), ("SYN_RECV", "ESTABLISHED", "ACK comes"),
    ("ESTABLISHED", "FIN_WAIT1", "close"), ("ESTABLISHED", "CLOSE_WAIT", "FIN comes"),
    ("FIN_WAIT1", "FIN_WAIT2", "ACK comes"), ("FIN_WAIT1", "CLOSING", "FIN comes"),
    ("CLOSE_WAIT", "LAST_ACK", "close"), ("FIN_WAIT2", "TIME_WAIT", "FIN comes"),
    ("CLOSING", "TIME_WAIT", "ACK comes"),
)  # fmt: skip


def states(client: str, server: str, since: tuple[str, str] | None = None) -> Drawing:
    """Draw TCP's states, and light up the two in which the ends of A and B are; each takes the steps that led there.

    Args: states as `model.TCP_STATES`, or CLOSED; since: those of the picture before.
    """
    names = ("A", "B")
    drawing = Drawing("TCP's states, and which of them the two ends are in.", "", WIDTH, 430)
    for before, after, words in STEPS:
        _step(drawing, PLACES[before], PLACES[after], words)
    drawing.text(RIGHT, PLACES["LAST_ACK"][1] + 30, "ACK comes: CLOSED", "muted", 12, "middle")
    drawing.text(MIDDLE + BOX / 2 + 10, PLACES["TIME_WAIT"][1], "after a while: CLOSED", "muted", 12)
    for name, (x, y) in PLACES.items():
        here = [end for end, state in zip(names, (client, server), strict=True) if state == name]
        role = ("connection" if here[0] == names[0] else "listener") if here else "quiet"
        drawing.box(x - BOX / 2, y - HIGH / 2, BOX, HIGH, role, dashed=not here)
        text = f"{' and '.join(here)}: {name}" if here else name
        drawing.text(x, y, text, "ink" if here else "muted", 12 if len(text) > 16 else 13, "middle", bold=bool(here))
    for old, new in zip(since or (), (client, server), strict=False):
        for turn, (start, end) in enumerate(way(old, new)):
            drawing.travel(*_arrow(PLACES[start], PLACES[end]), turn=turn)
    drawing.alt = f"{names[0]}'s end is {client}, {names[1]}'s end is {server}."
    return drawing


def way(old: str, new: str) -> list[tuple[str, str]]:
    """Return the steps from one state to another that a connection must have taken; none where there are two ways."""
    ways: list[list[tuple[str, str]]] = [[]]
    while ways and not (found := [each for each in ways if (each[-1][1] if each else old) == new]):
        ways = [[*each, step[:2]] for each in ways for step in STEPS if step[0] == (each[-1][1] if each else old)]
    return found[0] if ways and len(found) == 1 else []


def _step(drawing: Drawing, start: tuple[int, int], end: tuple[int, int], words: str) -> None:
    """Draw an arrow down, and its words where the arrow is not: beside it, or above it on the side that it leads to."""
    (x1, y1), (x2, y2) = start, end
    tail, tip = _arrow(start, end)
    drawing.line(*tail, *tip, "muted", arrow=True)
    if x1 == x2:
        drawing.text(x1 + 8, (y1 + y2) / 2, words, "muted", 12)
        return
    side = 1 if x2 > x1 else -1
    drawing.text((x1 + x2) / 2 + side * 12, (y1 + y2) / 2 - 8, words, "muted", 12, "start" if side > 0 else "end")


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return where the arrow between two states' boxes begins and ends."""
    (x1, y1), (x2, y2) = start, end
    if x1 == x2:
        return (x1, y1 + HIGH / 2 + 1), (x2, y2 - HIGH / 2 - 2)
    side = 1 if x2 > x1 else -1
    return (x1 + side * (BOX / 2 + 2), y1), (x2 - side * (BOX / 2 + 3), y2)


def life(moments: Iterable[Moment]) -> Table:
    """Show the state of both ends after each step of a connection's life."""
    rows = tuple((one.did, one.client, one.server) for one in moments)
    headings = ("step", "A's end", "B's end")
    return Table("A connection's life, read from both socket tables.", headings, rows, (44, 16, 16))


def met(pieces: Sequence[Piece]) -> Table:
    """Show how a server did with messages in odd pieces."""
    rows = tuple((one.way, "right" if one.passed else "wrong", one.said) for one in pieces)
    rows = rows or (("no report", "", "the client met nothing that it could report"),)
    return Table("Messages in odd pieces, and what the server answered.", ("sent", "answers", ""), rows, (38, 10, 46))


@plot("What A's kernel knew of the connection.", height=520)
def known(axes: Axes, found: Watched | Refused) -> str:
    """Plot round trip, congestion window, segments sent again and the peer's window, while conditions change."""
    if isinstance(found, Refused):
        axes.axis("off")
        axes.text(0.5, 0.5, f"The kernel does not tell: {found.name}", ha="center")
        return f"The kernel does not tell what it knows of a connection: {found}."
    figure = axes.figure
    axes.remove()
    lines = figure.subplots(4, 1, sharex=True)  # type: ignore[union-attr]
    after = [one.after for one in found.samples]
    series = (
        ("round trip (ms)", [one.info.round_trip for one in found.samples]),
        ("congestion window\n(segments)", [one.info.congestion_window for one in found.samples]),
        ("sent again\n(segments in all)", [one.info.sent_again for one in found.samples]),
        ("room at B\n(KiB)", [(one.info.peer_window or 0) / 1024 for one in found.samples]),
    )
    roles = ("listener", "connection", "refused", "descriptor")
    for line, (name, values), role in zip(lines, series, roles, strict=True):
        line.plot(after, values, color=ROLES[role], linewidth=2)
        line.set_ylabel(name, fontsize=9)
        line.set_ylim(bottom=0)
        line.spines[["top", "right"]].set_visible(False)
        for phase in found.phases:
            line.axvline(phase.began, color=ROLES["quiet"], linestyle=":")
    for phase in found.phases:
        words = f"{phase.name}: {phase.refused.name}" if phase.refused else phase.name
        lines[0].text(phase.began + 0.01, 1.05, words, transform=lines[0].get_xaxis_transform(), fontsize=9)
    lines[-1].set_xlabel("seconds")
    return " ".join(_said(found, phase.name) for phase in found.phases)


def _said(found: Watched, name: str) -> str:
    seen = found.of(name)
    if not seen:
        return f"{name.capitalize()}: not measured here."
    window = min((one.peer_window for one in seen if one.peer_window is not None), default=None)
    room = "" if window is None else f", least room at B {window} bytes"
    return (f"{name.capitalize()}: round trip at most {max(one.round_trip for one in seen):.1f} ms, congestion window "
            f"{min(one.congestion_window for one in seen)} to {max(one.congestion_window for one in seen)} segments, "
            f"{seen[-1].sent_again - seen[0].sent_again} segments sent again{room}.")  # fmt: skip


def way_back(results: Iterable[AfterClose]) -> Table:
    """Show what each order of closing left in the kernel's table, and whether the next server got the port."""
    rows = tuple(
        (
            result.closes_first, *_ends(result), "yes" if result.old_reuse_address else "no",
            "yes" if result.new_reuse_address else "no",
            "gets the port" if result.refused is None else f"{result.refused.call} refused",
        )
        for result in results
    )  # fmt: skip
    headings = ("closes first", "server's end", "client's end", "SO_REUSEADDR, old", "SO_REUSEADDR, new", "next server")
    return Table("What a closed connection leaves, and the next server.", headings, rows, (13, 14, 14, 18, 18, 14))


def _ends(result: AfterClose) -> tuple[str, str]:
    ends = (result.server_end, result.client_end)
    server, client = ("not shown here" if not result.shown else row.state if row else "gone" for row in ends)
    return server, client
