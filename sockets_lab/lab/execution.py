"""What a node is asked to do, as the notebook sees it: one piece of work at a time, which can be interrupted."""

import pickle
from dataclasses import dataclass
from typing import Any

from sockets_lab.errors import BadInput
from sockets_lab.lab.rpc import ANSWER, NodeError, uninterrupted
from sockets_lab.netns.channel import Channel

STOPPING = 5.0  # seconds in which interrupted code must have stopped


@dataclass(frozen=True)
class Reply:
    """What a node's code gave back: what it printed, its value, or its exception and its traceback.

    value: of a cell, its last line's value as text, or None; of a function, what it returned.
    """

    output: str
    value: Any = None
    error: BaseException | None = None
    traceback: str = ""


class Work:
    """The line to the thread of a node that runs the learner's code, and the line by which it is interrupted."""

    def __init__(self, name: str, work: Channel, service: Channel) -> None:
        self.name, self._work, self._service = name, work, service
        self._busy, self._number = False, 0  # of the latest work

    def do(self, what: str, argument: Any, patience: float) -> Reply:
        """Let the node do something and wait for it. Args and errors: as those of `Node.run`."""
        try:
            self.start(what, argument)
            return self.result(patience)
        except KeyboardInterrupt:
            self._stop()
            raise

    def start(self, what: str, argument: Any) -> None:
        """Let the node begin something. Raises: BadInput, where it is busy; NodeError."""
        if self._busy:
            raise BadInput(
                f"{self.name} is busy with what you started: wait for it with `%node_result {self.name}`, "
                f"or stop it with `lab.{self.name}.interrupt()`."
            )
        try:
            with uninterrupted():
                self._work.send((what, argument))
                self._busy, self._number = True, self._number + 1
        except (EOFError, OSError):
            raise self.ended() from None

    def result(self, patience: float) -> Reply:
        """Wait for what was begun; whoever interrupts the wait interrupts the node.

        Raises: BadInput, where nothing was begun; NodeError, where it took too long, or the node has ended.
        """
        if not self._busy:
            raise BadInput(f"{self.name} has nothing to do: start it with `%%node {self.name} --bg`.")
        try:
            return self._receive(patience)
        except TimeoutError:
            self._stop()
            raise NodeError(
                f"{self.name} was still busy after {patience:g} seconds, and was interrupted: pass a longer patience=."
            ) from None
        except KeyboardInterrupt:
            self._stop()
            raise

    def interrupt(self) -> None:
        """Interrupt what the node does; nothing happens where it does nothing. Raises: NodeError."""
        try:
            with uninterrupted():
                self._service.send(("interrupt", self._number))
        except (EOFError, OSError):
            raise self.ended() from None

    def ended(self) -> NodeError:
        """Return what to say where the node's process is gone."""
        return NodeError(f"{self.name} has ended: make a new lab.")

    def _stop(self) -> None:
        if not self._busy:  # it had come to its end already
            return
        self.interrupt()
        try:
            self._receive(STOPPING)
        except TimeoutError:
            self._work.close()
            self._busy = False  # nobody works on this line any more, and whoever tries is told so
            raise NodeError(f"{self.name} did not stop when it was interrupted, and is lost: make a new lab.") from None

    def _receive(self, patience: float) -> Reply:
        try:
            self._work.wait(patience)
            with uninterrupted():
                (kind, output, packed, traceback), _ = self._work.receive(ANSWER)
                self._busy = False
        except TimeoutError:
            raise
        except (EOFError, OSError):
            raise self.ended() from None
        content = pickle.loads(packed)
        return Reply(output, content) if kind == "value" else Reply(output, None, content, traceback)
