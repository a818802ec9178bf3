"""A lesson as its notebook sees it: predict, verdict, exercise, check, panel, textbook claims, the orderly end."""

from importlib import import_module
from subprocess import SubprocessError

from sockets_lab.course import cli_tools, handing_in, leaks, progress
from sockets_lab.course.lessons import Lesson
from sockets_lab.course.lessons import lesson as find_lesson
from sockets_lab.course.questions import NotMeasured, pick
from sockets_lab.errors import refusal
from sockets_lab.figures.tables import Table, listing
from sockets_lab.kernel.machine import folder
from sockets_lab.lab import Node, NodeError
from sockets_lab.panels import calls, nodecells, refusals
from sockets_lab.panels.handing_in import hand_in
from sockets_lab.panels.history import write_between_cells
from sockets_lab.panels.panel import Panel, keep_keys, let_go_of_all
from sockets_lab.panels.questions import HintBox, PredictionBox
from sockets_lab.panels.show import Picture, say, show, show_widget

# An experiment that had no result: for want of evidence, or because of the kernel, a node, another program
MISSED = (NotMeasured, OSError, NodeError, SubprocessError)


def _why(error: Exception) -> str:
    return str(refusal(error) if isinstance(error, OSError) else error).rstrip(".")


def lesson(name: str) -> "LessonPage":
    """Begin a lesson: remember what this process holds now, so that the end can show that nothing was left.

    Args: name, the notebook's name without its ending. Raises: BadInput.
    """
    let_go_of_all()
    keep_keys()
    write_between_cells()
    calls.register()
    nodecells.register()
    refusals.register()
    return LessonPage(find_lesson(name))


class LessonPage:
    """The page of one lesson. Everything on it is optional: a learner who skips it can run all the rest."""

    def __init__(self, about: Lesson) -> None:
        self.about = about
        self.questions = about.questions()
        self.before = leaks.held()

    def predict(self, key: str) -> None:
        """Ask for a prediction. The answer is kept; the verdict comes from the kernel."""
        question = pick(self.questions.PREDICTIONS, key)
        say(f"**Predict.** {question.question}")
        show_widget(PredictionBox(self.about.name, question), "\n".join(f"( ) {one.text}" for one in question.answers))

    def verdict(self, key: str) -> None:
        """Measure, and hold the prediction against what this kernel did."""
        question = pick(self.questions.PREDICTIONS, key)
        try:
            measured = pick(question.answers, question.experiment())
        except MISSED as error:
            say(f"**Verdict.** This could not be measured here. {_why(error)}.")
            return
        predicted = progress.load(self.about.name)["predictions"].get(key, [None])[0]
        progress.remember(self.about.name, "predictions", key, [predicted, measured.key])
        compared = (
            "" if predicted is None else "\n\n✓ **Right**: that is what you predicted." if predicted == measured.key
            else f"\n\n✗ **Wrong**: you predicted “{question.text(predicted)}”. The kernel decides."
        )  # fmt: skip
        say(f"**Verdict.** This kernel: **{measured.text}**.\n\n{measured.because}{compared}")

    def exercise(self, key: str) -> None:
        """Show a task, with its hints one step at a time."""
        task = pick(self.questions.EXERCISES, key)
        say(f"**Exercise.** {task.task}")
        if task.hints:
            show_widget(HintBox(task), f"({len(task.hints)} hints, one at a time, in the running notebook)")

    def check(self, key: str) -> None:
        """Look into the kernel's tables for what the exercise asks, and say what was seen."""
        found = pick(self.questions.EXERCISES, key).check()
        print(f"{'Done' if found.done else 'Not yet'}: {found.because}")
        if found.done:
            seen = handing_in.evidence(self.about.name, key, found)
            if not progress.remember(self.about.name, "exercises", key, seen) and (place := folder()):
                print(f"It counts until this kernel ends: {place} cannot be written. Hand in before that.")

    def text_says(self) -> None:
        """Measure each claim of the source text that belongs here, and show claim and finding side by side."""
        rows = []
        for claim in self.questions.CLAIMS:
            try:
                measured, verdict = claim.measure()
            except MISSED as error:
                measured, verdict = f"could not be measured: {_why(error)}", "unknown"
            rows.append((claim.text, measured, verdict, claim.source))
        headings = ("textbook claim", "your machine says", "verdict", "source")
        title = f"{len(rows)} textbook claims, measured on this machine."
        show(Table(title, headings, tuple(rows), (30, 38, 14, 20), mono=False))

    def at_work(self, *command: str, reads: bytes = b"", node: Node | None = None) -> None:
        """Run the tool that somebody at work would type, where it is installed, and show what it prints.

        Args: reads: its standard input; node: in whose network stack it runs.
        """
        tool, enter = command[0], cli_tools.enter(node.process) if node and node.own_stack else ()
        command = (*enter, *command)
        said = cli_tools.run(command, reads)
        show(listing(f"At work you would type {tool}.", f"$ {' '.join(command)}\n{said}"))

    def show(self, picture: Picture) -> None:
        """Show a picture."""
        show(picture)

    def panel(self) -> Panel:
        """Make this lesson's panel."""
        made: Panel = import_module(f"sockets_lab.lessons.{self.about.module}.panel").make()
        return made

    def hand_in(self, folder: str = ".") -> None:
        """Write one file with all that was predicted and solved in the course, for the teacher."""
        hand_in(folder, self.about.name)

    def end(self) -> None:
        """Let go of what the panels hold, and show that nothing of this lesson is left."""
        let_go_of_all()
        left = leaks.left_over(self.before)
        if left:
            print("Still here, and not here when the lesson began:", *left, sep="\n  ")
        else:
            print("Everything is closed: no socket, thread or process of this lesson is left.")
