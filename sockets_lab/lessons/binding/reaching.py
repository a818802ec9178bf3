"""The addresses that a socket can be bound to, and which of them a client must name to reach it: real knocks.

A socket bound to a wildcard address can be reached from outside while it lives. What strangers send is thrown away.
"""

import selectors
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

import psutil

from sockets_lab import guard
from sockets_lab.errors import Refused, refusal
from sockets_lab.lessons.binding.trials import DEADLINE, BindTrial, bound, try_bind
from sockets_lab.model import Endpoint

DESTINATIONS = ("127.0.0.1", "127.0.0.2", "::1")
NOT_TRIED = Refused("not tried", "this course sends nothing off the loopback")


@dataclass(frozen=True)
class Place:
    """An address to bind to, and what kind it is on this machine. v6only: IPV6_V6ONLY; None = the system's default."""

    address: str
    kind: str
    v6only: bool | None = None


PLACES = (
    Place("127.0.0.1", "loopback"),
    Place("127.0.0.2", "another loopback address"),
    Place("0.0.0.0", "wildcard: all of IPv4"),
    Place("::1", "IPv6 loopback"),
    Place("::", "wildcard: all of IPv6", v6only=True),
    Place("::", "wildcard, dual stack: both", v6only=False),
)
MOST_OWN = 4  # a machine with containers may have dozens
# Set aside for documents, so that no machine should have them. Source: RFC 5737 section 3, RFC 3849 section 2.
DOCUMENTATION = ("203.0.113.77", "198.51.100.77", "192.0.2.77", "2001:db8::77")


def places(with_own: bool = True) -> tuple[Place, ...]:
    """List what can be asked for: PLACES, this machine's own addresses (at most four), and two of another machine.

    Whether the kernel grants each is for `try_bind` to find out. Args: with_own: False leaves out this machine's own.
    """
    own = own_addresses()
    remote = [address for address in DOCUMENTATION if address not in own]
    return (
        *PLACES,
        *(Place(address, "an address of this machine") for address in own[: MOST_OWN * with_own]),
        *(Place(address, "an address of another machine") for address in (remote[0], remote[-1])),
    )


def try_places(tried: Iterable[Place], protocol: str = "tcp") -> tuple[tuple[Place, BindTrial], ...]:
    """Bind one new socket to each place, on a port that the kernel chooses: each place with its trial."""
    return tuple((place, try_bind(Endpoint(place.address, 0), protocol, place.v6only)) for place in tried)


def own_addresses() -> tuple[str, ...]:
    """List the addresses under which others may reach this machine, and which can be bound here: perhaps none."""
    found = [entry.address for entries in psutil.net_if_addrs().values() for entry in entries
             if entry.family in (socket.AF_INET, socket.AF_INET6) and "%" not in entry.address]  # fmt: skip
    beyond = [address for address in dict.fromkeys(found) if not address.startswith("127.") and address != "::1"]
    return tuple(address for address in beyond if try_bind(Endpoint(address, 0)).refused is None)


@dataclass(frozen=True)
class Reach:
    """One fresh client that knocked at `destination`, and whether the socket bound to `bound` heard it.

    client: the client's own name. seen_as: that name as the bound socket was told it; None = not reached. refused: what
    the client was told then; None, where some other socket answered.
    """

    bound: Endpoint
    destination: Endpoint
    client: Endpoint | None = None
    seen_as: Endpoint | None = None
    refused: Refused | None = None

    @property
    def reached(self) -> bool:
        return self.seen_as is not None

    @property
    def mapped(self) -> bool:
        """Whether an IPv6 socket was told the client's IPv4 address, as ::ffff:1.2.3.4."""
        return self.seen_as is not None and self.seen_as != self.seen_as.unmapped


@dataclass(frozen=True)
class Audience:
    """Who can reach a socket bound to one place: one Reach a destination; () where the bind was refused."""

    place: Place
    trial: BindTrial
    reaches: tuple[Reach, ...]


def reach(sock: socket.socket, address: str, seconds: float = DEADLINE) -> Reach:
    """Knock from a fresh client at a bound socket's port, on one loopback address, and see whether the socket hears it.

    Args: sock: bound; TCP must listen. It takes and drops what waits there until our client is found.
        seconds: deadline for the answer, and again for the arrival.
    Refused: ECONNREFUSED (nobody there), DEADLINE, and what else connect(2) may meet.
    """
    name = Endpoint.of(sock.getsockname())
    result = Reach(name, guard.destination(Endpoint(address, name.port)))
    waited = sock.gettimeout()
    try:
        with socket.socket(result.destination.family, sock.type) as client:
            client.settimeout(seconds)
            client.connect(result.destination.sockaddr)
            result = replace(result, client=Endpoint.of(client.getsockname()))
            if sock.type == socket.SOCK_DGRAM:
                client.send(b"knock")
            sock.settimeout(seconds)
            return replace(result, seen_as=_heard(sock, client, time.monotonic() + seconds))
    except OSError as error:
        return replace(result, refused=refusal(error))
    finally:
        sock.settimeout(waited)


def _heard(sock: socket.socket, client: socket.socket, deadline: float) -> Endpoint | None:
    """Wait for our client at the bound socket: the name it has there, or None where another socket answered it.

    There may be others: a socket on 127.0.0.1 and a stranger's on 127.0.0.2 can have the same port number.
    """
    own_name = Endpoint.of(client.getsockname())
    with selectors.DefaultSelector() as watch:
        watch.register(sock, selectors.EVENT_READ)
        watch.register(client, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            ready = [key.fileobj for key, _ in watch.select(left)]
            if sock in ready:
                peer = _next_peer(sock)
                if peer.unmapped == own_name:
                    return peer
            elif client in ready:
                client.recv(1)  # raises ECONNREFUSED where nobody is; anything else is another socket's answer
                return None
    raise TimeoutError


def _next_peer(sock: socket.socket) -> Endpoint:
    if sock.type == socket.SOCK_DGRAM:
        return Endpoint.of(sock.recvfrom(65535)[1])
    connection, peer = sock.accept()
    connection.close()
    return Endpoint.of(peer)


def audience(
    place: Place, protocol: str = "tcp", destinations: Iterable[str] = DESTINATIONS, seconds: float = DEADLINE
) -> Audience:
    """Bind a socket to a place, knock at its port on each destination, and report which knocks came to it."""
    tried = [guard.destination(Endpoint(destination, 0)).address for destination in destinations]
    with bound(Endpoint(place.address, 0), protocol, place.v6only, listening=True) as (sock, trial):
        return Audience(place, trial, () if sock is None else tuple(reach(sock, each, seconds) for each in tried))


def reachability(
    protocol: str = "tcp", places: Iterable[Place] = PLACES, destinations: Iterable[str] = DESTINATIONS
) -> tuple[Audience, ...]:
    """Measure which destination reaches a socket bound to which place: one Audience a place.

    Only destinations that this machine has are tried: where it has no 127.0.0.2, a knock there would get no answer.
    """
    here = [address for address in destinations if try_bind(Endpoint(address, 0)).refused is None]
    return tuple(audience(place, protocol, here) for place in places)
