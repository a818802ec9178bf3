"""The small controls of a lesson's questions: commit to a prediction, uncover hints one by one."""

import ipywidgets as widgets

from sockets_lab.course import progress
from sockets_lab.course.questions import Exercise, Prediction
from sockets_lab.panels.panel import inline


class PredictionBox(widgets.VBox):
    """Choices and a button that commits to one of them, once."""

    def __init__(self, lesson: str, question: Prediction) -> None:
        self.lesson, self.question = lesson, question
        options = [(one.text, one.key) for one in question.answers]
        self.choices = widgets.RadioButtons(options=options, value=None, layout={"width": "auto"})
        self.commit = widgets.Button(description="Commit", tooltip="Keep this prediction", disabled=True)
        self.line = widgets.HTML()
        super().__init__([self.choices, widgets.HBox([self.commit, self.line])])
        self.add_class("sockets-lab-prediction")
        self.choices.observe(self._chosen, names="value")
        self.commit.on_click(self._committed)
        answered, _ = progress.load(lesson)["predictions"].get(question.key, (None, None))
        if answered in [key for _, key in options]:
            self.choices.value = answered
            self.choices.disabled = self.commit.disabled = True
            self.line.value = '<span role="status">This is what you answered before.</span>'

    def _chosen(self, _: object) -> None:
        self.commit.disabled = self.choices.value is None

    def _committed(self, _: object) -> None:
        kept = progress.remember(self.lesson, "predictions", self.question.key, [self.choices.value, None])
        self.choices.disabled = self.commit.disabled = True
        self.line.value = '<span role="status">Committed. Run the next cells and see.</span>' if kept else (
            '<span role="status">Noted, though it cannot be kept on this machine. Run the next cells and see.</span>'
        )  # fmt: skip


class HintBox(widgets.VBox):
    """A button that uncovers the next hint."""

    def __init__(self, task: Exercise) -> None:
        self.hints, self.uncovered = task.hints, 0
        self.button = widgets.Button(layout={"width": "max-content"})
        self.text = widgets.HTML()
        super().__init__([self.button, self.text])
        self.add_class("sockets-lab-hints")
        self.button.on_click(self._uncover)
        self._label()

    def _label(self) -> None:
        self.button.disabled = self.uncovered == len(self.hints)
        self.button.description = (
            "No more hints" if self.button.disabled else f"Show hint {self.uncovered + 1} of {len(self.hints)}"
        )

    def _uncover(self, _: object) -> None:
        self.uncovered += 1
        lines = "".join(f"<li>{inline(hint)}</li>" for hint in self.hints[: self.uncovered])
        self.text.value = f'<ol role="status">{lines}</ol>'
        self._label()
