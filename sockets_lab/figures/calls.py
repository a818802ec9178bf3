"""The conversation between a process and its protocol stack, drawn as a sequence: time runs down."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sockets_lab.errors import Refused
from sockets_lab.figures.callwords import NOTHING, News, fold, left_out, steady, thread_labels, true
from sockets_lab.figures.drawing import Drawing
from sockets_lab.watch.calls import Call, Descriptor, Part, Raised

STACK = 596  # where the lifeline of the protocol stack stands; right of it, what the stack then knows
LINE = 23  # pixels from one message to the next
CHARACTER = 7.3  # pixels of one monospaced character at 12 pixels


def conversation(calls: Sequence[Call], left: int = 0, source: str = "", notes: Sequence[str] = ()) -> Drawing:
    """Draw a recording: calls as arrows to the right, answers as arrows back.

    Args: calls, in the order made; left: how many more the recording did not keep; source: the code recorded; notes:
    what the recording misses.
    """
    page = _Page(calls)
    if not calls:
        return Drawing(NOTHING, NOTHING, 760, 10)
    head, tail, hidden = fold(calls)
    for step in _steps([*head, *tail]):
        if hidden and tail and step.call.order >= tail[0].order:
            page.pause(left_out(hidden + left))
            hidden = 0
        (page.answer if step.is_answer else page.request)(step)
    for note in notes:
        page.note(note)
    told = "".join(f" {note}." for note in notes)
    return page.drawing("\n".join((steady(calls, left, source), *notes)), true(calls, left) + told)


@dataclass(frozen=True)
class _Step:
    """One message: a call on its way, or its answer; `late`: other calls were made before the answer came."""

    when: tuple[float, int, int]
    call: Call
    is_answer: bool
    late: bool = False


def _steps(calls: Sequence[Call]) -> list[_Step]:
    """Put calls and answers in the order in which they passed."""
    steps = []
    for call in calls:
        steps.append(_Step((call.order, 0, 0), call, False))
        back = float("inf") if call.returned_after is None else call.returned_after
        late = back != call.order
        steps.append(_Step((back, 1, call.order if late else 0), call, True, late))
    return sorted(steps, key=lambda step: step.when)


@dataclass
class _Page:
    """The drawing as it grows downwards."""

    calls: Sequence[Call]
    y: int = 62
    process: int = 0
    marks: list[Callable[[Drawing], None]] = field(default_factory=list)
    explained: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.labels = thread_labels(self.calls)
        self.process = 190 if self.labels else 66
        self.news = News()
        self.fresh = {call.order: self.news.of(call) for call in self.calls}
        self.columns = int((STACK - self.process - 24) / CHARACTER)

    def request(self, step: _Step) -> None:
        """Draw a call: an arrow to the stack, or what Python did without asking it."""
        call = step.call
        self.y += 6
        self._who(call)
        asked = not (isinstance(call.answer, Raised) and not call.answer.asked) and call.name != "detach"
        for line in textwrap.wrap(call.request(), self.columns, subsequent_indent="    "):
            self._text(self.process + 12, line, mono=True)
            self.y += 16
        self._arrow(self.process, STACK if asked else self.process + 120, "muted", dashed=not asked, arrow=asked)
        self.y += LINE - 16

    def answer(self, step: _Step) -> None:
        """Draw what came back, if anything did."""
        call, answer = step.call, step.call.answer
        if step.late:
            self.y += 6
            self._who(call)
        before = f"{call.name}: " if step.late else ""
        if call.name == "detach":
            return self._remark("Python lets go of the descriptor, which stays open. The protocol stack is not asked.")
        if answer is None:
            return self._remark(f"{before}no answer yet when the recording ended")
        if isinstance(answer, Raised):
            rest = answer.because if answer.asked else "Python raised this; the protocol stack was not asked."
            return self._remark(f"{before}{answer.name}: {rest}", "refused")
        if isinstance(answer, Refused) and answer.name == "DEADLINE":
            return self._remark(f"{before}{answer}.", "refused")
        held = [part for part in answer if isinstance(part, Descriptor)] if isinstance(answer, tuple) else []
        role = "refused" if isinstance(answer, Refused) else "descriptor" if held else "muted"
        ink = "refused" if role == "refused" else "ink"
        self._text(STACK - 12, before + call.reply(_say), ink, anchor="end", mono=True, bold=role != "muted")
        self.y += 16
        self._arrow(STACK, self.process, role)
        self._held(held)
        self._known(step)
        self.y += LINE - 16
        if isinstance(answer, Refused) and str(answer) not in self.explained:
            self.explained.add(str(answer))
            self._remark(f"{answer}.", "muted")
        return None

    def pause(self, sentence: str) -> None:
        """Say that something was left out."""
        self.y += 14
        self._text((self.process + STACK) / 2, sentence, role="muted", anchor="middle")
        self.y += LINE

    def note(self, sentence: str) -> None:
        """Say below the calls what is not among them."""
        self.y += 8
        self._remark(f"{sentence}.")

    def _who(self, call: Call) -> None:
        """Name the thread in the margin, if there are several."""
        if self.labels:
            label = self.labels.get(call.thread, "the cell")
            self._text(6, label if len(label) <= 18 else f"{label[:17]}\N{HORIZONTAL ELLIPSIS}", "muted", size=11)

    def _held(self, held: Sequence[Descriptor]) -> None:
        """Draw the numbers that the process now holds, beside its lifeline where the arrow arrives."""
        if held:
            x, y, text = self.process - 58, self.y, ", ".join(map(str, held))
            self.marks.append(lambda drawing: drawing.box(x, y - 11, 50, 22, "descriptor", text))

    def _known(self, step: _Step) -> None:
        """Draw the local endpoint that the socket has from now on."""
        local = self.fresh.get(step.call.order)
        if local:
            x, y, text = STACK + 6, self.y, str(local)
            text = text if len(text) <= 26 else f"\N{HORIZONTAL ELLIPSIS}{text[-25:]}"
            self.marks.append(lambda drawing: drawing.box(x, y - 15, 154, 22, "endpoint"))
            size = 12 if len(text) <= 20 else 9
            self.marks.append(lambda drawing: drawing.text(x + 77, y - 4, text, size=size, anchor="middle", mono=True))

    def _remark(self, text: str, role: str = "muted") -> None:
        for line in textwrap.wrap(text, int(self.columns * 1.05)):
            self._text(self.process + 26, line, role=role)
            self.y += 17
        self.y += 3

    def _text(self, x: float, text: str, role: str = "ink", anchor: str = "start", size: float = 12,
              mono: bool = False, bold: bool = False) -> None:  # fmt: skip
        y = self.y + 5
        self.marks.append(lambda drawing: drawing.text(x, y, text, role, size, anchor, bold, mono))

    def _arrow(self, start: float, end: float, role: str, dashed: bool = False, arrow: bool = True) -> None:
        y = self.y
        self.marks.append(lambda drawing: drawing.line(start, y, end, y, role, dashed, arrow))

    def drawing(self, title: str, alt: str) -> Drawing:
        """Put heads and lifelines behind the messages."""
        drawing = Drawing(title, alt, 760, int(self.y) + 14)
        for x, width, name in ((self.process, 120, "process"), (STACK, 140, "protocol stack")):
            drawing.line(x, 38, x, drawing.height - 4, "quiet", dashed=True)
            drawing.box(x - width / 2, 8, width, 30, "quiet", name, mono=False)
        if any(self.fresh.values()):
            drawing.text(STACK + 83, 50, "local endpoint", "muted", 11, "middle")
        for mark in self.marks:
            mark(drawing)
        return drawing


def _say(part: Part) -> str:
    return f"descriptor {part}" if isinstance(part, Descriptor) else str(part)
