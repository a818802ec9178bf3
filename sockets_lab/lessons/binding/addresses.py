"""The addresses that a lesson asks for: loopback, wildcard, this machine's own, another machine's."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from sockets_lab.lessons.binding.trials import BindTrial, try_bind
from sockets_lab.model import Endpoint


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
