"""The panel of lesson 14: a broken machine of the learner's own, to look at, to repair, and to try."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from sockets_lab.errors import BadInput
from sockets_lab.lab.capture import Captured
from sockets_lab.lessons import detective
from sockets_lab.lessons.detective import Case, Inspected, Scene, Visit, inquiry, repairs
from sockets_lab.lessons.detective import figure as figures
from sockets_lab.lessons.detective.case import VISIT
from sockets_lab.lessons.detective.panel_controls import TODAY, Controls
from sockets_lab.panels.panel import inline
from sockets_lab.panels.working import WorkingPanel

GRACE = 30.0  # seconds in which what goes on has ended, when the machine was closed under it


class DetectivePanel(WorkingPanel):
    """A broken machine, beside the one that the learner has in the notebook."""

    purpose = "take a case, look at the broken machine, repair it, and let customers say whether it works"

    def __init__(self) -> None:
        self.case: Case | None = None
        self.scene: Scene | None = None
        self.visit: Visit | None = None
        self.packets: tuple[Captured, ...] | None = None  # of that visit
        self.report, self.found = widgets.HTML(), widgets.HTML()
        self.controls = Controls()
        rows = self.controls.rows(self.button, lambda name: getattr(self, name))
        super().__init__(*rows)
        self.children = (rows[0], self.report, *rows[1:], self.line, self.found, self.canvas)
        self.follow(self.controls.view, self.look)
        self.follow(self.controls.program, self.controls.offer_settings)
        self.follow(self.controls.setting, self.controls.offer_value)
        self.controls.let_name()
        self.refresh()

    def begin(self) -> None:
        """Take the first case at once: it is this panel's first picture."""
        self.guarded(self.set_up)()

    # What a click begins

    def take(self) -> None:
        self.do("The machine is being set up, broken", self.set_up)

    def look(self) -> None:
        """Look again; while something goes on, show what was seen last."""
        if self.is_working:
            self.refresh()
        else:
            self.found.value = ""
            self.do("", lambda: self.look_at(self.opened()))

    def ask(self) -> None:
        self.do("A customer asks", self.be_customer)

    def clue(self) -> None:
        self.do("", lambda: self.say(f"**A clue.** {detective.clue(self.opened())}"))

    def inspect(self) -> None:
        self.do("Customers come: one, many, silent ones. Then the service is started again", self.try_all)

    def end(self) -> None:
        if self.controls.process.value is None:
            raise BadInput("No process that was seen owns a socket here.")
        pid, name = self.controls.process.value
        self.repair(lambda case: case.end(pid), f"`{name}`, process {pid}, has ended.")

    def restart(self) -> None:
        name, changes = self.controls.program.value, self.controls.changes

        def again(case: Case) -> str:
            program = case.parts[name or case.service_name]
            program.restart(**changes)
            return f"`{program.name}` {'runs' if program.running else 'has ended'}. Its log: {'; '.join(program.log)}."

        self.repair(again)

    def put_rule(self) -> None:
        verdict, port, hook = self.controls.verdict.value, self.controls.port.value, self.controls.hook.value
        self.repair(lambda case: repairs.put_first(case, verdict, port, hook),
                    f"B's first rule at {hook}: {verdict}, port {port}.")  # fmt: skip

    def take_rule(self) -> None:
        place, hook = self.controls.rule.value, self.controls.hook.value
        self.repair(lambda case: repairs.take_out(case, place, hook), f"Rule {place} is out; the others moved up.")

    def clear_rules(self) -> None:
        self.repair(repairs.clear, "B has no rules now: everything passes.")

    def repair(self, action: Callable[[Case], Any], words: str = "") -> None:
        """Change something, and look again. Args: words: what was done; "" = what the action tells."""

        def work() -> None:
            case = self.opened()
            self.forget()
            told = action(case)
            inquiry.note_repairs(case)
            self.see(case)
            self.say(words or told)

        self.do("The machine is being changed", work)

    def name_it(self) -> None:
        diagnosis = self.controls.diagnosis.value
        if self.case is None or self.controls.naming.disabled:
            raise BadInput("Repair the machine first. When it works, say what was wrong with it.")
        if not diagnosis:
            raise BadInput("Choose first what was wrong with the machine.")
        had = [one.diagnosis for one in self.case.faults]
        no = "No: it works now, but that was not what kept the customers away. What did you change?"
        said = f"**Yes.** This machine had: {'; and: '.join(had)}. {inquiry.summary(self.case)}."
        self.say(said if diagnosis in had else no)
        if diagnosis in had:
            self.draw(figures.inquiry(self.case))

    # What a thread does

    def set_up(self) -> None:
        """Set up the chosen case's machine in the place of the one before."""
        self.close_case()
        place = self.controls.place.value
        self.case = case = detective.today(aside=True) if place == TODAY else detective.take(place, aside=True)
        if self.over.is_set():
            self.close_case()
            raise BadInput("The machine was given up.")
        self.forget()
        words = f"**{case.name.capitalize()}, level {case.level}.** {case.report}"
        self.report.value = f'<div style="line-height:1.5;max-width:760px">{inline(words)}</div>'
        self.controls.port.value = case.endpoint.port
        self.look_at(case)
        self.say(case.lab.differs)

    def opened(self) -> Case:
        """Return the machine; where there is none, set it up."""
        if self.case is None:
            self.set_up()
        assert self.case
        return self.case

    def see(self, case: Case) -> None:
        self.scene = detective.look(case, self.visit)
        self.controls.offer(self.scene)
        self.refresh()

    def look_at(self, case: Case) -> None:
        """Look on purpose: it is noted."""
        self.see(case)
        case.saw(self.controls.view.value, getattr(self.picture, "alt", ""))

    def be_customer(self) -> None:
        case = self.opened()
        self.visit, self.packets = detective.ask_and_listen(case)
        case.saw(VISIT, self.visit.outcome)
        self.see(case)
        why = f", {self.visit.refused}" if self.visit.refused else ""
        said = f", and hears: {self.visit.said}" if self.visit.said else ""
        self.say(f"A customer finds: **{self.visit.outcome}**{why}{said}.")

    def try_all(self) -> None:
        case = self.opened()
        self.forget()
        steps = detective.inspect(case, self.tell)
        self.see(case)
        self.tell(steps)
        failed = next((step for step in steps if not step.passed), None)
        self.controls.let_name([] if failed else inquiry.diagnoses(case))
        asked = "**It works.** What was wrong with it? Choose, and hear whether that was it."
        self.say(f"It does not work yet: {failed.because}." if failed else asked)

    def tell(self, steps: tuple[Inspected, ...]) -> None:
        bar = self.controls.bar
        bar.max, bar.value = len(steps), sum(step.passed is not None for step in steps)
        self.found.value = figures.report(steps).html()

    def forget(self) -> None:
        """Put away what was found of the machine as it was before."""
        self.visit = self.packets = None
        self.found.value = ""
        self.controls.let_name()

    def refresh(self) -> None:
        """Draw what was seen last, as it is to be looked at."""
        differs = self.case.lab.differs if self.case else ""
        self.draw(figures.view(self.controls.view.value, self.scene, self.packets, differs))

    def close_case(self) -> None:
        case, self.case = self.case, None
        if case:
            case.close()

    def release(self) -> bool:
        held = self.case is not None or self.is_working
        self.give_up(self.close_case, GRACE)
        self.scene, self.report.value = None, ""
        self.forget()
        self.controls.offer(None)
        self.refresh()
        return held


make = DetectivePanel.make
