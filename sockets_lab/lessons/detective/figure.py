"""The pictures of lesson 14: a broken machine, what it holds, what its faults look like, and whether it works."""

import textwrap
from collections.abc import Callable, Iterable, Sequence

from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.ladder import ladder
from sockets_lab.figures.tables import Table
from sockets_lab.lab.capture import Captured
from sockets_lab.lessons.detective import FAULTS, VIEWS, Case, Inspected, Scene, Symptom, look, met, route
from sockets_lab.lessons.detective import symptoms as made
from sockets_lab.lessons.detective.figure_scene import scene
from sockets_lab.lessons.detective.inquiry import ENOUGH, solved
from sockets_lab.lessons.filtering import figure
from sockets_lab.model import SocketRow

WIDTH, ROW, LINE = 760, 30, 17  # pixels
LETTERS = 84  # characters of a line of what went wrong
WORDS = {True: ("passed", "connection"), False: ("failed", "refused"), None: ("not tried", "quiet")}


def report(steps: Sequence[Inspected]) -> Drawing:
    """Draw what a machine must do, one below the other: passed, failed and why, or not tried."""
    drawing = Drawing("What the machine must do, tried one after the other.", "", WIDTH, 0)
    y, said = 4.0, []
    for number, step in enumerate(steps, 1):
        word, role = WORDS[step.passed]
        because = textwrap.wrap(step.because, LETTERS)
        height = ROW + LINE * len(because)
        drawing.box(4, y, 104, height, role, dashed=step.passed is None)
        drawing.text(56, y + height / 2, word, anchor="middle", bold=step.passed is not None)
        drawing.text(122, y + 15, f"{number}. {step.what}", "muted" if step.passed is None else "ink")
        for place, line in enumerate(because, 1):
            drawing.text(122, y + 13 + LINE * place, line, "refused", 12)
        said.append(f"{number}. {step.what}: {word}{': ' * bool(step.because)}{step.because}.")
        y += height + 6
    drawing.height, drawing.alt = int(y), " ".join(said) or "Nothing was tried."
    return drawing


def symptoms(found: Iterable[Symptom]) -> Table:
    """Show fault by fault what it looks like from outside."""
    headings = ("what is wrong", "a customer finds", "first packet back", "the service's last word", "where to look")
    rows = tuple(_symptom(one) for one in found)
    return Table("Each fault, made once, and what can be seen of it.", headings, rows, (31, 16, 17, 24, 26), mono=False)


def known_symptoms(on_purpose: bool = False) -> Drawing | Table:
    """Show the symptoms of the faults that were met, once enough cases are solved; on purpose those of all."""
    if on_purpose or len(solved()) >= ENOUGH:
        return symptoms(made(FAULTS if on_purpose else met()))
    return _note("The table of symptoms.", f"locked until {ENOUGH} cases are solved; so far {len(solved())}")


def _symptom(one: Symptom) -> tuple[str, ...]:
    if one.missing or one.visit is None:
        return (one.fault.diagnosis, f"cannot be had here: {one.missing}", "", "", "")
    visit = one.visit
    about = visit.refused.name if visit.refused else visit.said
    finds = f"{visit.outcome}\n({about})" if about else visit.outcome
    came = "not captured here" if one.came is None else one.came or "none"
    return (one.fault.diagnosis, finds, came, one.log or "nothing", "\n".join(one.fault.signs))


def _queue(row: SocketRow) -> str:
    waiting = row.receive_queue
    if waiting is None:
        return ""
    return f"{waiting} of {row.send_queue}" if row.state == "LISTEN" else f"{waiting} bytes"


def sockets(scene: Scene, node: str) -> Table:
    """Show a node's socket table, with the processes that hold each socket."""
    rows = sorted(scene.rows[node], key=lambda row: (row.state != "LISTEN", row.protocol, row.state, row.local))
    cells = tuple(
        (row.protocol, f"{row.local}", f"{row.remote}" if row.remote.port else "-", row.state,
         "?" if row.receive_queue is None else _queue(row).removesuffix(" bytes"),
         "-" if row.state == "LISTEN" else f"{row.send_queue}", _owners(row))
        for row in rows
    )  # fmt: skip
    headings = ("protocol", "local", "remote", "state", "waits", "unsent", "held by")
    none = (("", "no socket", *[""] * 5),)
    return Table(f"The socket table of node {node}.", headings, cells or none, (8, 22, 22, 12, 8, 7, 24))


