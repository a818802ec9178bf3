"""The defender's side: attempts to reach a machine's ports, as they come.

In a node of a lab its cable is watched, so every attempt is seen, whether anybody listens or not. Where there is no
capture, a few listeners stand in: they see only who comes to their own ports, and only who completes a connection.
"""

import errno
import selectors
import socket
import threading
import time
import weakref
from contextlib import ExitStack
from typing import Any

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.headers.brief import ACK, SYN, brief
from sockets_lab.kernel.connecting import listening
from sockets_lab.lab import LabUnavailable, Node
from sockets_lab.lab.capture import Capture, Captured
from sockets_lab.lessons.scanning.detecting import Attempt
from sockets_lab.lessons.scanning.scan_options import Ports, chosen_ports
from sockets_lab.model import Closing, Endpoint

QUEUE = 128  # connections that may wait at each listener
SPREAD = range(1500, 65000, 1000)  # where listeners stand if nobody says where
NAP = 0.02  # seconds between two looks
RING = 16 << 20  # bytes of a capture's ring, so 8,192 packets: a scan brings so many in less than a tenth of a second
GRACE = 2.0  # seconds in which the thread that looks must have ended

_kept: weakref.WeakSet["Watch"] = weakref.WeakSet()


class Cable:
    """Sees each first segment of a TCP connection, and each datagram, that comes in at a node's end of its cable.

    differs: one sentence: what it cannot see; "" for nothing.
    """

    def __init__(self, capture: Capture) -> None:
        self.capture, self.differs = capture, ""
        attempt(capture.ignore_outgoing)  # half as much to read; where it is refused, `read` leaves it out
        self._seen: set[tuple[Endpoint, int, int]] = set()

    def read(self, seconds: float) -> list[Captured]:
        """Return the packets that came in. Raises: BadInput, ValueError, where the lab has closed the capture."""
        return [one for one in self.capture.wait(1, seconds) if not one.outgoing]

    def attempts(self, came: list[Captured]) -> list[Attempt]:
        """Find the attempts; apart from `read`, as a capture has to be read faster than its packets can be."""
        return [found for one in came if (found := self._attempt(one))]

    def _attempt(self, captured: Captured) -> Attempt | None:
        """Read a packet; None where it is no attempt, or a kernel's repetition of one."""
        packet = brief(captured.octets)
        if packet is None or (packet.protocol == "tcp" and packet.flags & (SYN | ACK) != SYN):
            return None
        source = Endpoint.trusted(packet.source, packet.source_port)
        if packet.protocol == "tcp":
            known = (source, packet.destination_port, packet.sequence)
            if known in self._seen:
                return None
            self._seen.add(known)
        return Attempt(captured.time, source, packet.destination_port, packet.protocol)

    def close(self) -> None:
        self.capture.close()


class Listeners:
    """Listens at a few TCP ports of an address, and sees who connects there. Ports that are taken are left out.

    ports: where it listens. Raises: BadInput; OSError, where it can listen nowhere.
    """

    def __init__(self, address: str, ports: Ports = SPREAD) -> None:
        home = guard.destination(Endpoint(address, 0))
        wanted = chosen_ports(ports)
        places, refused = [], None
        with ExitStack() as held:
            self._selector = held.enter_context(selectors.DefaultSelector())
            for port in wanted:
                sock = attempt(listening, Endpoint(home.address, port), QUEUE)
                if isinstance(sock, Refused):
                    refused = sock
                    continue
                self._selector.register(held.enter_context(sock), selectors.EVENT_READ, port)
                places.append(port)
            if not places:
                raise OSError(getattr(errno, refused.name, 0) if refused else 0, str(refused))
            self._held = held.pop_all()
        self.ports = tuple(sorted(places))
        self.differs = (
            f"{len(self.ports)} listeners stand in for a capture: they see who connects to their own ports, and "
            "nothing of other ports, of datagrams, and of who gives up half-way."
        )

    def read(self, seconds: float) -> list[Attempt]:
        found = []
        for key, _ in self._selector.select(seconds):
            assert isinstance(key.fileobj, socket.socket)
            while not isinstance(answer := attempt(key.fileobj.accept), Refused):
                answer[0].close()
                found.append(Attempt(time.time(), Endpoint.of(answer[1]), key.data))
        return found

    def attempts(self, came: list[Attempt]) -> list[Attempt]:
        return came

    def close(self) -> None:
        self._held.close()


class Watch(Closing):
    """Keeps what a source sees, from now on. Use it in a `with`, or close it; what it has seen stays.

    kind: "capture" or "listeners"; differs: "" for a capture, else what listeners cannot see, and why they stand here.
    """

    def __init__(self, node: Node, source: Cable | Listeners, because: str = "") -> None:
        self.node, self.source = node, source
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


def watch(node: Node, ports: Ports = SPREAD) -> Watch:
    """Watch for attempts to reach a node's ports. Args: ports: where listeners stand in if there can be no capture.

    Raises: BadInput; OSError, where not even a listener can be had.
    """
    if not isinstance(node, Node):
        raise BadInput(f"{node!r} cannot be watched: pass a node of a lab, as lab.B.")
    try:
        large = attempt(node.capture, RING)
        return Watch(node, Cable(node.capture() if isinstance(large, Refused) else large))
    except (LabUnavailable, OSError) as missing:
        because = str(missing if isinstance(missing, LabUnavailable) else refusal(missing))
    return Watch(node, Listeners(node.address, ports), because.rstrip(".") + ".")


def watches(node: Node) -> tuple[Watch, ...]:
    """Return the watches over a node's ports that somebody still has, closed ones too."""
    return tuple(one for one in _kept if one.node is node)
