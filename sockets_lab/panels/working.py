"""A panel that does what takes its time in a thread, so that the page answers at once."""

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sockets_lab.errors import BadInput
from sockets_lab.panels.panel import Panel, told

BUSY = "One moment: what you asked for before is still going on."
LEAD = 0.05  # seconds in which the page is told of the click; the thread would take the interpreter from that
TURN = 0.0005  # seconds after which a thread that works lets others do something, instead of 0.005
USUAL_TURN, USUALLY_YOUNG = sys.getswitchinterval(), gc.get_threshold()
YOUNG = 50_000, 100, 100  # objects made between two searches for garbage, which stop everything else, not 700, 10, 10


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
        if over.wait(LEAD):
            return
        try:
            with beside_the_page():
                action()
        except Exception as error:  # noqa: BLE001  shown, or nobody sees it
            if not over.is_set():
                self.say(told(error), trouble=True)


@contextmanager
def beside_the_page() -> Iterator[None]:
    """Let clicks be answered while a thread makes hundreds of thousands of objects."""
    sys.setswitchinterval(TURN)
    gc.set_threshold(*YOUNG)
    try:
        yield
    finally:
        sys.setswitchinterval(USUAL_TURN)  # and not what it was before: the thread of another panel may work
        gc.set_threshold(*USUALLY_YOUNG)
