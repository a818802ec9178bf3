"""A datagram socket and its peers: many at first, one after `connect`, many again after that is dissolved.

Nothing is sent by `connect` on a datagram socket; the kernel only writes the peer down. Source: udp(7), connect(2).
"""

import ctypes
import errno
import selectors
import socket
import struct
import sys
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab.errors import Refused, attempt, refusal
from sockets_lab.kernel import table
from sockets_lab.kernel.connecting import ready
from sockets_lab.lessons.datagrams.sending import QUIET, WAIT, Datagram, bound, receive, receive_all, send, vacant
from sockets_lab.model import Endpoint, SocketRow

NO_FAMILY = struct.pack("=H14x", socket.AF_UNSPEC)  # sockaddr as Linux lays it out: the family, and nothing more


@dataclass(frozen=True)
class ClosedPort:
    """What a sender learned of a port at which nobody is.

    first: what the first call answered, bytes or a refusal; told: whether the kernel had something to tell after it;
    second: what the next call answered.
    """

    connected: bool
    to: Endpoint
    first: int | Refused
    told: bool
    second: int | Refused


def closed_port(connected: bool) -> ClosedPort:
    """Send twice to a port that nobody has, from a socket that is connected to it or not.

    Source: udp(7), RFC 1122 section 4.1.3.3 (what ICMP reports is passed up to the application).
    """
    to = vacant()
    with bound() as sender:
        if connected:
            sender.connect(to.sockaddr)
        target = None if connected else to
        first = attempt(send, sender, b"is anybody there?", target)
        told = bool(ready([sender], selectors.EVENT_READ, WAIT if connected else QUIET))
        return ClosedPort(connected, to, first, told, attempt(send, sender, b"and now?", target))


@dataclass(frozen=True)
class OnePeer:
    """A receiver before `connect`, connected to one of two senders, and after that was dissolved.

    before, connected, after: its row in the socket table. peer: what `getpeername` says while connected.
    heard_before, heard, heard_after: who was heard, of "peer" and "stranger", when both sent.
    stranger_told: what the stranger, connected to the receiver, was told at its next call while it was not heard.
    dissolved: None, or what refused it; after is None where the kernel took back the name that it had chosen.
    """

    before: SocketRow | None
    connected: SocketRow | None
    after: SocketRow | None
    peer: Endpoint | Refused
    heard_before: tuple[str, ...]
    heard: tuple[str, ...]
    heard_after: tuple[str, ...]
    stranger_told: Refused | None
    dissolved: Refused | None


def one_peer() -> OnePeer:
    """Let two sockets send to a receiver, connect it to one of them, let both send again, dissolve, and once more."""
    with ExitStack() as stack:
        receiver, peer, stranger = (stack.enter_context(bound()) for _ in range(3))
        name = Endpoint.of(receiver.getsockname())
        senders = {"peer": peer, "stranger": stranger}
        stranger.connect(name.sockaddr)

        def heard() -> tuple[str, ...]:
            for who, sock in senders.items():
                attempt(send, sock, who.encode(), None if sock is stranger else name)
            came = [datagram.data.decode() for datagram in receive_all(receiver, QUIET)]
            return tuple(who for who in senders if who in came)

        before, heard_before = table.row_of(receiver), heard()
        receiver.connect(peer.getsockname())
        connected, there, heard_now = table.row_of(receiver), _peer(receiver), heard()
        told = attempt(receive, stranger, 1, QUIET)
        dissolved = attempt(dissolve, receiver)
        after = table.row_of(receiver)
        attempt(receiver.bind, name.sockaddr)  # where the kernel took the name back, it is free, and can be had again
        return OnePeer(
            before, connected, after, there, heard_before, heard_now, heard(),
            told if isinstance(told, Refused) and told.name != "DEADLINE" else None, dissolved,
        )  # fmt: skip


def dissolve(sock: socket.socket) -> None:
    """Take the peer away from a connected datagram socket, by connecting it to no family at all.

    Python's `connect` cannot say that, so the C library is called. Linux also takes back a local port that the kernel
    had chosen; a port that was asked for by number stays. Raises: OSError, where it cannot be done here.
    Source: connect(2), "may dissolve the association by connecting to an address with the sa_family member set to
    AF_UNSPEC".
    """
    if sys.platform != "linux":  # elsewhere a sockaddr is laid out in another way
        raise OSError(errno.ENOSYS, "only tried on Linux")
    library = ctypes.CDLL(None, use_errno=True)
    if library.connect(sock.fileno(), NO_FAMILY, len(NO_FAMILY)):
        raise OSError(ctypes.get_errno(), "connect")


@dataclass(frozen=True)
class ManyPeers:
    """One socket, and what it exchanged with several others: each datagram that came, and whether its answer arrived.

    row: the socket's row in the table, after all that.
    """

    row: SocketRow | None
    came: tuple[Datagram, ...]
    answered: tuple[bool, ...]


def many_peers(count: int = 3) -> ManyPeers:
    """Let several sockets send to one, which answers each at the name that came with its datagram."""
    with ExitStack() as stack:
        server = stack.enter_context(bound())
        name = Endpoint.of(server.getsockname())
        clients = [stack.enter_context(bound()) for _ in range(count)]
        came, answered = [], []
        for number, client in enumerate(clients, 1):
            send(client, f"from {number}".encode(), name)
            came.append(receive(server))
            send(server, b"to " + came[-1].data, came[-1].sender)
            answer = attempt(receive, client)
            answered.append(isinstance(answer, Datagram) and answer.data == b"to " + came[-1].data)
        return ManyPeers(table.row_of(server), tuple(came), tuple(answered))


@dataclass(frozen=True)
class SourcePort:
    """Port 0 as an ordinary datagram socket meets it: its own name, and a destination.

    before, after: its local port before and after its first `sendto`, which named no port of its own; seen: the source
    port that the receiver saw; to_zero: what sending to port 0 answered.
    """

    before: int
    after: int
    seen: int
    to_zero: int | Refused


def source_port() -> SourcePort | Refused:
    """Send from a socket that nobody bound, and try to send to port 0. Source: RFC 768 (source port), udp(7)."""
    with bound() as receiver, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        named = attempt(sender.getsockname)  # Windows refuses to name a socket that is not bound
        before = 0 if isinstance(named, Refused) else named[1]
        try:
            send(sender, b"who am I?", Endpoint.of(receiver.getsockname()))
            seen = receive(receiver).sender.port
        except OSError as error:
            return refusal(error)
        zero = attempt(send, sender, b"nobody", Endpoint("127.0.0.1", 0))
        return SourcePort(before, sender.getsockname()[1], seen, zero)


def _peer(sock: socket.socket) -> Endpoint | Refused:
    name = attempt(sock.getpeername)
    return name if isinstance(name, Refused) else Endpoint.of(name)