def _owners(row: SocketRow) -> str:
    if row.owners is None:
        return "not told here"
    return ", ".join(f"{owner.program}, process {owner.pid}" for owner in row.owners) or "no program"


def programs(scene: Scene) -> Table:
    """Show the programs of a machine: their settings, and what they have said."""
    rows = []
    for one in scene.programs:
        state = "has ended" if one.pid is None else f"{'is suspended' if one.suspended else 'runs'}, process {one.pid}"
        many = "" if one.descriptors is None else f"\n{one.descriptors} descriptors"
        settings = "\n".join(f"{name} = {value}" for name, value in one.settings.items()) or "not yours to change"
        rows.append((f"{one.name} at {one.node}\n{state}{many}", settings, "\n".join(one.log) or "nothing"))
    headings = ("program", "settings", "log")
    return Table("The programs, their settings, and their logs.", headings, tuple(rows), (26, 34, 40))


def packets(scene: Scene, captured: Sequence[Captured] | None, differs: str = "") -> Drawing:
    """Draw what crossed A's cable in a visit, None = there was none. Args: differs: why nothing is captured, or ""."""
    if captured is not None and not differs:
        return ladder(captured, scene.addresses)
    why = "no packets can be captured here" if differs else "nobody has asked since the machine was changed"
    return _note("Packets of a customer's visit.", why, differs)


def _note(title: str, why: str, more: str = "") -> Drawing:
    """Draw why there is nothing to be seen."""
    drawing = Drawing(title, f"{why[0].upper()}{why[1:]}. {more}".strip(), WIDTH, 60)
    drawing.text(WIDTH / 2, 30, why, "muted", anchor="middle")
    return drawing


def kernels(scene: Scene) -> Table:
    """Show what may be set wrong in the kernels, and which hardware address they use for their neighbors."""
    rows = tuple(
        (one.name, "\n".join(f"{name} = {value}" for name, value in one.settings.items()) or "no settings",
         "\n".join(one.log) or "none yet")
        for one in scene.kernels
    )  # fmt: skip
    return Table("The kernels, their settings, and their neighbors.", ("kernel", "settings", "neighbors"), rows,
                 (14, 40, 40))  # fmt: skip


def view(name: str, seen: Scene | None, captured: Sequence[Captured] | None, differs: str) -> Drawing | Table:
    """Return what is to be seen of a machine, None = there is none. Args: name: one of VIEWS; else as for `packets`."""
    if seen is None:
        return _note("A machine with its customers.", "no machine is there")
    pictures: dict[str, Callable[[], Drawing | Table]] = dict(zip(VIEWS, (
        lambda: scene(seen), lambda: sockets(seen, "A"), lambda: sockets(seen, "B"), lambda: programs(seen),
        lambda: figure.rules(seen.rules), lambda: packets(seen, captured, differs), lambda: kernels(seen),
        lambda: _gateway(seen),
    ), strict=True))  # fmt: skip
    return pictures[name]()


def _gateway(seen: Scene) -> Drawing | Table:
    if seen.gateway is None:
        return _note("The gateway.", "there is no gateway here: customers come to B")
    return figure.rules(seen.gateway, "G")


def of(case: Case, name: str) -> Drawing | Table:
    """Look at a case, which counts, and draw what is to be seen. Args: name: one of VIEWS, but the packets."""
    seen = look(case)
    picture = view(name, seen, None, case.lab.differs)
    case.saw(name, picture.alt)
    return picture


def inquiry(case: Case) -> Table:
    """Show the route of an inquiry: each look, what it ruled out, how many faults were left, and what was changed."""
    rows = tuple(
        (f"{number}. {name}", "\n".join(fault.diagnosis for fault in out) or "nothing", f"{left}")
        for number, (name, out, left) in enumerate(route(case), 1)
    )
    right, wrong = (", ".join(sorted(one)) for one in (case.inquiry.right, case.inquiry.wrong))
    rows += (("changed", f"{right or 'nothing'}; in vain: {wrong or 'nothing'}", ""),)
    headings = ("what was looked at", "what that rules out", "left")
    return Table("The route of the inquiry.", headings, rows, (26, 62, 5), mono=False)
