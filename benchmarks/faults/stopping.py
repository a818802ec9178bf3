"""In a kernel: press the stop button wherever a cell's code waits, at each place once."""

import faulthandler
import os
import re
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType

from ipykernel import kernelbase

TICK, TICKS = 0.004, 3  # seconds between two looks; how many looks find a thread that waits where it was
OURS = f"{os.sep}sockets_lab{os.sep}"
ENDING = 0.1  # seconds: a cell that is gone so soon, and heard of no stop, had come to its end as it was pressed
WAITED = 20.0  # seconds in which the cell that was pressed must be gone
CELLS = f"ipykernel_{os.getpid()}"  # in the names of the files that cells are said to come from

FRAME = re.compile(r'^  File "(.*)", line (\d+) in', re.MULTILINE)  # as faulthandler writes it, the innermost first

Place = tuple[str, str, str]  # the cell, then file and line: the innermost of the course's or the cell's own


class Stopper(threading.Thread):
    """Looks at the main thread all the time. It is told when to work, and works once at each place."""

    def __init__(self) -> None:
        super().__init__(name="stop button", daemon=True)
        self.works, self.slowest, self.stops, self._pressed = False, 0.0, list[Place | None](), set[Place]()
        self.idle = threading.Event()

    def run(self) -> None:
        before, looks = None, 0
        self.idle.set()
        while True:
            time.sleep(TICK)
            place, exactly = _place()
            looks = looks + 1 if exactly == before else 0
            before = exactly
            if self.works and place and looks >= TICKS and place not in self._pressed and _sleeps():
                self.idle.clear()
                self._press(place)
                self.idle.set()

    def stopped(self, _: int, frame: FrameType | None) -> None:
        """Answer to the stop as Python itself does, and keep where it was; None: in what IPython does around a cell."""
        self.stops.append(_inner(list(_frames(frame))))
        raise KeyboardInterrupt

    def _press(self, where: Place) -> None:
        """Interrupt, and wait for the end of the cell."""
        self._pressed.add(where)
        heard = len(self.stops)
        os.killpg(os.getpgrp(), signal.SIGINT)  # as Jupyter does: whoever else is in the group is told too
        began = time.monotonic()
        while (place := _place()[0]) and place[0] == where[0]:
            time.sleep(TICK)
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took)
        told = self.stops[heard:]
        if not told and took > ENDING:
            self.stops.append(where)  # it was not even heard
        elif not any(told):
            self._pressed.discard(where)  # once more, next time


def _place() -> tuple[Place | None, str]:
    """Return where the main thread is, and something that is equal as long as it is exactly there."""
    os.ftruncate(_stacks, 0)
    os.lseek(_stacks, 0, os.SEEK_SET)
    faulthandler.dump_traceback(_stacks)  # in one go: the frames of a thread that runs meanwhile are not to be walked
    text = os.pread(_stacks, 1 << 20, 0).decode(errors="replace")
    exactly = text.partition(f"Thread 0x{threading.main_thread().ident:016x} ")[2].partition("\n\n")[0]
    return _inner(FRAME.findall(exactly)), exactly


def _frames(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    while frame:
        yield frame.f_code.co_filename, str(frame.f_lineno)
        frame = frame.f_back


def _inner(frames: Sequence[tuple[str, str]]) -> Place | None:
    """Return the place that these frames tell of, the innermost first; None, where no cell is among them."""
    inner = next((frame for frame in frames if OURS in frame[0] or CELLS in frame[0]), None)
    cell = next((name for name, _ in reversed(frames) if CELLS in name), "")
    return (cell, *inner) if cell and inner else None


def _sleeps() -> bool:
    with open(f"/proc/self/task/{threading.main_thread().native_id}/stat") as told:
        return told.read().rpartition(")")[2].split()[0] == "S"


_stacks = os.memfd_create("stacks")
_stopper = Stopper()


def begin() -> None:
    """Begin to look."""
    kernelbase.default_int_handler = _stopper.stopped  # it is set anew for each cell
    _stopper.start()


def work(yes: bool) -> None:
    """Let the button be pressed, or not, from now on."""
    _stopper.works = yes


def stops() -> list[Place | None]:
    """Return where stops were heard since this was asked last; None: before or after the cell's own code."""
    _stopper.idle.wait(WAITED)
    places, _stopper.stops = _stopper.stops, []
    return places


def slowest() -> float:
    """Return the most seconds that a cell went on after a stop."""
    return _stopper.slowest
