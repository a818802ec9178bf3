"""Look again from time to time, without being asked: often while things change, seldom while nothing does."""

import threading
import time
from collections.abc import Callable

OFTEN, SELDOM = 0.1, 0.5  # seconds between two looks
LIVELY = 2.0  # seconds after a change, in which the next one is expected
PATIENCE = 2.0  # seconds for the last look to come to its end


class Follower:
    """A thread that looks, and ends with `end`, or with its program.

    Args: look: returns whether anything was different; what it raises ends the following.
    """

    def __init__(self, look: Callable[[], bool]) -> None:
        self._look = look
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="playground follower", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop looking, and wait for the look that may be under way."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        changed = time.monotonic()
        while not self._stop.wait(OFTEN if time.monotonic() - changed < LIVELY else SELDOM):
            if self._look():
                changed = time.monotonic()
