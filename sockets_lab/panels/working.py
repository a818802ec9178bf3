"""A panel that does what takes its time in a thread, so that the page answers at once."""

import threading
from collections.abc import Callable

from sockets_lab.errors import BadInput, refusal
from sockets_lab.nodes import NodeError
from sockets_lab.panels.panel import Panel

BUSY = "One moment: what you asked for before is still going on."


class WorkingPanel(Panel):
    """A panel with one thread at a time, which touches nothing but traits."""

    working: threading.Thread | None = None

    def __init__(self, *controls: object) -> None:
        self.over = threading.Event()  # set when all is given up, whatever goes on then
        super().__init__(*controls)

    def do(self, words: str, action: Callable[[], None]) -> None:
        """Begin something. Args: words: are shown meanwhile. Raises: BadInput, while something else goes on."""
        if self.is_working:
            raise BadInput(BUSY)
        if words:
            self.say(f"{words} ...")
        self.working = threading.Thread(target=self._work, args=(action, self.over), name=self.purpose, daemon=True)
        self.working.start()

    @property
    def is_working(self) -> bool:
        return self.working is not None and self.working.is_alive()

    def give_up(self, close: Callable[[], None], grace: float) -> None:
        """Close what the thread works with, and wait for its end. Args: grace, in seconds."""
        self.over.set()
        close()
        if self.working:
            self.working.join(grace)
        close()  # also what it opened meanwhile
        self.working, self.over = None, threading.Event()

    def _work(self, action: Callable[[], None], over: threading.Event) -> None:
        """The thread's whole work: show what goes wrong, unless all was given up."""
        try:
            action()
        except Exception as error:  # noqa: BLE001  shown, or nobody sees it
            if not over.is_set():
                self.say(_told(error), trouble=True)


def _told(error: Exception) -> str:
    if isinstance(error, BadInput | NodeError):
        return str(error)
    if isinstance(error, OSError):
        return f"Refused. {refusal(error)}."
    return f"This panel has a fault of its own: {type(error).__name__}: {error}"
