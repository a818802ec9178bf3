"""The pictures of lesson 03, all but the map: a port's sixteen bits, tables of names and trials, ports handed out."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sockets_lab.errors import Refused
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import ROLES
from sockets_lab.figures.plot import plot
from sockets_lab.figures.tables import Table
from sockets_lab.lessons.ports import RANGES, TEXT_EPHEMERAL, Measured, NameCheck, NumberTrial, Probe
from sockets_lab.model import MAX_PORT, checked_port

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BIT = 38  # pixels


def sixteen_bits(port: int) -> Drawing:
    """Draw the header field of one port: sixteen bits, the two bytes that they make, and how these give the number."""
    number = checked_port(port)
    high, low = divmod(number, 256)
    sentence = f"Port {number}: the bytes {high} and {low}, for {high} x 256 + {low} = {number}."
    drawing = Drawing(f"The header field that holds port {number}.", "", 760, 150)
    drawing.alt = f"{sentence} The sixteen bits are {high:08b} {low:08b}."
    drawing.text(60, 16, "first byte on the wire: the high one", "muted")
    drawing.text(60 + 8 * BIT + 20, 16, "second byte: the low one", "muted")
    for place, bit in enumerate(f"{number:016b}"):
        x = 60 + place * BIT + (20 if place > 7 else 0)
        drawing.box(x, 32, BIT - 4, 36, "packet" if bit == "1" else "quiet", bit)
        drawing.text(x + BIT / 2 - 2, 82, str(2 ** (15 - place)), "muted", 11, "middle")
    drawing.text(60, 104, f"byte {high}", bold=True)
    drawing.text(60 + 8 * BIT + 20, 104, f"byte {low}", bold=True)
    drawing.text(60, 132, f"{high} x 256 + {low} = {number}", size=15, bold=True, mono=True)
    return drawing


def number_table(trials: Iterable[NumberTrial]) -> Table:
    """Show what became of each value that was offered as a port number."""
    rows = tuple(
        (
            repr(trial.value),
            "cannot hold it" if trial.field is None else trial.field.hex(" "),
            "takes it" if trial.python is None else trial.python,
            "never asked" if trial.kernel is None else f"refuses: {trial.kernel.name}"
            if isinstance(trial.kernel, Refused) else f"gives {trial.kernel}",
            "refuses it" if trial.lookup is None else f"says {trial.lookup}",
        )
        for trial in trials
    )  # fmt: skip
    headings = ("value", "16 bits", "Python's bind", "the kernel", "getaddrinfo")
    return Table("What becomes of a value that is offered as a port number.", headings, rows, (8, 14, 32, 20, 11))


def text_table(checks: Iterable[NameCheck]) -> Table:
    """Show the text's table of ports beside this machine's names, and say where the text is wrong."""
    rows = tuple(
        (str(check.row.port), check.row.service, str(check.tcp), str(check.udp), check.row.wrong) for check in checks
    )
    headings = ("port", "what the text says", "tcp here", "udp here", "what is wrong with the row")
    title = "The text's fifteen ports, and their names on this machine."
    return Table(title, headings, rows, (6, 26, 14, 9, 34), mono=False)


def probe_table(probes: Iterable[Probe]) -> Table:
    """Show several probed ports, a row each."""
    rows = tuple(
        (
            f"{probe.asked.port}/{probe.protocol}",
            probe.range.name,
            str(probe.service),
            f"refused: {probe.bound.name}" if isinstance(probe.bound, Refused) else f"gives {probe.bound.port}",
            probe.outcome,
            probe.held_by,
        )
        for probe in probes
    )
    headings = ("port", "range", "name here", "bind", "connect", "held by")
    return Table("Ports probed on this machine, by this user.", headings, rows, (10, 8, 14, 20, 10, 24))


@plot("Ports that this kernel handed out, in the order in which it did.", height=420)
def handed_out(axes: "Axes", measured: Measured) -> str:
    """Draw each port as a dot: from left to right by its number, from top to bottom in the order handed out."""
    tints = ("descriptor", "quiet", "endpoint")
    for each, role in zip(RANGES, tints, strict=True):
        axes.axvspan(each.low, each.high + 1, color=ROLES[role], alpha=0.13, linewidth=0)
        if len(each) > 9000:  # else there is no room for its name
            axes.text((each.low + each.high) / 2, -0.08, f"{each.name} ports", ha="center", va="bottom", size=9)
    lanes = len(measured.handouts)
    for lane, handout in enumerate(measured.handouts):
        heights = [lane + 0.08 + 0.84 * place / max(len(handout.ports), 1) for place in range(len(handout.ports))]
        for odd, role, marker in ((0, "connection", "o"), (1, "packet", "^")):
            dots = [(port, y) for port, y in zip(handout.ports, heights, strict=True) if port % 2 == odd]
            axes.plot([port for port, _ in dots], [y for _, y in dots], marker, color=ROLES[role], markersize=2,
                      label=("even numbers", "odd numbers")[odd] if lane == 0 else None)  # fmt: skip
    bars = [("the text: only these", TEXT_EPHEMERAL["only the last range"], "quiet")]
    if measured.system:
        bars.append(("the system: these", measured.system, "listener"))
    for number, (words, (low, high), role) in enumerate(bars):
        axes.plot((low, high), (lanes + 0.25 + number * 0.4,) * 2, color=ROLES[role], linewidth=3)
        axes.text(low - 600, lanes + 0.25 + number * 0.4, words, ha="right", va="center", size=9)
    axes.set(xlim=(0, MAX_PORT + 1), ylim=(lanes + 0.95, 0), xlabel="port number",
             xticks=(1024, 16384, 32768, 49152, 65535), yticks=[lane + 0.5 for lane in range(lanes)],
             yticklabels=[f"{one.protocol.upper()} {one.way}" for one in measured.handouts])  # fmt: skip
    axes.legend(loc="upper left", bbox_to_anchor=(0.03, 0.97), markerscale=3, fontsize=9)
    return str(measured)
