"""The pictures of lesson 13: each source's way through the knocks of a door, who came in, what a verifier said."""

from collections.abc import Iterable, Mapping, Sequence

from sockets_lab.errors import Refused
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.tables import Table
from sockets_lab.lab import Node
from sockets_lab.lab.firewall import Ruleset
from sockets_lab.lessons.knocking import Cure, Event, Opening, Replays, Try, View, spelled
from sockets_lab.lessons.knocking.locks import LATE, OPENED, REFUSED, SHUT, STEP, WRONG

WIDTH, LEFT = 760, 132  # pixels: the picture; where the first event stands
COLUMN, BOX = 70, 66  # from one event to the next; an event's box
MOST = (WIDTH - LEFT) // COLUMN  # events drawn; earlier ones are counted
HEAD, EVENT, BAND = 30, 44, 18  # above the lanes; an event's height; that of the band that says "open"
QUIET = 52.0  # a lane's height, without its words, where the others have come and this one has not
RISE = 84  # how high a lane's way climbs from nothing to the last knock
LINE = 17  # of text
ROLES = {STEP: "packet", WRONG: "refused", LATE: "refused", REFUSED: "refused", OPENED: "connection", SHUT: "quiet"}
TITLE = "Each source's way through the knocks, in a lane of its own."


def progress(
    events: Sequence[Event], hosts: Iterable[Node], steps: int = 3, about: Mapping[str, str] | None = None,
    gate: Sequence[str] = (),
) -> Drawing:  # fmt: skip
    """Draw what a door made of each knock: a lane for each source, time to the right, one column for each event.

    A box stands the higher, the more knocks this source then has right; the green band is the time in which the door is
    open for it.
    Args: hosts: who knocks; steps: knocks of the sequence, 0 where a signed request opens; about: by name, a few words
        for the lane; gate: lines for the foot of the picture.
    """
    drawing = Drawing(TITLE, "", WIDTH, 0)
    shown = events[-MOST:]
    begun = events[0].time if events else 0.0
    top, said = float(HEAD), []
    for column, event in enumerate(shown):
        drawing.text(_middle(column), 14, f"{event.time - begun:.2f} s", "muted", 11, "middle")
    for host in hosts:
        mine = [(column, event) for column, event in enumerate(shown) if event.source == host.address]
        earlier = [event for event in events[:-MOST] if event.source == host.address]
        words = (about or {}).get(host.name, "")
        height = _lane(drawing, host, top, steps, mine, earlier, len(shown), words)
        said.append(f"{host.name} is {host.address}{', ' if words else ''}{words}.")
        top += height + 10
    said += [_sentence(event, event.time - begun, hosts, steps) for event in shown]
    if not events:
        drawing.text(LEFT + (WIDTH - LEFT) / 2, HEAD + 30, "nobody has knocked yet", "muted", anchor="middle")
        said.append("Nobody has knocked yet.")
    if len(events) > len(shown):
        note = f"{len(events) - len(shown)} earlier events are not drawn."
        drawing.text(WIDTH - 6, top + 2, note, "muted", 11, "end")
        said.append(note)
    for line in gate:
        drawing.text(8, top + 6, line, "ink" if line is gate[0] else "muted", 12, mono=line is not gate[0])
        top += LINE
        said.append(f"{line}{'' if line.endswith(('.', ':')) else ';'}")
    drawing.height, drawing.alt = int(top + 8), " ".join(said)
    return drawing


def _middle(column: int) -> float:
    return LEFT + COLUMN * column + BOX / 2


def _lane(
    drawing: Drawing, host: Node, top: float, steps: int, mine: Sequence[tuple[int, Event]], earlier: Sequence[Event],
    columns: int, words: str,
) -> float:  # fmt: skip
    """Draw one source's lane; return its height."""
    levels = max(steps, 1)
    spoken = words.split(", ") if words else []
    height = RISE + EVENT + BAND + 14.0 if mine or earlier or not columns else QUIET + LINE * len(spoken)
    bottom = top + 5 + RISE
    drawing.line(4, top + height + 4, WIDTH - 4, top + height + 4, "quiet")
    drawing.text(12, top + 16, host.name, bold=True, size=15)
    drawing.text(12, top + 36, host.address, size=12, mono=True)
    for line, text in enumerate(spoken):
        drawing.text(12, top + 58 + LINE * line, text, "ink" if text == "open" else "muted", 12, bold=text == "open")
    for begin, end in _open(mine, earlier):
        drawing.box(begin, top + height - BAND, end - begin, BAND, "connection")
        drawing.text(begin + 8, top + height - BAND / 2, "open", size=11)
    place: float = earlier[-1].place if earlier else 0
    x, y = LEFT - 10.0, bottom - place / levels * RISE
    for column, event in mine:
        level = levels if event.what == OPENED else event.place
        left, high = LEFT + COLUMN * column, bottom - level / levels * RISE
        drawing.line(x, y + EVENT / 2, left, high + EVENT / 2, "quiet")
        _event(drawing, left, high, event)
        x, y = left + BOX, high
    return height


