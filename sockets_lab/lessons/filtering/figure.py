"""The pictures of lesson 11: rules and what they count, what they do to a client, and both sides of a forwarder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.ladder import ladder
from sockets_lab.figures.tables import Table
from sockets_lab.lab import firewall
from sockets_lab.lab.firewall import Answer, Ruleset
from sockets_lab.lessons import filtering
from sockets_lab.lessons.filtering import Behind, Replies, Trial, forwarding
from sockets_lab.model import FourTuple, SocketRow

WIDTH, HOST, APART = 760, 232, 260  # pixels: the picture, a host's box, from one box to the next
HIGH, LOW, SOCKET = 92, 196, 62  # the upper and the lower socket, and how high one is
HEIGHT = 276
PLACES = {"prerouting": "as it comes in", "input": "for this node", "forward": "through this node",
          "output": "from this node", "postrouting": "as it goes out"}  # fmt: skip


def rules(ruleset: Ruleset | Refused, node: str = "B") -> Table:
    """List the rules that a node holds, in their order, and what each has counted."""
    title = f"The rules that node {node} holds, and what each has counted."
    if isinstance(ruleset, Refused):
        return Table(title, ("",), ((f"{ruleset}",),), (92,))
    rows = []
    for chain in ruleset.chains:
        place = f"{chain.hook}:\n{PLACES[chain.hook]}"
        for number, rule in enumerate(chain.rules, 1):
            words = f"{rule}".replace(f"counter packets {rule.packets} bytes {rule.octets}", "counter")
            rows.append((place, str(number), words, _count(rule.packets), _count(rule.octets)))
            place = ""
        rows.append((place, "else", f"policy {chain.policy}", "", ""))
    none = (("", "", "no rule: everything passes", "", ""),)
    return Table(title, ("where", "rule", "what it says", "packets", "bytes"), tuple(rows) or none, (17, 5, 50, 7, 7))


def trials(found: Sequence[Trial] | Refused, protocol: str = "tcp") -> Table:
    """Show what each rule did to a client, at an open and at a closed port."""
    title = f"What one rule does to a client's question over {protocol.upper()}."
    if isinstance(found, Refused):
        return Table(title, ("",), ((f"{found}",),), (92,))
    title += _decider(one.open for one in found)
    rows = tuple(
        ("no rule" if one.rule is None else f"{one.rule}", _told(one.open), _told(one.closed)) for one in found
    )
    return Table(title, ("B's only rule", "at a port where a program listens", "where nobody listens"), rows,
                 (46, 33, 33))  # fmt: skip


def programs(found: tuple[Ruleset, Sequence[Behind]] | Refused) -> Table:
    """Show which program was behind which port, and what the rules let through, which know the port alone."""
    title = "Programs behind ports, and rules that read the port."
    if isinstance(found, Refused):
        return Table(title, ("",), ((f"{found}",),), (92,))
    ruleset, ports = found
    met = [f"{rule}" for rule in ruleset.chain("input").rules]
    rows = tuple(
        (str(one.port), one.program, rule, one.answer.outcome, repr(one.answer.said[:14]) if one.answer.said else "")
        for one, rule in zip(ports, met, strict=True)
    )
    title += _decider(one.answer for one in ports)
    headings = ("port", "behind it", "the rule that it meets, and what that counted", "A's client", "and hears")
    return Table(title, headings, rows, (5, 9, 52, 10, 18))


def replies(found: Sequence[Replies] | Refused) -> Table:
    """Show who gets through to a guarded node, under each ruleset."""
    title = "A guarded node asks another one, and that one asks back."
    if isinstance(found, Refused):
        return Table(title, ("",), ((f"{found}",),), (92,))
    title += _decider(one.own for one in found)
    rows = []
    for one in found:
        chain = one.rules.chain("input")
        words = [f"{rule}".split(" counter")[0] + f" {rule.verdict}" for rule in chain.rules
                 if isinstance(rule, firewall.Rule)]  # fmt: skip
        rows.append(("\n".join([*words, f"policy {chain.policy}"]),
                     *(answer.outcome for answer in (one.own, one.stranger, one.disguised))))  # fmt: skip
    headings = ("the guarded node's rules", "it asks", "a stranger asks", "a stranger, from that port")
    return Table(title, headings, tuple(rows), (40, 12, 16, 27))


def _decider(answers: Iterable[Answer]) -> str:
    return " Here a simulated firewall decides." if any(one.by == "simulated" for one in answers) else ""


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _told(answer: Answer) -> str:
    wait = f"{answer.seconds:.1f} s" if answer.outcome == "silence" else ""
    name = answer.refused.name if answer.refused and not wait else ""
    more = ", ".join(filter(None, (name, answer.told and f"by {answer.told}", wait)))
    return f"{answer.outcome} ({more})" if more else answer.outcome


@dataclass(frozen=True)
class _Middle:
    """What stands in the forwarding node: role and lines of its upper and its lower box, and what is between them."""

    role: str
    upper: tuple[str, ...]
    lower: tuple[str, ...]
    work: tuple[str, ...]
    dashed: bool = False


def both_sides(found: forwarding.Between | filtering.Forwarded | Refused) -> Drawing:
    """Draw a forwarded connection with the four-tuples that the client, the node between and the server have of it."""
    title = "A forwarded connection: its four-tuples on both sides of the node that forwards."
    if isinstance(found, Refused):
        return _missing(title, found)
    drawing = Drawing(title, "", WIDTH, HEIGHT)
    middle, foot = _by_program(found) if isinstance(found, forwarding.Between) else _by_kernel(found)
    _host(drawing, 0, "A", "the client", found.client)
    _host(drawing, 2, "C", "the program asked for", found.server)
    said = [f"A, the client, has {_said(found.client)}."]
    said += _middle(drawing, middle)
    said.append(f"C has {_said(found.server)}.")
    _wires(drawing, found.server is not None, middle.dashed)
    drawing.text(WIDTH / 2, HEIGHT - 14, foot, "ink" if found.server else "refused", 13, "middle", bold=True)
    drawing.alt = " ".join([*said, foot])
    return drawing


def crossed(found: filtering.Forwarded | Refused, addresses: Mapping[str, str]) -> Drawing:
    """Draw what crossed the client's cable while a connection was forwarded, or was to be."""
    title = "Packets on the client's cable, in the order in which they crossed it."
    return _missing(title, found) if isinstance(found, Refused) else ladder(found.packets, addresses, title)


