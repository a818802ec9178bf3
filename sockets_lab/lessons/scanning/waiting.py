"""Sockets that wait side by side for an answer, each until its own deadline, and no more of them than there is room."""

import errno
import selectors
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from sockets_lab.kernel import machine
from sockets_lab.model import Closing

SPARE = 64  # descriptors that are left to the rest of this process
MOST = 4000  # sockets that wait at one time
MOST_FOR_SELECT = 400  # where there is nothing but select(2), which takes 512 or 1024 and no more


@dataclass(frozen=True)
class _Place:
    """Where a socket waits: until when, for the answer of which port, and its own address and port."""

    until: float
    port: int
    name: tuple


class Waiting(Closing):
    """Sockets of a scan that wait. Whoever takes one out closes it; what is left at the end of `with` is closed here.

    Args: event: selectors.EVENT_READ or EVENT_WRITE; deadline: seconds that each socket waits.
    """

    def __init__(self, event: int, deadline: float) -> None:
        self._event, self._deadline = event, deadline
        self._selector = selectors.DefaultSelector()
        self._places: OrderedDict[socket.socket, _Place] = OrderedDict()  # the first ends first: all wait equally long
        self._pairs: dict[tuple, socket.socket] = {}  # own address and port, and port asked -> who
        self._limit = machine.descriptor_limits()[0] - SPARE
        self._most = MOST_FOR_SELECT if selectors.DefaultSelector is selectors.SelectSelector else MOST

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, sock: socket.socket) -> bool:
        return sock in self._places

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more, now. A new descriptor is the lowest free number, so the number of the
        latest tells how many there are, other people's too."""
        if not self._places:
            return False
        return len(self._places) >= self._most or next(reversed(self._places)).fileno() >= self._limit

    def new_socket(self, family: int, kind: int, attend: Callable[[float], None]) -> socket.socket:
        """Make a socket that never blocks. Where there is no descriptor left, attend to those that wait until one is.

        Raises: OSError, where there is none to wait for.
        """
        while True:
            try:
                sock = socket.socket(family, kind)
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE) or not self._places:
                    raise
                attend(0.01)
            else:
                sock.setblocking(False)
                return sock

    def add(self, sock: socket.socket, port: int) -> None:
        """Let a socket wait for the answer of a port."""
        place = _Place(time.monotonic() + self._deadline, port, sock.getsockname()[:2])
        self._places[sock] = place
        self._pairs[place.name, port] = sock
        self._selector.register(sock, self._event)

    def asking(self, port: int, name: tuple) -> socket.socket | None:
        """Return the socket that asks this port and has this name (address and port) itself; None: none of ours."""
        return self._pairs.get((name, port))

    def take(self, sock: socket.socket) -> int:
        """Take a socket out. Returns: the port that it asked."""
        self._selector.unregister(sock)
        place = self._places.pop(sock)
        del self._pairs[place.name, place.port]
        return place.port

    def wait(self, seconds: float) -> tuple[list[socket.socket], list[socket.socket]]:
        """Wait so long at most. Returns: to whom something happened, and whose deadline has passed; they still wait.

        Only a deadline that had passed before we looked has passed: an answer that is there counts, however late we
        look because the machine has other things to do.
        """
        began = time.monotonic()
        if not self._places:
            if seconds > 0:  # no time at all would still give the processor away
                time.sleep(seconds)  # there are systems that refuse to select among none
            return [], []
        first = next(iter(self._places.values())).until
        ready = self._selector.select(max(0.0, min(seconds, first - began)))
        answered = [sock for key, _ in ready if isinstance(sock := key.fileobj, socket.socket)]
        known = set(answered)
        late = takewhile(lambda item: item[1].until <= began, self._places.items())
        return answered, [sock for sock, _ in late if sock not in known]

    def close(self) -> None:
        for sock in self._places:
            sock.close()
        self._places.clear()
        self._selector.close()
