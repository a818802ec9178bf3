"""The pictures of lesson 10: a packet under the microscope, a segment beside a datagram, who reads which field."""

from collections.abc import Sequence

from sockets_lab.errors import BadInput
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.tables import Table
from sockets_lab.headers import TCP, UDP, Packet
from sockets_lab.lessons.packets import Outcome, Trial
from sockets_lab.lessons.packets.figure_bitrows import CARRIED, LIT, ROLES, rows_of_32, spoken, written
from sockets_lab.lessons.packets.figure_octets import microscope
from sockets_lab.lessons.packets.outcomes import names

__all__ = ["beside", "microscope", "readers", "surveyed"]

PORTS = {"source_port", "destination_port"}
NARROW = 11.4  # pixels of one bit, where two headers stand side by side
COLUMN, FIRST = 48.8, 124  # pixels of a column in the table of readers, where the first begins
PARTS = "Ip.ReasmReqds"
FIELDS = (  # header, fields in the order of the bytes, as short words
    ("Ethernet", ("to", "from", "type")), ("IPv4", ("TTL", "protocol", "check- sum", "from", "to")),
    ("TCP, UDP", ("from port", "to port", "flags", "check- sum")), ("", ("data",)),
)  # fmt: skip
READERS: tuple[tuple[str, set[int], set[int]], ...] = (  # who, what it reads, what it changes: numbers of columns
    ("a switch", {0, 1}, set()), ("a router", {0, 2, 7}, {0, 1, 3, 5}), ("a firewall", {4, 6, 7, 8, 9, 10}, set()),
    ("port forwarding", {4, 6, 7, 8, 9, 10}, {5, 6, 7, 8, 9, 11}),
    ("the host's kernel", {0, 2, 4, 5, 6, 7, 8, 9, 10, 11}, set()), ("the program", {6, 8, 12}, set()),
)  # fmt: skip


def beside(segment: Packet, datagram: Packet) -> Drawing:
    """Draw the TCP header of a segment beside the UDP header of a datagram, the ports of both lit. Raises: BadInput."""
    drawing = Drawing("A segment beside a datagram: the port fields stand in the same place.", "", 760, 0)
    ends, said = [], []
    sides = ((6, TCP, "segment", segment), (388, UDP, "datagram", datagram))
    for x, kind, word, packet in sides:
        header = packet.find(kind)
        if header is None:
            raise BadInput(f"This packet is no {word}: it has no {kind.name()} header.")
        drawing.text(x, 14, f"a {word}: {kind.name()}, {header.size} bytes of header", bold=True)
        end = rows_of_32(drawing, x, 36, header, PORTS, bit=NARROW)
        drawing.box(x, end - 4, 32 * NARROW - 1, 30, "quiet", f"data, {len(packet.payload)} bytes", dashed=True)
        ends.append(end + 34)
        ports = [getattr(header, name) for name in ("source_port", "destination_port")]
        names = [name.replace("_", " ") for name in header.layout.fields if name not in PORTS]
        said.append(f"{kind.name()}: source port {ports[0]} in its first 2 bytes, destination port "
                    f"{ports[1]} in the next 2; then {', '.join(names)}; {header.size} bytes; then "
                    f"{len(packet.payload)} bytes of data.")  # fmt: skip
    drawing.height = int(max(ends))
    drawing.alt = " ".join(said)
    return drawing


def readers() -> Drawing:
    """Draw which fields of a packet each machine on its way reads, and which it writes anew.

    Source: RFC 1812 section 5 (routers), RFC 3022 section 4.1 (translation), IEEE 802.1D (switches).
    """
    title = "Who reads which field of a packet on its way, and who changes it."
    drawing = Drawing(title, "", 760, 66 + 34 * len(READERS))
    x, columns = float(FIRST), []
    for header, fields in FIELDS:
        width = COLUMN * len(fields)
        if header:
            role = ROLES.get(header, CARRIED)
            drawing.box(x, 4, width - 2, 22, role)
            drawing.text(x + width / 2, 15, header, size=12, anchor="middle", bold=True)
        for number, field in enumerate(fields):
            for line, word in enumerate(field.split()):
                drawing.text(x + number * COLUMN + COLUMN / 2 - 1, 36 + 13 * line, word, size=11, anchor="middle")
            columns.append(f"{header.replace(', ', ' or ')} {field.replace('- ', '')}".strip())
        x += width
    said = []
    for line, (who, reads, changes) in enumerate(READERS):
        y = 60 + 34 * line
        drawing.text(4, y + 14, who, size=12)
        for column in reads | changes:
            changed = column in changes
            drawing.box(FIRST + column * COLUMN, y, COLUMN - 2, 28, LIT if changed else "quiet")
            drawing.text(FIRST + column * COLUMN + COLUMN / 2 - 1, y + 14, "writes" if changed else "reads",
                         size=11, anchor="middle")  # fmt: skip
        said.append(f"{who.capitalize()} reads {', '.join(columns[one] for one in sorted(reads))}" + (
            f"; writes {', '.join(columns[one] for one in sorted(changes))}." if changes else "."))  # fmt: skip
    drawing.alt = " ".join(said)
    return drawing


def surveyed(trials: Sequence[Trial]) -> Table:
    """Show which field was changed, and what the receiving kernel then did with the datagram."""
    title = "One field of a good datagram changed, and what became of it."
    if trials and trials[0].outcome.refused:
        return Table(title, ("", ""), (("packets made by hand", f"{trials[0].outcome.refused}"),), (24, 66))
    rows = []
    for trial in trials:
        field = trial.header.layout.fields[trial.field]
        counted = ", ".join(counter for counter, _ in trial.outcome.risen)
        name = f"{trial.header.name()} {field.name.replace('_', ' ') if field.width == 1 else spoken(field)}"
        rows.append((name, written(field, trial.value), _became(trial.outcome), counted or "-"))
    return Table(title, ("field", "changed to", "what became of it", "B counted"), tuple(rows), (20, 17, 32, 24))


def _became(outcome: Outcome) -> str:
    if outcome.received:
        one = outcome.received[0]
        return f"{one.program} received it, from {one.sender}"
    if outcome.answers:
        return f"answered: {names(outcome.answers)}"
    if any(counter == PARTS for counter, _ in outcome.risen):
        return "kept, until the other parts come"
    return "thrown away, without a word" if outcome.arrived else "thrown away by the switch"
