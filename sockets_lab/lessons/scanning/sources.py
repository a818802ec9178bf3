"""What can see attempts to reach a machine's ports: a capture on a node's cable, or a few listeners that stand in."""

import errno
import selectors
import socket
import time
from contextlib import ExitStack

from sockets_lab import guard
from sockets_lab.errors import Refused, attempt
from sockets_lab.headers.brief import ACK, SYN, brief
from sockets_lab.kernel.connecting import listening
from sockets_lab.lab.capture import Capture, Captured
from sockets_lab.lessons.scanning.detecting import Attempt
from sockets_lab.lessons.scanning.scan_options import Ports, chosen_ports
from sockets_lab.model import Endpoint

QUEUE = 128  # connections that may wait at each listener
SPREAD = range(1500, 65000, 1000)  # where listeners stand if nobody says where


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
        return [found for one in came if (found := self.attempt(one))]

    def attempt(self, captured: Captured) -> Attempt | None:
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


Source = Cable | Listeners
