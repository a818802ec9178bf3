"""Real packets to look at: captured where nodes have cables; elsewhere put together from what the kernel tells."""

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.headers import TCP, UDP, Ethernet, IPv4, Option, Packet, build, compose, dissect, pack_options
from sockets_lab.kernel.connecting import closed_on_failure, reset_on_close
from sockets_lab.lab import Lab, Node, NodeError
from sockets_lab.lab.capture import Capture, Captured
from sockets_lab.model import Endpoint, FourTuple

FROM, TO = 4444, 8888  # the ports of the classic example
DEADLINE = 2.0  # seconds, for what takes less than a thousandth
SYN_OPTIONS = pack_options(Option(2, (1460).to_bytes(2)), Option(4))


@dataclass(frozen=True)
class Example:
    """A packet from its Ethernet header on.

    captured: it was seen on a cable. Else it was put together from the names that a real pair of sockets had; what the
    kernel does not tell (identification, sequence numbers) is zero then, and so is the time.
    """

    frame: Captured
    captured: bool = True

    @property
    def packet(self) -> Packet:
        return dissect(self.frame.octets)

    @property
    def about(self) -> str:
        return "captured on node B's cable" if self.captured else "put together from the names of real sockets"


def bound(node: Node, kind: int, port: int = 0) -> socket.socket:
    """Make a socket in a node and bind it: to that port, or where it is taken, to one that the kernel chooses."""
    with closed_on_failure(node.socket(socket.AF_INET, kind)) as sock:
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((node.address, port))
        except OSError:
            sock.bind((node.address, 0))
        return sock


def datagram(lab: Lab, data: bytes = b"hello", to: socket.socket | None = None) -> Example:
    """Send one datagram from the first node to the second, with ordinary sockets, and return it as it crossed.

    Args: to: a receiver in the second node; None: one is made for it. Raises: NodeError, where the cable is cut.
    """
    here, there = lab.nodes[:2]
    with ExitStack() as held:
        receiver = to or held.enter_context(bound(there, socket.SOCK_DGRAM, TO))
        sender = held.enter_context(bound(here, socket.SOCK_DGRAM, FROM))
        names = FourTuple(Endpoint.of(sender.getsockname()), _at(lab, there, receiver))
        if lab.kind != "namespaces":
            sender.sendto(data, names.remote.sockaddr)
            return _put_together(names, UDP, data)
        capture = held.enter_context(there.capture())
        sender.sendto(data, names.remote.sockaddr)
        caught = capture.wait(1, DEADLINE, lambda one: between(one, UDP, names))
        for example in _examples(caught, UDP, names):
            return example
    raise NodeError(f"nothing crossed {there.name}'s cable within {DEADLINE:g} seconds: mend it.")


def segments(
    lab: Lab, data: bytes = b"hello", to: socket.socket | None = None, abort: bool = False
) -> tuple[Example, ...]:
    """Connect the first node to the second, send some data, close; return the segments in the order they crossed.

    Args: to: a listener in the second node, None: one is made for it; abort: give the connection up instead of closing
        it, so that neither kernel remembers its names.
    Returns: on loopback, where nothing can be captured, one: the first, put together from the connection's names.
    Raises: OSError, where the cable is cut.
    """
    here, there = lab.nodes[:2]
    with ExitStack() as held:
        listener = to or held.enter_context(bound(there, socket.SOCK_STREAM, TO))
        listener.listen()
        client = held.enter_context(bound(here, socket.SOCK_STREAM, FROM))
        client.settimeout(DEADLINE)
        capture = held.enter_context(there.capture()) if lab.kind == "namespaces" else None
        client.connect(_at(lab, there, listener).sockaddr)
        names = FourTuple.of(client)
        listener.settimeout(DEADLINE)
        server = held.enter_context(listener.accept()[0])
        server.settimeout(DEADLINE)
        client.sendall(data)
        server.recv(len(data))
        if abort:
            reset_on_close(client)
        client.close()
        if not abort:
            server.recv(1)  # the end of the stream: only then close, too
        server.close()
        listener.settimeout(0 if to else DEADLINE)
        if capture is None:
            return (_put_together(names, TCP),)
        return tuple(_examples(_whole(capture, names), TCP, names))


def _at(lab: Lab, node: Node, receiver: socket.socket) -> Endpoint:
    """Return where a node's socket can be reached, also if it is bound to the wildcard."""
    endpoint = Endpoint(node.address, receiver.getsockname()[1])
    return endpoint if lab.kind == "namespaces" else guard.destination(endpoint)


def between(one: Captured, kind: type[TCP] | type[UDP], names: FourTuple) -> bool:
    """Whether a captured packet belongs to these two endpoints, whichever sent it."""
    packet = dissect(one.octets)
    ip, header = packet.find(IPv4), packet.find(kind)
    if ip is None or header is None:
        return False
    found = FourTuple(Endpoint.trusted(ip.source, header.source_port),
                      Endpoint.trusted(ip.destination, header.destination_port))  # fmt: skip
    return found in (names, names.reversed())


def _whole(capture: Capture, names: FourTuple) -> tuple[Captured, ...]:
    """Wait until the connection is given up, or both ends have said FIN and the second FIN was acknowledged."""
    found: tuple[Captured, ...] = ()
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found += capture.wait(1, end - time.monotonic(), lambda one: between(one, TCP, names))
        headers = [tcp for one in found if (tcp := dissect(one.octets).find(TCP))]
        fins = [number for number, tcp in enumerate(headers) if tcp.fin]
        if any(tcp.rst for tcp in headers) or (len(fins) > 1 and fins[-1] < len(headers) - 1):
            break
    return found


def _examples(caught: Iterable[Captured], kind: type[TCP] | type[UDP], names: FourTuple) -> Iterator[Example]:
    return (Example(one) for one in caught if between(one, kind, names))


def _put_together(names: FourTuple, kind: type[TCP] | type[UDP], data: bytes = b"") -> Example:
    """Compose what goes from the local to the remote endpoint: a datagram, or a first segment."""
    ports = {"source_port": names.local.port, "destination_port": names.remote.port}
    header = UDP(**ports) if kind is UDP else TCP(**ports, syn=1, window=64240, options=SYN_OPTIONS)
    ip = IPv4(source=names.local.address, destination=names.remote.address, dont_fragment=1)
    octets = build(compose(Ethernet(), ip, header, payload=data))
    return Example(Captured(0, octets, False, len(octets)), captured=False)
