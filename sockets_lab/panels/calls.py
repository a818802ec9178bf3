"""`%%calls` on top of a cell: run the cell as it is, then draw its conversation with the protocol stack.

The line is taken off before the cell is run, so everything works as in an ordinary cell: its value, its variables,
other magics, `await`. Recording begins and ends with the cell's own events.
"""

import sys
import threading
from contextlib import AbstractContextManager
from typing import Any

from IPython import get_ipython
from IPython.core.error import UsageError
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell
from IPython.display import display

from sockets_lab.figures.calls import conversation
from sockets_lab.figures.callwords import NOTHING
from sockets_lab.panels.show import show
from sockets_lab.watch.calls import Recording, hide, record

MARK = "%%calls"


def register(shell: InteractiveShell | None = None) -> None:
    """Make `%%calls` known to this kernel, once; without a kernel, do nothing."""
    shell = shell or get_ipython()
    if shell is not None and "calls" not in shell.magics_manager.magics["cell"]:
        CallsMagic(shell)


class RunningCell:
    """A cell that is being run, and its recording if it asked for one."""

    def __init__(self, info: ExecutionInfo, shell: InteractiveShell) -> None:
        self.source = info.raw_cell or ""
        self.recording: Recording | None = None
        if asks(self.source):
            self._context: AbstractContextManager[Recording] = record(shell.user_global_ns)
            self.recording = self._context.__enter__()

    def finish(self) -> None:
        """End the recording and show it, once."""
        if self.recording is not None:
            recording, self.recording = self.recording, None
            self._context.__exit__(None, None, None)
            draw(recording, self.source)


class CallsMagic:
    """The magic of one kernel. Cells can be nested (`%%capture` runs a cell inside a cell)."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.local = threading.local()  # cells of another thread (a subshell) are another matter
        self.showtraceback = shell.showtraceback
        shell.input_transformers_cleanup.append(self.strip)
        shell.events.register("pre_run_cell", self.begin)
        shell.events.register("post_run_cell", self.end)
        shell.magics_manager.register_function(self.calls, "cell", "calls")
        setattr(shell, "showtraceback", self.show_error)  # noqa: B010  the instance's, not the class's

    @property
    def running(self) -> list[RunningCell]:
        """The cells that run now, the outermost first."""
        if not hasattr(self.local, "running"):
            self.local.running = []
        running: list[RunningCell] = self.local.running
        return running

    def strip(self, lines: list[str]) -> list[str]:
        """Take the line off a cell that is about to be run. An empty one in its place keeps the line numbers right."""
        if self.running or not lines or not asks(lines[0]):
            return lines  # inside another magic, `calls` below does it
        rest = lines[1:]
        return rest if rest and rest[0].startswith("%%") else ["\n", *rest]

    def begin(self, info: ExecutionInfo) -> None:
        """Note that a cell begins."""
        self.running.append(RunningCell(info, self.shell))

    def end(self, result: ExecutionResult | None) -> None:
        """Note that a cell is done; an empty one never began."""
        if self.running and (result is None or (result.info and result.info.raw_cell == self.running[-1].source)):
            self.running.pop().finish()

    def show_error(self, *args: Any, **kwargs: Any) -> None:
        """Show a cell's exception after its conversation, and without the recorder's own frames."""
        if kwargs.get("running_compiled_code") and self.running:
            hide(sys.exc_info()[1])
            self.running[-1].finish()
        self.showtraceback(*args, **kwargs)

    def calls(self, line: str, cell: str) -> None:
        """Draw the conversation between this cell and the protocol stack: each socket call and its answer."""
        if line.strip():
            raise UsageError(f"{MARK} stands alone on its line: write {MARK}, and your code below it.")
        with record(self.shell.user_global_ns) as recording:
            self.shell.run_cell(cell)
        draw(recording, cell)


def asks(cell: str) -> bool:
    """Whether a cell begins with the magic's line."""
    return cell.lstrip().partition("\n")[0].split() == [MARK]


def draw(recording: Recording, source: str) -> None:
    """Show a recording as this cell's output."""
    if recording:
        show(conversation(recording[:], recording.left_out, source, recording.notes))
    else:
        display({"text/plain": " ".join((NOTHING, *(f"{note}." for note in recording.notes)))}, raw=True)
