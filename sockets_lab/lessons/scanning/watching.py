"""The defender's side: attempts to reach a machine's ports, as they come.

In a node of a lab its cable is watched, so every attempt is seen, whether anybody listens or not. Where there is no
capture, a few listeners stand in: they see only who comes to their own ports, and only who completes a connection.
"""

import threading
import time
import weakref
from typing import Any

from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.lab import LabUnavailable, Node
from sockets_lab.lessons.scanning.detecting import Attempt
from sockets_lab.lessons.scanning.scan_options import Ports
from sockets_lab.lessons.scanning.sources import SPREAD, Cable, Listeners, Source
from sockets_lab.model import Closing

NAP = 0.02  # seconds between two looks
RING = 16 << 20  # bytes of a capture's ring, so 8,192 packets: a scan brings so many in less than a tenth of a second
GRACE = 2.0  # seconds in which the thread that looks must have ended

_kept: weakref.WeakSet["Watch"] = weakref.WeakSet()


class Watch(Closing):
    """Keeps what a source sees, from now on. Use it in a `with`, or close it; what it has seen stays.

    kind: "capture" or "listeners"; differs: "" for a capture, else what listeners cannot see, and why they stand here.
    node: whose ports are watched; None: those of an address.
    """

    def __init__(self, source: Source, because: str = "", node: Node | None = None) -> None:
        self.source, self.node = source, node
        self.differs = " ".join(filter(None, (because, source.differs)))
        self._came: list[Any] = []
        self._attempts: list[Attempt] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        _kept.add(self)

    @property
    def kind(self) -> str:
        return "capture" if isinstance(self.source, Cable) else "listeners"

    def attempts(self) -> tuple[Attempt, ...]:
        """Return what was seen so far, in the order in which it came."""
        with self._lock:
            count = len(self._came)  # the thread may add to it meanwhile
            self._attempts += self.source.attempts(self._came[:count])
            del self._came[:count]
            return tuple(self._attempts)

    def wait(self, count: int, deadline: float = 2.0) -> tuple[Attempt, ...]:
        """Return the same as soon as there are so many; fewer after `deadline` seconds."""
        end = time.monotonic() + deadline
        while len(seen := self.attempts()) < count and time.monotonic() < end:
            time.sleep(NAP)
        return seen

    @property
    def missed(self) -> int:
        """How many packets came faster than they could be read, and are lost."""
        return self.source.capture.dropped if isinstance(self.source, Cable) else 0

    def close(self) -> None:
        """Look a last time, and end."""
        if not self._over.is_set():
            self._over.set()
            self._thread.join(GRACE)
            self._read(0)
            self.source.close()

    def _look(self) -> None:
        while not self._over.is_set() and self._read(NAP):
            continue

    def _read(self, seconds: float) -> bool:
        """Read what came. Returns: False, where the lab is closed, and the source with it."""
        try:
            self._came += self.source.read(seconds)
        except (BadInput, ValueError, OSError):
            return False
        return True


def watch(target: Node | str, ports: Ports = SPREAD) -> Watch:
    """Watch for attempts to reach a node's ports, or those of an address of this machine.

    Args: target: a node, or a loopback address; ports: where listeners stand in if there can be no capture.
    Raises: BadInput; OSError, where not even a listener can be had.
    """
    if isinstance(target, str):
        return Watch(Listeners(target, ports))
    if not isinstance(target, Node):
        raise BadInput(f"{target!r} cannot be watched: pass a node of a lab, or a loopback address such as 127.0.0.1.")
    try:
        large = attempt(target.capture, RING)
        return Watch(Cable(target.capture() if isinstance(large, Refused) else large), node=target)
    except (LabUnavailable, OSError) as missing:
        because = str(missing if isinstance(missing, LabUnavailable) else refusal(missing))
    return Watch(Listeners(target.address, ports), because.rstrip(".") + ".", target)


def watches(node: Node) -> tuple[Watch, ...]:
    """Return the watches over a node's ports that somebody still has, closed ones too."""
    return tuple(one for one in _kept if one.node is node)