def _open(mine: Sequence[tuple[int, Event]], earlier: Sequence[Event]) -> list[tuple[float, float]]:
    begin = LEFT - 6.0 if [one.what for one in earlier if one.what in (OPENED, SHUT)][-1:] == [OPENED] else None
    found = []
    for column, event in mine:
        if event.what == OPENED and begin is None:
            begin = float(LEFT + COLUMN * column)
        elif event.what == SHUT and begin is not None:
            found.append((begin, float(LEFT + COLUMN * column + BOX)))
            begin = None
    if begin is not None:
        found.append((begin, WIDTH - 6.0))  # now, too
    return found


def _event(drawing: Drawing, left: float, top: float, event: Event) -> None:
    """Draw the box of one event: at which port, and what came of it."""
    words = [*([str(event.knock)] if event.knock else []), *event.verdict.split(" ", 1)]
    drawing.box(left, top, BOX, EVENT, ROLES[event.what])
    first = top + EVENT / 2 - 13 * (len(words) - 1) / 2
    for line, word in enumerate(words):
        port = line == 0 and event.knock is not None
        drawing.text(left + BOX / 2, first + 13 * line, word, "ink", 11, "middle", not port, mono=port)


def _sentence(event: Event, after: float, hosts: Iterable[Node], steps: int) -> str:
    name = next((host.name for host in hosts if host.address == event.source), event.source)
    if event.what == SHUT:
        return f"After {after:.2f} s the door is shut for {name}."
    right = f", {event.place} of {steps} right" if steps and event.what != OPENED else ""
    return f"After {after:.2f} s {name} at {event.knock}: {event.verdict}{right}."


def opening(found: Opening, hosts: Iterable[Node]) -> Drawing:
    """Draw a door that was knocked at, and what came of trying it."""
    tried = [f"{who} tried the door {WHEN[when]}: {visit.answer}" for when, who, visit in found.visits]
    return progress(found.events, tuple(hosts), len(found.sequence), gate=("What came of trying the door:", *tried))


WHEN = {"before": "before the knocks", "open": "after the last knock", "after": "when it was over"}


def door(view: View, hosts: Iterable[Node]) -> Drawing:
    """Draw the panel's door: what it has heard, and what the kernel's gate says now."""
    hosts = tuple(hosts)
    steps = len(view.sequence)
    about = {}
    for host in hosts:
        right = [f"{view.right.get(host.name, 0)} of {steps} right"] if steps else []
        about[host.name] = ", ".join([*right, "open" if host.name in view.opened_for else "shut"])
    if view.rules is None:
        into = " and ".join(view.opened_for) or "nobody"
        gate = [f"The gate of {view.door} is {view.about}.", f"it lets in: {into}"]
    else:
        gate = [f"The gate of {view.door}, as B's kernel holds it:", *(view.rules or ("no rule",))]
    gate += [f"The daemon has ended: {view.failed}"] if view.failed else []
    return progress(view.events, hosts, steps, about, gate)


def replays(found: Replays) -> Table:
    """Show for whom a door opened: to A's knocks, and to the same knocks sent again by C."""
    rows = (
        ("A knocks", *_came(found.knocked)),
        ("C sends A's knocks again, from C's address", *_came(found.as_itself)),
        ("C sends them again byte for byte, from A's address", *_came(found.as_owner)),
    )
    return Table("Three fresh doors, and the same knocks.", ("what was done", "open for", "A tries", "C tries"), rows,
                 (44, 10, 12, 12), mono=False)  # fmt: skip


def _came(tried: Try) -> tuple[str, str, str]:
    if tried.refused:
        return f"refused: {tried.refused.name}", "-", "-"
    first, second = (visit.answer for _, visit in tried.visits)
    return " and ".join(tried.opened_for) or "nobody", first, second


def cure(found: Cure) -> Table:
    """Show what a verifier said to good requests and to bad ones."""
    rows = tuple((one.what, one.by, one.verdict, "yes" if one.opened else "no") for one in found.asked)
    return Table("One door, one key, nine requests.", ("the request", "sent by", "the verifier says", "opened"), rows,
                 (46, 8, 18, 8), mono=False)  # fmt: skip


def rules(held: Ruleset | Refused) -> Table:
    """Show the rules for what comes in that a kernel holds, and what each has counted."""
    title, heads, widths = "The gate's rules, read back from the kernel.", ("rule", "packets"), (62, 8)
    if isinstance(held, Refused):
        return Table(title, heads, ((str(held), "-"),), widths)
    counted = (str(rule.packets) for chain in held.chains if chain.hook == "input" for rule in chain.rules)
    rows = tuple(zip(spelled(held), counted, strict=True))
    return Table(title, heads, rows or (("none", "-"),), widths)