def _missing(title: str, refused: Refused) -> Drawing:
    drawing = Drawing(title, f"It cannot be had here: {refused}.", WIDTH, 60)
    drawing.text(WIDTH / 2, 30, f"cannot be had here: {refused.because}", "muted", 12, "middle")
    return drawing


def _by_program(found: forwarding.Between) -> tuple[_Middle, str]:
    upper, lower = (_lines(row.four_tuple, row.state) for row in (*found.forwarder, None, None)[:2] if row) if len(
        found.forwarder) == 2 else (("no socket",), ("no socket",))  # fmt: skip
    middle = _Middle("connection", upper, lower, ("a program copies bytes", "from one socket to the other"))
    return middle, _sees(found.server)


def _by_kernel(found: filtering.Forwarded) -> tuple[_Middle, str]:
    changed = "destination and source" if found.masquerade else "destination"
    work = ("no socket: the kernel rewrites", f"each packet's {changed}")
    if found.tracked is None:
        return _Middle("quiet", ("nothing",), ("nothing",), work, True), _sees(found.server)
    upper = ("as it came", f"{found.tracked.original.local}", f"to {found.tracked.original.remote}")
    lower = ("as answers must come", f"{found.tracked.reply.local}", f"to {found.tracked.reply.remote}")
    foot = _sees(found.server)
    if not found.server:
        reply = found.tracked.reply
        foot = f"C would answer {reply.remote} as {reply.local}, but A waits for {found.port}."
    return _Middle("packet", upper, lower, work, True), foot


def _sees(server: SocketRow | None) -> str:
    return f"C takes {server.remote} for its client." if server else "C has no client."


def _lines(name: FourTuple, state: str) -> tuple[str, ...]:
    return (f"tcp {state}", f"{name.local}", f"to {name.remote}")


def _said(row: SocketRow | None) -> str:
    return f"tcp {row.local} to {row.remote}, {row.state}" if row else "no connection"


def _frame(drawing: Drawing, place: int, name: str, what: str) -> float:
    left = 4 + place * APART
    drawing.box(left, 6, HOST, HEIGHT - 40, "quiet")
    drawing.text(left + 12, 24, name, size=15, bold=True)
    drawing.text(left + 34, 24, what, "muted", 12)
    return left + 12


def _host(drawing: Drawing, place: int, name: str, what: str, row: SocketRow | None) -> None:
    left, y = _frame(drawing, place, name, what), HIGH if place == 0 else LOW
    lines = _lines(row.four_tuple, row.state) if row else ("no connection",)
    _socket(drawing, left, y, "connection" if row else "quiet", lines, row is None)


def _middle(drawing: Drawing, middle: _Middle) -> list[str]:
    left = _frame(drawing, 1, "B", "forwards")
    for y, lines in ((HIGH, middle.upper), (LOW, middle.lower)):
        _socket(drawing, left, y, middle.role, lines, middle.dashed)
    for line, y in zip(middle.work, (137, 152), strict=True):
        drawing.text(left + (HOST - 24) / 2, y, line, "muted", 11, "middle")
    return [f"B forwards; {' '.join(middle.work)}: {', '.join(middle.upper)}; {', '.join(middle.lower)}."]


def _socket(drawing: Drawing, left: float, y: float, role: str, lines: Sequence[str], dashed: bool) -> None:
    drawing.box(left, y - SOCKET / 2, HOST - 24, SOCKET, role, dashed=dashed)
    top = y - (len(lines) - 1) * 9
    for number, line in enumerate(lines):
        drawing.text(left + 10, top + 18 * number, line, size=12, bold=number == 0, mono=number > 0)


def _wires(drawing: Drawing, reached: bool, rewritten: bool) -> None:
    """Join the client's end with what is between, and that with the server's end."""
    edge = HOST - 12
    drawing.line(4 + edge, HIGH, 4 + APART + 12, HIGH, "connection", dashed=not reached)
    drawing.line(4 + APART + edge, LOW, 4 + 2 * APART + 12, LOW, "connection", dashed=not reached)
    if not reached and rewritten:
        drawing.line(4 + 2 * APART + 12, LOW + 36, 4 + HOST / 2, LOW + 36, "refused", dashed=True)
        drawing.line(4 + HOST / 2, LOW + 36, 4 + HOST / 2, HIGH + SOCKET / 2 + 2, "refused", dashed=True, arrow=True)
