"""The panel of lesson 11: a rule list that the learner edits, and clients that find out what it does to them."""

import threading

import ipywidgets as widgets

from sockets_lab.errors import BadInput
from sockets_lab.figures.ladder import ladder
from sockets_lab.lab import firewall
from sockets_lab.lab.firewall import Rule, Ruleset
from sockets_lab.lessons.filtering.figure import rules
from sockets_lab.lessons.filtering.model import PATIENCE, Asked, FilterModel
from sockets_lab.panels.fields import choice, field, row
from sockets_lab.panels.panel import Panel, told

CLOSED = Ruleset()
LABEL = "seen"  # what the kernel writes beside a packet that it logs
ENDS = {"connected": "is connected", "answered": "is answered", "refused": "is refused", "forbidden": "may not send",
        "unreachable": "is told that B cannot be reached", "impossible": "cannot ask"}  # fmt: skip


class FilteringPanel(Panel):
    """Rules for what comes in to node B, at first one that drops the web's port, and clients that meet them."""

    purpose = "give node B rules, let clients ask, and see what the rules have counted and which packets crossed"

    def __init__(self) -> None:
        self.bench: FilterModel | None = None
        self.asking: threading.Thread | None = None
        self.verdict = choice("Rule", 150, ("accept", "drop", "reject", "count"))
        self.protocol = choice("Protocol", 150, ("tcp", "udp", "any"))
        self.side = choice("Port of the", 210, ("destination", "source"))
        self.port = field(widgets.IntText, "Port (0 = any)", 180, 80)
        self.state = choice("State", 170, ("any", "new", "established"))
        self.logs = widgets.Checkbox(False, description="Log", indent=False, layout={"width": "70px"})
        self.place = field(widgets.IntText, "Rule number", 150, 1)
        self.policy = choice("All else", 150, ("accept", "drop"))
        self.question = choice("Question", 330)
        self.source = field(widgets.IntText, "From port (0 = any)", 210, 0)
        self.ladder = widgets.HTML()
        rows = [
            [
                self.verdict, self.protocol, self.side, self.port, self.state, self.logs,
                self.button("Add rule", self.add, "Put it behind the rules that B has"),
            ],
            [
                self.place,
                self.button("Remove rule", self.remove, "Take the rule with this number away"),
                self.policy,
                self.button("Remove all", self.clear, "Let everything in"),
            ],
            [
                self.question, self.source,
                self.button("Ask", self.ask, "Let the client ask, and look at B's cable meanwhile"),
            ],
        ]  # fmt: skip
        super().__init__(*map(row, rows))
        self.children = (*self.children, self.ladder)  # type: ignore[has-type]
        self.follow(self.policy, self.change_policy)
        self.refresh()

    def begin(self) -> None:
        """Open a bench, and give B the first rule."""
        bench = self.opened()
        bench.add(Rule("drop", "tcp", bench.questions[0].port))
        self.refresh()
        self.say(firewall.differs(bench.lab.B))

    def opened(self) -> FilterModel:
        """Return the bench; where there is none, a new one without rules."""
        if self.bench is None:
            self.bench = FilterModel()
            keep = self.question.index
            self.question.options = [(f"{one}", one) for one in self.bench.questions]
            self.question.index = keep or 0
            self.port.value = self.bench.questions[0].port
            self.bench.set_policy(self.policy.value)
        return self.bench

    def add(self) -> None:
        protocol = None if self.protocol.value == "any" else self.protocol.value
        state = () if self.state.value == "any" else (self.state.value,)
        port = self.port.value or None
        port, source_port = (port, None) if self.side.value == "destination" else (None, port)
        if protocol is None and self.port.value:
            raise BadInput("Only TCP and UDP have ports: choose one of them, or port 0.")
        label = LABEL if self.logs.value else None
        self.opened().add(Rule(self.verdict.value, protocol, port, source_port, state=state, log=label))
        self.refresh()
        self.say("B's kernel holds the rule, behind those that it had.")

    def remove(self) -> None:
        self.opened().remove(self.place.value)
        self.refresh()
        self.say("It is gone, and the rules behind it have moved up.")

    def clear(self) -> None:
        self.policy.value = "accept"
        self.opened().clear()
        self.refresh()
        self.say("B has no rules: everything passes.")

    def change_policy(self) -> None:
        if self.bench:
            self.bench.set_policy(self.policy.value)
            self.refresh()
            self.say(f"What no rule decides, B's kernel will {self.policy.value}.")

    def ask(self) -> None:
        """Let a client ask, in a thread: a silence takes longer than a page may wait."""
        bench = self.opened()
        self.refresh()
        if self.asking and self.asking.is_alive():
            raise BadInput("The client still waits for an answer: ask again when its question has ended.")
        question, port = self.question.value or bench.questions[0], self.source.value
        self.say(f"**{question.asker}** asks, and waits {PATIENCE:g} seconds at most ...")
        before = counts(bench.held())

        def work() -> None:
            try:
                asked = bench.ask(question, port)
                if self.bench is bench:
                    self.show(asked, before, bench)
            except Exception as error:  # noqa: BLE001  shown, or nobody sees it; but not of a bench that was closed
                if self.bench is bench:
                    self.say(told(error), trouble=True)

        self.asking = threading.Thread(target=work, name="a client asks", daemon=True)
        self.asking.start()

    def show(self, asked: Asked, before: list[int], bench: FilterModel) -> None:
        """Show how a question ended, what was counted, and what crossed B's cable."""
        answer, asker = asked.answer, asked.question.asker
        end = ENDS.get(answer.outcome) or f"hears nothing for {PATIENCE:g} seconds"
        name = f" ({answer.refused.name})" if answer.refused and answer.outcome != "silence" else ""
        now = counts(asked.rules)
        met = [f"{place}" for place, (old, new) in enumerate(zip(before, now, strict=False), 1) if new > old]
        which = f"Rule {' and '.join(met)} met packets of it." if met else "No rule met a packet of it."
        logged = f" Logged: {len(asked.logged)}." if asked.logged else ""
        by = "" if answer.by == "kernel" else " The simulated firewall decided."
        self.draw(rules(asked.rules))
        self.ladder.value = "" if asked.packets is None else ladder(asked.packets, bench.lab.addresses).html()
        heard = f" and hears {answer.said.decode(errors='replace').splitlines()[0]}" if answer.said else ""
        self.say(f"**{asker}** {end}{name}{heard}. {which}{logged}{by}")

    def refresh(self) -> None:
        """Read B's rules anew, and show them."""
        self.draw(rules(self.bench.held() if self.bench else CLOSED))

    def release(self) -> bool:
        bench, self.bench = self.bench, None
        if bench:
            bench.close()
        if self.asking:
            self.asking.join(2 * PATIENCE)
        self.asking, self.ladder.value = None, ""
        self.refresh()
        return bench is not None


make = FilteringPanel.make


def counts(held: Ruleset) -> list[int]:
    """List what each rule of B has counted."""
    return [rule.packets or 0 for rule in held.chain("input").rules]
