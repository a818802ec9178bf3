"""One port probed: its range, name and holders, then a real bind and a real connect on the loopback."""

import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.lessons.ports.services import PortRange, Service, checked_protocol, range_of, service
from sockets_lab.model import PROTOCOLS, Endpoint, FourTuple, SocketRow, checked_port

DEADLINES = {"tcp": 3.0, "udp": 0.3}  # seconds; a datagram that is swallowed is answered by nothing at all


@dataclass(frozen=True)
class Probe:
    """What is known of one port, and what this kernel did with it.

    `holders`: the rows that hold it here, with owners. `bound`: the name that `bind` gave, or its refusal.
    `reached`: the connection that `connect` made (UDP: the pair whose datagram was answered), or the refusal.
    """

    asked: Endpoint
    protocol: str
    range: PortRange
    service: Service
    holders: tuple[SocketRow, ...]
    bound: Endpoint | Refused
    reached: FourTuple | Refused

    @property
    def outcome(self) -> str:
        """Sum up `reached`: "open", "refused", "silent" (no answer before the deadline) or "impossible"."""
        if isinstance(self.reached, FourTuple):
            return "open"
        words = {"ECONNREFUSED": "refused", "ECONNRESET": "refused", "DEADLINE": "silent", "ETIMEDOUT": "silent"}
        return words.get(self.reached.name, "impossible")

    @property
    def held_by(self) -> str:
        """Name who holds the port: state, program and process of each holder; "nobody" where no row holds it."""
        return "; ".join(dict.fromkeys(map(_holder, self.holders))) or "nobody"

    def __str__(self) -> str:
        return "\n".join([
            f"{self.protocol} {self.asked}: one of the {self.range}; service name: {self.service}",
            f"held by: {self.held_by}",
            f"bind: {self.bound}",
            f"connect: {self.outcome}, {self.reached}",
        ])  # fmt: skip


def _holder(row: SocketRow) -> str:
    if row.owners:
        return ", ".join(f"{row.state} {owner.program} (process {owner.pid})" for owner in row.owners)
    unseen = "a process that is not shown to you" if row.owners is None else "no process (any more, or yet)"
    return f"{row.state} {unseen}"


def probe(
    port: int | str, protocol: str = "tcp", address: str = "127.0.0.1", deadline: float | None = None,
    among: Iterable[int] | None = None,
) -> Probe:  # fmt: skip
    """Find out about one port: its range and service name, who holds it, then really bind it and connect to it.

    For UDP, "connect" sends one empty datagram and waits for an answer: silence may mean open.
    Args:
        port: 0-65535.
        protocol: "tcp" or "udp".
        address: one of the loopback's.
        deadline: seconds to wait for an answer, 0.01-60; None = 3 for TCP, 0.3 for UDP.
        among: the ids of processes that are known to hold it, as for `table.holders`; None = look into all.
    Raises: BadInput.
    Source: RFC 9293 section 3.10.7.1 (a reset answers for a closed port); RFC 1122 section 4.1.3.1 (UDP: ICMP does).
    """
    asked = guard.destination(Endpoint(address, checked_port(port)))
    seconds = DEADLINES[checked_protocol(protocol)] if deadline is None else deadline
    if not 0.01 <= seconds <= 60:
        raise BadInput(f"{deadline!r} is no deadline: pass seconds from 0.01 to 60.")
    holders = tuple(table.holders(asked, protocol, among)) if asked.port else ()
    bound = attempt(_bind, asked, protocol)
    reached = attempt(_reach, asked, protocol, seconds)
    return Probe(asked, protocol, range_of(port), service(port, protocol), holders, bound, reached)


def _bind(asked: Endpoint, protocol: str) -> Endpoint:
    with socket.socket(asked.family, PROTOCOLS[protocol].type) as sock:
        sock.bind(asked.sockaddr)
        return Endpoint.of(sock.getsockname())


def _reach(asked: Endpoint, protocol: str, deadline: float) -> FourTuple:
    """Connect from a port that is not the port asked for, or a free port could be "open": connected to itself."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(socket.socket(asked.family, PROTOCOLS[protocol].type)) for _ in range(2))
        first.bind((asked.address, 0))
        second.bind((asked.address, 0))
        if first.getsockname()[1] == asked.port:
            first, second = second, first
        second.close()
        first.settimeout(deadline)
        first.connect(asked.sockaddr)
        if protocol == "udp":  # connect only fixed the peer; the kernel tells of a closed port after a datagram
            first.send(b"")
            first.recv(1)
        return FourTuple(Endpoint.of(first.getsockname()), asked)
