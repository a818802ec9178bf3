"""The choices of lesson 14's panel: what it offers follows the machine as it was seen last."""

from collections.abc import Callable, Iterable

import ipywidgets as widgets

from sockets_lab.lessons import detective
from sockets_lab.lessons.detective import VIEWS, Scene, Seen, repairs
from sockets_lab.lessons.detective.programs import KERNEL, SETTINGS
from sockets_lab.panels.fields import choice, field, row, toggles

NOTHING = "nothing"  # is changed
TODAY = "the case of the day"


class Controls:
    """Everything that the learner chooses from, without the buttons."""

    def __init__(self) -> None:
        self.place = choice("Case", 170, [*detective.PLACES, TODAY])
        self.view = toggles(VIEWS)
        self.process = choice("Process", 250)
        self.program = choice("Program", 180)
        self.setting = choice("change", 190, [NOTHING])
        self.value = field(widgets.Text, "to", 200)
        self.meaning = widgets.HTML()
        self.hook = choice("Chain", 160, ["input", "output", "prerouting"])
        self.verdict = choice("first rule", 150, ["accept", "drop"])
        self.port = field(widgets.IntText, "for port", 140, 0)
        self.rule = field(widgets.IntText, "Rule", 100, 1)
        self.bar = widgets.IntProgress(0, 0, 1, layout={"width": "150px"})
        self.diagnosis = choice("What was wrong?", 560, [("choose", "")])
        self.naming = widgets.Button()
        self.programs: dict[str, Seen] = {}

    def rows(self, button: Callable[..., widgets.Button], does: Callable[[str], Callable]) -> list[widgets.HBox]:
        """Lay the choices out, with their buttons. Args: does: the panel's action of that name."""
        self.naming = button("That was it", does("name_it"), "Hear whether this machine had that")
        rows = [
            [self.place, button("Take this case", does("take"), "Set the machine up, broken")],
            [widgets.HTML("<b>Look</b>"), self.view,
             button("Ask as a customer", does("ask"), "Visit the service from A, and look at A's cable meanwhile"),
             button("Give me a clue", does("clue"), "Hear where to look; this costs as much as two looks")],
            [widgets.HTML("<b>Repair</b>"), self.program, self.setting, self.value,
             button("Restart it", does("restart"), "Start this program again, with this setting"), self.meaning],
            [self.process, button("End it", does("end"), "End this process")],
            [self.hook, self.verdict, self.port, button("Put it first", does("put_rule"), "Before B's other rules"),
             self.rule, button("Take it out", does("take_rule"), "Take the rule with this number away"),
             button("Take all out", does("clear_rules"), "Take all rules of B away")],
            [button("Does it work now?", does("inspect"), "Let customers come, in many ways"), self.bar,
             self.diagnosis, self.naming],
        ]  # fmt: skip
        return [row(controls, align_items="center") for controls in rows]

    def let_name(self, diagnoses: Iterable[str] = ()) -> None:
        """Offer diagnoses once the machine works, and not before."""
        self.diagnosis.options = [("choose", ""), *((one, one) for one in diagnoses)]
        self.diagnosis.disabled = self.naming.disabled = not diagnoses
        self.diagnosis.value = ""
        if not diagnoses:
            self.bar.value = 0

    def offer(self, scene: Scene | None) -> None:
        """Offer what was seen: processes that own sockets, programs that have settings."""
        programs = (*scene.programs, *scene.kernels) if scene else ()
        owners = {
            (owner.pid, owner.program, node)
            for node, rows in (scene.rows.items() if scene else ()) for row in rows for owner in row.owners or ()
        }  # fmt: skip
        _offer(self.process, [
            (f"{program} at {node}, process {pid}", (pid, program)) for pid, program, node in sorted(owners)
        ])  # fmt: skip
        self.programs = {one.name: one for one in programs if one.settings or one.name.startswith("cable")}
        _offer(self.program, [(name, name) for name in self.programs])
        self.offer_settings()

    def offer_settings(self) -> None:
        one = self.programs.get(self.program.value)
        _offer(self.setting, [(NOTHING, NOTHING), *((name, name) for name in (one.settings if one else ()))])
        self.offer_value()

    def offer_value(self) -> None:
        """Put into the field what the chosen setting is now."""
        one, name = self.programs.get(self.program.value), self.setting.value
        changes = one is not None and name in one.settings
        self.value.value = repairs.spelled(one.settings[name]) if one and changes else ""
        self.value.disabled = not changes
        self.meaning.value = SETTINGS[name][0] if name in SETTINGS else KERNEL.get(name, "")

    @property
    def changes(self) -> dict[str, object]:
        """The setting that is to be changed, as `restart` takes it. Raises: BadInput."""
        name = self.setting.value
        return {} if name == NOTHING else {name: repairs.setting(name, self.value.value)}


def _offer(choice: widgets.Dropdown, options: list[tuple]) -> None:
    """Give a choice other options; what was chosen stays chosen where it is still there, else it is the first."""
    kept, values = choice.value, [value for _, value in options]
    if list(choice.options) != options:
        choice.options = options
        choice.value = kept if kept in values else next(iter(values), None)
