"""Follow the sockets of this process in a thread of its own, and tell what is new, what changed and what closed.

The thread never speaks unless something changed. It looks often while things change, seldom while nothing does, and
never so often that looking takes more than a fiftieth of the time.
"""

import itertools
import threading
import time
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, replace

from sockets_lab.watch.sockets.looking import Eye, Held, eye

SOONEST, LATEST, IDLE = 0.1, 0.5, 2.0  # seconds from one look to the next; the last while the program does nothing
SHARE = 50  # of the time at most one part in so many is spent looking
FADE = 4.0  # seconds for which a closed socket is still shown
MOST = 40  # sockets shown; the newest come first


@dataclass(frozen=True)
class Shown:
    """One socket as it is shown. mark: "", "new", "changed" or "closed", and when that came (`time.monotonic`)."""

    held: Held
    mark: str
    at: float


@dataclass(frozen=True)
class View:
    """What is shown now: sockets, the newest first; how many more there are; how many of Jupyter's are left out.

    news: those whose mark came with this view.
    """

    sockets: tuple[Shown, ...]
    more: int
    jupyter: int
    at: float
    news: tuple[Shown, ...] = ()

    @property
    def count(self) -> int:
        """How many sockets there are, those of Jupyter left out and closed ones not counted."""
        return sum(one.mark != "closed" for one in self.sockets) + self.more


class Follower(threading.Thread):
    """Calls `tell(view)` in its own thread, once at the beginning and then after every change.

    Args: tell; ports of Jupyter, whose listeners and connections are not the learner's; everything, to show these too.
    """

    def __init__(self, tell: Callable[[View], None], ports: Collection[int] = (), everything: bool = False) -> None:
        super().__init__(name="socket inspector", daemon=True)
        self.ports, self.everything = frozenset(ports), everything
        self.looks, self.busy = 0, False
        self._tell = tell
        self._serials = itertools.count(1)
        self._known: dict[int, Shown] = {}  # in the order in which they came
        self._told: View | None = None
        self._wake, self._ended = threading.Event(), False

    def wake(self, busy: bool = False) -> None:
        """Look again at once: something is about to happen, or just did. Args: busy, whether the program goes on."""
        self.busy = busy
        self._wake.set()

    def close(self) -> None:
        """End the thread, and wait until it has ended."""
        self._ended = True
        self._wake.set()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(5)

    def run(self) -> None:
        with closing(eye()) as seeing:
            self._follow(seeing)

    def _follow(self, seeing: Eye) -> None:
        pause = SOONEST
        while not self._ended:
            began = time.thread_time()
            try:
                changed = self.see(seeing.look(), time.monotonic())
            except OSError:  # the table could not be read this time
                changed = False
            self.looks += 1
            cost = time.thread_time() - began
            pause = SOONEST if changed else min(pause * 1.6, LATEST if self.busy else IDLE)
            woken = self._wake.wait(max(pause, SHARE * cost))
            self._wake.clear()
            pause = SOONEST if woken else pause

    def see(self, found: list[Held], now: float) -> bool:
        """Hold what was found against what was known, and tell if it differs. Returns: whether it did."""
        news, here = [], set[int]()
        find = self._recognizer()
        for held in found:
            serial = find(held)
            before = self._known.get(serial)
            if before is None or before.held != held:
                mark = "changed" if before else "new" if self._told else ""
                self._known[serial] = Shown(held, mark, now)
                news.append(self._known[serial])
            here.add(serial)
        for serial in self._known.keys() - here:
            one = self._known[serial]
            if one.mark != "closed":
                self._known[serial] = replace(one, mark="closed", at=now)
                news.append(self._known[serial])
            elif now - one.at > FADE:
                del self._known[serial]
        view = self.view(now, news)
        if self._told is not None and _same(view, self._told):
            return False
        self._told = view
        self._tell(view)
        return True

    def _recognizer(self) -> Callable[[Held], int]:
        """Know a socket again by its inode; a connection that gets or loses its descriptor, by its four-tuple."""
        live = {serial: one.held for serial, one in self._known.items() if one.mark != "closed"}
        by_inode = {held.inode: serial for serial, held in live.items() if held.inode is not None}
        by_name = {held.name: serial for serial, held in live.items() if held.name is not None}

        def find(held: Held) -> int:
            if held.inode in by_inode:
                return by_inode[held.inode]
            serial = by_name.get(held.name, 0) if held.name else 0
            if serial and (held.inode is None or live[serial].inode is None):
                return serial
            return next(self._serials)

        return find

    def view(self, now: float, news: list[Shown]) -> View:
        """Choose what to show of what is known."""
        mine = [one for one in self._known.values() if self._mine(one)]
        live = sum(one.mark != "closed" for one in mine)
        shown = tuple(reversed(mine[-MOST:]))
        more = live - sum(one.mark != "closed" for one in shown)
        hidden = sum(one.mark != "closed" for one in self._known.values()) - live
        return View(shown, more, hidden, now, tuple(one for one in news if self._mine(one)))

    def _mine(self, one: Shown) -> bool:
        return self.everything or not one.held.ports & self.ports


def _same(one: View, other: View) -> bool:
    return (one.sockets, one.more, one.jupyter) == (other.sockets, other.more, other.jupyter)
