"""The defender's side: attempts to reach a machine's ports, as they come.

In a node of a lab its cable is watched, so every attempt is seen, whether anybody listens or not. Where there is no
capture, a few listeners stand in: they see only who comes to their own ports, and only who completes a connection.
"""

import errno
import selectors
import socket
import threading
import time
from contextlib import ExitStack
from typing import Protocol, Self

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.headers import TCP, UDP, IPv4, NotAPacket, dissect
from sockets_lab.model import Endpoint
from sockets_lab.nodes import LabUnavailable, Node
from sockets_lab.nodes.capture import Capture, Captured
from sockets_lab.scanning.asking import Ports, chosen_ports
from sockets_lab.scanning.detecting import Attempt

SPREAD = range(1500, 65000, 1000)  # where listeners stand if nobody says where
NAP = 0.02  # seconds between two looks
GRACE = 2.0  # seconds in which the thread that looks must have ended


class Source(Protocol):
    """Something that sees attempts."""

    def read(self, seconds: float) -> list[Attempt]:
        """Return what was seen since the last call; wait so long where there is nothing."""

    def close(self) -> None: ...


class Cable:
    """Sees each first segment of a TCP connection, and each datagram, that comes in at a node's end of its cable."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self._seen: set[tuple[Endpoint, int, int]] = set()

    def read(self, seconds: float) -> list[Attempt]:
        captured = self.capture.wait(1, seconds)
        return [found for one in captured if not one.outgoing and (found := self.attempt(one))]

    def attempt(self, captured: Captured) -> Attempt | None:
        """Read a packet; None where it is no attempt, or a kernel's repetition of one."""
        try:
            packet = dissect(captured.octets)
        except NotAPacket:
            return None
        ip, tcp, udp = packet.find(IPv4), packet.find(TCP), packet.find(UDP)
        if ip is None or packet.find(IPv4) is not packet.layers[1]:
            return None
        if tcp and tcp.syn and not tcp.ack:
            source = Endpoint.trusted(ip.source, tcp.source_port)
            known = (source, tcp.destination_port, tcp.sequence)
            if known in self._seen:
                return None
            self._seen.add(known)
            return Attempt(captured.time, source, tcp.destination_port)
        if udp:
            return Attempt(captured.time, Endpoint.trusted(ip.source, udp.source_port), udp.destination_port, "udp")
        return None

    def close(self) -> None:
        self.capture.close()


class Listeners:
    """Listens at a few TCP ports of an address, and sees who connects there. Ports that are taken are left out.

    ports: where it listens. Raises: BadInput; OSError, where it can listen nowhere.
    """

    def __init__(self, address: str, ports: Ports = SPREAD) -> None:
        home = guard.destination(Endpoint(address, 0))
        wanted = chosen_ports(ports)
        listening, refused = [], None
        with ExitStack() as held:
            self._selector = held.enter_context(selectors.DefaultSelector())
            for port in wanted:
                sock = attempt(_listening, Endpoint(home.address, port))
                if isinstance(sock, Refused):
                    refused = sock
                    continue
                self._selector.register(held.enter_context(sock), selectors.EVENT_READ, port)
                listening.append(port)
            if not listening:
                raise OSError(getattr(errno, refused.name, 0) if refused else 0, str(refused))
            self._held = held.pop_all()
        self.ports = tuple(sorted(listening))

    def read(self, seconds: float) -> list[Attempt]:
        found = []
        for key, _ in self._selector.select(seconds):
            assert isinstance(key.fileobj, socket.socket)
            while not isinstance(answer := attempt(key.fileobj.accept), Refused):
                answer[0].close()
                found.append(Attempt(time.time(), Endpoint.of(answer[1]), key.data))
        return found

    def close(self) -> None:
        self._held.close()


class Watch:
    """Keeps what a source sees, from now on. Use it in a `with`, or close it; what it has seen stays.

    kind: "capture" or "listeners"; differs: "" for a capture, else one sentence: what it cannot see, and why.
    """

    def __init__(self, source: Source, kind: str, differs: str = "") -> None:
        self.kind, self.differs = kind, differs
        self._source, self._seen = source, list[Attempt]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def attempts(self) -> tuple[Attempt, ...]:
        """Return what was seen so far, in the order in which it came."""
        return tuple(self._seen)

    def wait(self, count: int, deadline: float = 2.0) -> tuple[Attempt, ...]:
        """Return the same as soon as there are so many; fewer after `deadline` seconds."""
        end = time.monotonic() + deadline
        while len(self._seen) < count and time.monotonic() < end:
            time.sleep(NAP)
        return self.attempts()

    @property
    def missed(self) -> int:
        """How many packets came faster than they could be read, and are lost."""
        return self._source.capture.dropped if isinstance(self._source, Cable) else 0

    def _look(self) -> None:
        while not self._over.is_set():
            self._seen += self._source.read(NAP)

    def close(self) -> None:
        """Look a last time, and end."""
        if not self._over.is_set():
            self._over.set()
            self._thread.join(GRACE)
            self._seen += self._source.read(0)
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def watch(target: Node | str, ports: Ports = SPREAD) -> Watch:
    """Watch for attempts to reach a node's ports, or those of an address of this machine.

    Args: target: a node, or a loopback address; ports: where listeners stand in if there can be no capture.
    Raises: BadInput; OSError, where not even a listener can be had.
    """
    if isinstance(target, Node):
        try:
            return Watch(Cable(target.capture()), "capture")
        except (LabUnavailable, OSError) as missing:
            because = str(missing) if isinstance(missing, LabUnavailable) else str(refusal(missing))
            target = target.address
    elif isinstance(target, str):
        because = "an address of this machine has no cable of its own"
    else:
        raise BadInput(f"{target!r} cannot be watched: pass a node of a lab, or a loopback address such as 127.0.0.1.")
    listeners = Listeners(target, ports)
    return Watch(listeners, "listeners", (
        f"There is no capture here ({because}). So {len(listeners.ports)} listeners stand in: they see who connects to "
        "their own ports, and nothing of other ports, of datagrams, and of who gives up half-way."
    ))  # fmt: skip


def _listening(endpoint: Endpoint) -> socket.socket:
    """Return a socket that listens and never blocks. Raises: OSError."""
    sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind(endpoint.sockaddr)
        sock.listen(128)
    except BaseException:
        sock.close()
        raise
    return sock
