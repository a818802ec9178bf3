"""The panel of lesson 12: A scans B, B watches, and a detector's threshold is tuned over what B has seen."""

import threading
from contextlib import ExitStack

import ipywidgets as widgets

from sockets_lab.errors import BadInput, Refused
from sockets_lab.lab import Lab
from sockets_lab.lessons import scanning
from sockets_lab.lessons.filtering import three_nodes
from sockets_lab.lessons.scanning import Judgement, Level, Observed, Progress, Round
from sockets_lab.lessons.scanning.figure import Strips, both_sides
from sockets_lab.panels.fields import choice, field, row
from sockets_lab.panels.working import WorkingPanel

SILENT = 3306  # its packets are dropped
RATES = {"as fast as it goes": 0.0, "1,000": 1000.0, "100": 100.0, "30": 30.0, "10": 10.0, "3": 3.0}  # ports a second
ORDERS = ("shuffled", "in order")
WINDOWS = {"half a second": 0.5, "1 second": 1.0, "5 seconds": 5.0, "10 seconds": 10.0}
STRIP = 384  # pixels: the width of what the defender sees
FIRST_PORTS = "2000-4000"
FIRST_LOOK = Round(FIRST_PORTS, 4000.0)
MANY = 4000  # attempts; to count more takes so long that a thread does it
GRACE = 10.0  # seconds in which a scan that was told to stop must have ended
NOTHING = Observed((), (), (), 0, "")


class ScanningPanel(WorkingPanel):
    """A scanner, a defender, and an ordinary client, in a lab of the panel's own."""

    purpose = "scan one node from another, watch it from the other side, and tune a detector"

    def __init__(self) -> None:
        self.lab: Lab | None = None
        self.held = ExitStack()
        self.stop = threading.Event()
        self.seen, self.counted = NOTHING, tuple[Level, ...]()
        self.strips = Strips((), (), (), STRIP)
        self.ports = field(widgets.Text, "Ports", 210, FIRST_PORTS)
        self.order = choice("Order", 150, ORDERS)
        self.rate = choice("Ports a second", 245, RATES)
        self.client = widgets.Checkbox(True, description="Client C comes too", indent=False, layout={"width": "150px"})
        self.bar = field(widgets.IntProgress, "Scanned", 330, 0, 0, 1)
        self.count = widgets.Label("nothing yet")
        self.threshold = field(widgets.IntSlider, "Alarm at so many different ports", 470, 20, 2, 60)
        self.window = choice("within", 180, WINDOWS, value=1.0)
        rows = [
            [self.ports, self.order, self.rate, self.client],
            [
                self.button("Scan", self.scan, "Let A ask these ports of B, while B watches"),
                self.button("Twice", self.twice, "Let A ask 24 ports as fast as it goes, then again 8 in a second"),
                self.button("Stop", self.halt, "Stop the scan; what is found so far is shown"),
                self.bar, self.count,
            ],
            [self.threshold, self.window],
        ]  # fmt: skip
        super().__init__(*map(row, rows))
        self.follow(self.threshold, self.judge)
        self.follow(self.window, self.change_window)
        self.refresh()

    def begin(self) -> None:
        """Open the lab, and scan a first time, which takes less than two seconds."""
        self.guarded(lambda: self.show(self.observed([FIRST_LOOK])))()

    def open_lab(self) -> Lab:
        """Return the lab; where there is none, a new one in which a port of B stays silent."""
        if self.lab is None:
            with ExitStack() as held:
                lab = held.enter_context(three_nodes(aside=True))
                held.enter_context(scanning.Silence(lab.B, SILENT))  # its port may be taken, on loopback
                self.held = held.pop_all()
            self.lab = lab
        return self.lab

    def scan(self) -> None:
        scanning.chosen_ports(self.ports.value)  # a mistake is told here, and not by the thread
        self.start([Round(self.ports.value, self.rate.value or None, self.order.value)])

    def twice(self) -> None:
        self.start([Round("7000-7023"), Round("7000-7023", 8.0)])

    def start(self, rounds: list[Round]) -> None:
        """Begin to scan, in a thread that ends with the scan, or when it is told to stop."""
        if self.is_working:
            raise BadInput("A scan is on its way: stop it first, or wait for its end.")
        self.open_lab()
        self.stop.clear()
        self.bar.value = 0
        self.do("A scans. B watches its cable", lambda: self.show(self.observed(rounds)))

    def observed(self, rounds: list[Round]) -> Observed:
        return scanning.observe(self.open_lab(), rounds, client=self.client.value, progress=self.tell, stop=self.stop)

    def tell(self, progress: Progress) -> None:
        self.bar.max, self.bar.value = progress.total, progress.decided
        self.count.value = f"{progress.decided:,} of {progress.total:,}, {len(progress.open)} open"

    def halt(self) -> None:
        if not self.is_working:
            raise BadInput("No scan is on its way: click Scan first.")
        self.stop.set()
        self.say("A was told to stop.")

    def show(self, seen: Observed) -> None:
        self.seen = seen
        self.count_anew()
        scan = seen.scans[-1]
        if isinstance(scan, Refused):
            self.say(f"A could not scan. {scan}.", trouble=True)
            return
        rate = f" {scan.count / scan.seconds:,.0f} ports a second." if scan.seconds > 0.01 and not scan.stopped else ""
        ended = " It was stopped." if scan.stopped else rate
        missed = f" {seen.missed:,} packets came faster than B could read them." if seen.missed else ""
        self.say(f"A found {len(scan.open)} open ports and {len(scan.silent)} without an answer.{ended} "
                 f"B saw **{len(seen.attempts):,} attempts**, those of C too.{missed} {seen.differs}")  # fmt: skip

    def change_window(self) -> None:
        if self.is_working:
            return  # the scan's end counts with the window that is chosen then
        if len(self.seen.attempts) > MANY:
            self.do("Counting anew", self.recount)
        else:
            self.recount()

    def recount(self) -> None:
        self.count_anew()
        self.judge()

    def count_anew(self) -> None:
        """Count how many ports each source asked for within the window."""
        self.counted = scanning.levels(self.seen.attempts, self.window.value)
        self.strips = Strips(self.seen.attempts, self.counted, self.seen.truth, STRIP)
        self.refresh()

    def judge(self) -> None:
        judged = self.refresh()
        told = f"Threshold **{self.threshold.value}**: {judged}."
        self.say(told if self.seen.truth else "There was no scan yet: click Scan.")

    def refresh(self) -> Judgement:
        """Draw both sides, with the alarms that the threshold gives. Returns: what they are worth."""
        alarms = scanning.alarms_at(self.counted, self.threshold.value)
        judged = scanning.judge(alarms, self.seen.truth, self.window.value)
        scan = next((one for one in reversed(self.seen.scans) if isinstance(one, scanning.Scan)), None)
        self.draw(both_sides(scan, self.strips, self.threshold.value, alarms, judged))
        return judged

    def release(self) -> bool:
        held = self.lab is not None
        self.stop.set()
        self.give_up(self.close_lab, GRACE)
        return held

    def close_lab(self) -> None:
        self.held.close()
        self.lab = None


make = ScanningPanel.make
