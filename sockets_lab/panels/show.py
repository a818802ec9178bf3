"""Put a picture or a widget into a cell's output, so that it is live here and still there in the saved notebook.

Three forms go into one output: the widget (a live page shows it), a PNG (a saved notebook shows it), and text (a
console shows it): a sentence that is the same on every run, which the notebook's test compares, and the picture's text.
"""

import base64
import re
from typing import Any, Protocol

import ipywidgets as widgets
from IPython.display import display

from sockets_lab.figures.drawing import Drawing
from sockets_lab.panels import refusals

WIDGET = "application/vnd.jupyter.widget-view+json"


class Picture(Protocol):
    """A drawing, a plot or a table."""

    @property
    def title(self) -> str: ...
    @property
    def alt(self) -> str: ...
    def html(self) -> str: ...
    def png(self) -> bytes: ...


def forms(widget: widgets.Widget, sentence: str, picture: Picture | None = None) -> tuple[dict, dict]:
    """Return the data and metadata of one output; where a limit of the machine's forbids the PNG, the sentence says so.

    Raises: whatever else goes wrong with the picture.
    """
    alt = picture.alt if picture is not None else ""
    described = sentence if alt in sentence else f"{sentence}\nDescription: {alt}"
    data: dict[str, Any] = {
        WIDGET: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id},
        "text/plain": described,
    }
    metadata: dict[str, Any] = {}
    if picture is not None:
        why = refusals.memory_missed()  # then not even tried: what is left of it Jupyter needs for its messages
        try:
            if not why:
                data["image/png"] = base64.b64encode(picture.png()).decode()
                metadata["image/png"] = {"alt": picture.alt}
        except Exception as error:
            if not (why := refusals.explained(error)):
                raise
        if why:
            data["text/plain"] = f"{described}\nNo picture can be saved: {why}"
    return data, metadata


class Stepper(widgets.VBox):
    """A story of several steps, to go through forward and back; at first all of it is there."""

    def __init__(self, story: Drawing) -> None:
        self.story, self.step = story, len(story.steps)
        self.canvas, self.line = widgets.HTML(story.html()), widgets.HTML()
        self.back, self.on = widgets.Button(description="Step back"), widgets.Button(description="Step on")
        self.back.on_click(lambda _: self.go(self.step - 1 or len(story.steps)))
        self.on.on_click(lambda _: self.go(self.step % len(story.steps) + 1))
        super().__init__([widgets.HBox([self.back, self.on, self.line]), self.canvas])
        self.add_class("sockets-lab-stepper")

    def go(self, step: int) -> None:
        """Show the story up to a step, from 1; after the last step the first one comes again."""
        self.step = step
        self.canvas.value = self.story.upto(step).html()
        self.line.value = f'<span role="status">step {step} of {len(self.story.steps)}</span>'


def show(picture: Picture) -> None:
    """Show a picture as this cell's output."""
    story = isinstance(picture, Drawing) and len(picture.steps) > 1
    widget = Stepper(picture) if story else widgets.HTML(picture.html())  # type: ignore[arg-type]
    data, metadata = forms(widget, picture.title, picture)
    display(data, metadata=metadata, raw=True)


def say(text: str) -> None:
    """Show Markdown as this cell's output, and as plain text in a console."""
    display({"text/markdown": text, "text/plain": re.sub(r"\*\*|`", "", text)}, raw=True)


def show_widget(widget: widgets.Widget, sentence: str) -> None:
    """Show a widget as this cell's output, with the sentence that stands for it where it cannot live."""
    display(forms(widget, sentence)[0], raw=True)
