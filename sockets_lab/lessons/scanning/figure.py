"""The pictures of lesson 12: what a scan found at every port, attempts as they came, and what a detector makes of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import ROLES
from sockets_lab.figures.pixels import png, rgba
from sockets_lab.figures.plot import plot
from sockets_lab.lessons.scanning import Attempt, Judgement, Level, Scan, Visit
from sockets_lab.model import MAX_PORT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 256  # ports in a row of the map
NONE, REFUSED, OPEN, SILENT, OTHER, MET = range(6)  # indexes into the palette
PALETTE = (rgba(ROLES["quiet"], 0.08), rgba(ROLES["refused"], 0.3), rgba(ROLES["listener"]), rgba(ROLES["quiet"]),
           rgba(ROLES["refused"]), rgba(ROLES["packet"]))  # fmt: skip
COLORS = {"open": OPEN, "refused": REFUSED, "filtered": SILENT, "open or filtered": SILENT, "undecided": NONE}
TWO = (rgba(ROLES["quiet"], 0), rgba(ROLES["packet"]), rgba(ROLES["connection"]))  # nobody, who scans, who does not
SCANNER, CLIENT = 1, 2
NAMED = 8  # ports, or alarms, that are told one by one
WRITTEN = 5  # ports that stand in the legend
HIGHER = 3  # times the threshold: what is higher is cut off, or the threshold would not be seen
MARKED = 100  # alarms that are drawn
DOTS, BARS = 150, 110  # pixels: how high the two strips are


def map_of_results(scan: Scan | None) -> Drawing:
    """Draw what a scan found, as a map of all ports: 256 rows of 256. None: no scan yet."""
    drawing = Drawing("What a scan found at each port.", "", 760, 330)
    drawing.alt = _map(drawing, 52, 36, SIDE, scan)
    _words(drawing, 340, 48, scan)
    return drawing


@plot("Attempts to reach a port, as the defender sees them come: time against port.", height=340)
def as_they_came(axes: "Axes", series: Mapping[str, Sequence[Attempt]]) -> str:
    """Plot attempts, each series from its own beginning. Args: series: by name, at most three."""
    told = []
    for (name, attempts), role in zip(series.items(), ("packet", "quiet", "connection"), strict=False):
        begin = min((one.time for one in attempts), default=0.0)
        times = [one.time - begin for one in attempts]
        axes.plot(times, [one.port for one in attempts], ".", markersize=4, color=ROLES[role], label=name)
        ports = {one.port for one in attempts}
        span = f" at ports from {min(ports)} to {max(ports)}" if ports else ""
        told.append(f"{name}: {len(attempts)} attempts in {max(times, default=0):.1f} seconds{span}")
    axes.set(xlabel="time since the first attempt, in seconds", ylabel="port that was asked for")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), markerscale=4)
    axes.grid(alpha=0.3)
    return "; ".join(told) + "."


class Strips:
    """What a defender saw, counted and laid out once, so that a picture for another threshold is drawn at once.

    Args: attempts; counted: `scanning.levels` of them; truth: who scanned; width: pixels of the strips.
    """

    def __init__(self, attempts: Sequence[Attempt], counted: Sequence[Level], truth: Sequence[Visit], width: int):
        self.width, self.scanners = width, {one.source for one in truth}
        self.count, self.scans = len(attempts), len(truth)
        self.begin = counted[0].time if counted else 0.0
        self.length = max(counted[-1].time - self.begin, 0.1) if counted else 1.0
        self.most = max((one.port for one in attempts), default=MAX_PORT)
        points, self.highest, self.peaks = bytearray(width * DOTS), dict[tuple[int, int], int](), dict[str, int]()
        for one in attempts:
            who = self.who(one.source.address)
            at = self.column(one.time) + width * min(int((1 - one.port / self.most) * (DOTS - 3)), DOTS - 3)
            for row in (0, width):
                points[at + row : at + row + 2] = bytes([who, who])
        for level in counted:
            place = self.column(level.time), self.who(level.source)
            self.highest[place] = max(level.ports, self.highest.get(place, 0))
            self.peaks[level.source] = max(level.ports, self.peaks.get(level.source, 0))
        self.points = png(bytes(points), width, TWO)

    def who(self, source: str) -> int:
        return SCANNER if source in self.scanners else CLIENT

    def column(self, time: float) -> int:
        """Return how many pixels from the left a time stands."""
        return min(max(int((time - self.begin) / self.length * (self.width - 4)), 0), self.width - 4)

    def bars(self, top: float) -> bytes:
        """Draw the highest count in each column, as PNG; the top of the strip stands for so many ports."""
        cells = bytearray(self.width * BARS)
        for (left, who), ports in sorted(self.highest.items(), key=lambda item: -item[1]):  # the lower ones in front
            for row in range(BARS - min(max(int(ports / top * BARS), 1), BARS), BARS):
                cells[row * self.width + left : row * self.width + left + 2] = bytes([who, who])
        return png(bytes(cells), self.width, TWO)


def defence(strips: Strips, threshold: int, alarms: Sequence[Level], judged: Judgement) -> Drawing:
    """Draw attempts, how many different ports each source had asked for within the window, and the alarms."""
    drawing = Drawing("What the defender sees, and when the detector raises an alarm.", "", 760, 390)
    drawing.alt = _defence(drawing, 60, 28, strips, threshold, alarms, judged)
    return drawing


def both_sides(scan: Scan | None, strips: Strips, threshold: int, alarms: Sequence[Level],
               judged: Judgement) -> Drawing:  # fmt: skip
    """Draw the map of what the scanner found beside what the defender saw."""
    drawing = Drawing("What the scanner found, and what the defender saw of it.", "", 760, 420)
    found = _map(drawing, 40, 36, SIDE, scan)
    _words(drawing, 40, 314, scan)
    drawing.alt = f"{found} {_defence(drawing, 366, 36, strips, threshold, alarms, judged)}"
    return drawing


def _map(drawing: Drawing, x: float, y: float, size: int, scan: Scan | None) -> str:
    cells = bytearray(SIDE * SIDE)
    if scan:
        for outcome, ports in scan.outcomes.items():
            for port in ports:
                cells[port] = COLORS.get(outcome, OTHER)
        few = [(OTHER, ports) for _, ports in scan.other] + [(SILENT, scan.silent), (MET, scan.met_itself),
                                                              (OPEN, scan.open)]  # fmt: skip
        for color, ports in few:
            if len(ports) <= 1000:  # so few would not be seen as single cells
                _enlarge(cells, color, ports)
    drawing.text(x, y - 22, "row = high byte of the port, column = low byte", size=12)
    drawing.pixels(x, y, size, size, png(bytes(cells), SIDE, PALETTE))
    for row in (0, 64, 128, 192):
        drawing.text(x - 4, y + row * size / SIDE + 4, str(row * SIDE), "muted", 11, "end")
    if scan is None:
        return "No scan yet."
    named = {"open": scan.open, "no answer": scan.silent, "false opens, asked again": scan.met_itself}
    return f"{scan}." + "".join(f" {what}: {_few(ports)}." for what, ports in named.items() if ports)


def _enlarge(cells: bytearray, color: int, ports: Iterable[int]) -> None:
    for port in ports:
        row, column = divmod(port, SIDE)
        for near in range(max(row - 2, 0), min(row + 3, SIDE)):
            first, last = max(column - 2, 0), min(column + 3, SIDE)
            cells[near * SIDE + first : near * SIDE + last] = bytes([color]) * (last - first)


def _few(ports: Sequence[int]) -> str:
    return ", ".join(map(str, ports[:NAMED])) + (f" and {len(ports) - NAMED} more" if len(ports) > NAMED else "")


def _words(drawing: Drawing, x: float, y: float, scan: Scan | None) -> None:
    """Write the legend, with how many there are."""
    counts = {outcome: len(ports) for outcome, ports in scan.outcomes.items()} if scan else {}
    others = sum(len(ports) for _, ports in scan.other) if scan else 0
    silent = counts.get("filtered", 0) + counts.get("open or filtered", 0)
    unknown = MAX_PORT - (scan.count if scan else 0) + counts.get("undecided", 0)
    lines: list[tuple[int, str, int, Sequence[int]]] = [
        (OPEN, "open", counts.get("open", 0), scan.open if scan else ()),
        (REFUSED, "refused, as nobody listens", counts.get("refused", 0), ()),
        (SILENT, "no answer", silent, scan.silent if scan else ()),
        (NONE, "not asked, or undecided", unknown, ()),
    ]
    lines += [(OTHER, "another refusal", others, ())] if others else []
    lines += [(MET, "false open", len(scan.met_itself), scan.met_itself)] if scan and scan.met_itself else []
    for number, (color, words, count, ports) in enumerate(lines):
        which = f" ({', '.join(map(str, ports))})" if 0 < len(ports) <= WRITTEN else ""
        drawing.pixels(x, y + number * 19 - 6, 12, 12, png(bytes([color]), 1, PALETTE))
        drawing.text(x + 20, y + number * 19, f"{words}: {count}{which}", size=12)


def _defence(drawing: Drawing, x: float, y: float, strips: Strips, threshold: int, alarms: Sequence[Level],
             judged: Judgement) -> str:  # fmt: skip
    """Draw the two strips, one below the other, over the same time. Returns: the same in words."""
    low, width = y + DOTS + 30, strips.width
    highest = max(strips.peaks.values(), default=0)
    top = max(threshold * 1.15, min(highest * 1.05, threshold * HIGHER))
    most = f"{round(top)}{'+' if highest > top else ''}"
    for words, upper, image, high, end in (
        ("attempts: port", y, strips.points, DOTS, str(strips.most)),
        ("different ports within the window", low, strips.bars(top), BARS, most),
    ):
        drawing.text(x, upper - 10, words, size=12)
        drawing.pixels(x, upper, width, high, image)
        drawing.line(x, upper + high, x + width, upper + high, "quiet")
        drawing.text(x - 4, upper + 5, end, "muted", 11, "end")
        drawing.text(x - 4, upper + high - 5, "0", "muted", 11, "end")
    line = low + BARS * (1 - threshold / top)
    drawing.line(x, line, x + width, line, "refused", dashed=True)
    drawing.text(x + width, low - 10, f"threshold {threshold}", "ink", 12, "end")
    drawing.line(x + width - 130, low - 10, x + width - 98, low - 10, "refused", dashed=True)
    for alarm in alarms[:MARKED]:
        at = x + strips.column(alarm.time)
        drawing.line(at, y, at, y + DOTS, "refused")
        drawing.line(at, low, at, low + BARS, "refused")
    drawing.text(x, low + BARS + 12, "0 s", "muted", 11)
    drawing.text(x + width, low + BARS + 12, f"{strips.length:.1f} s", "muted", 11, "end")
    _legend(drawing, x, low + BARS + 34)
    told = f"{_several(strips.scans, 'scan')}: {judged}."
    drawing.text(x, low + BARS + 58, told, bold=True)
    peaks = "; ".join(f"{source}{' (scans)' if source in strips.scanners else ''} asked for up to {peak} different "
                      "ports within the window" for source, peak in strips.peaks.items())  # fmt: skip
    raised = "; ".join(f"{one.source} at {one.time - strips.begin:.1f} s" for one in alarms[:NAMED]) or "none"
    return (f"{_several(strips.count, 'attempt')} in {strips.length:.1f} seconds. {peaks or 'Nobody came'}. "
            f"Threshold {threshold}; alarms: {raised}. {told}")  # fmt: skip


def _several(count: int, what: str) -> str:
    return f"{count} {what}" + "s" * (count != 1)


def _legend(drawing: Drawing, x: float, y: float) -> None:
    for left, color, words in ((0, SCANNER, "who scans"), (100, CLIENT, "an ordinary client")):
        drawing.pixels(x + left, y - 6, 12, 12, png(bytes([color]), 1, TWO))
        drawing.text(x + left + 18, y, words, size=12)
    drawing.line(x + 252, y - 7, x + 252, y + 7, "refused")
    drawing.text(x + 260, y, "an alarm", size=12)
