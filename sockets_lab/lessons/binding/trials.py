"""Bind trials: a socket gets its name, a socket address. What the kernel grants, what it refuses, what it chooses.

A bind sends nothing, so any address may be tried. Whatever connects or sends passes the guard first.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.kernel import machine, table
from sockets_lab.model import PROTOCOLS, TRANSPORTS, Endpoint, SocketRow

ANY_PORT = Endpoint("127.0.0.1", 0)
DEADLINE = 3.0  # seconds; Linux answers in microseconds, Windows takes two seconds to say that nobody listens


@dataclass(frozen=True)
class Names:
    """Both names of one socket (`who`) at one moment (`after` which call): its local and its remote endpoint."""

    who: str
    after: str
    local: Endpoint | Refused
    remote: Endpoint | Refused


@dataclass(frozen=True)
class BindTrial:
    """One attempt to bind: what was asked, the names after each call, and the answer.

    names: after "socket", "bind" and so on; () where there was no socket to ask. call, refused: the last call made, and
    what it was told; None = granted. v6only: IPV6_V6ONLY as it was in force; None for IPv4. row: the socket's row in
    the kernel's table; None where it was refused, or where the system does not show it.
    """

    protocol: str
    asked: Endpoint
    v6only: bool | None = None
    names: tuple[Names, ...] = ()
    call: str = ""
    refused: Refused | None = None
    row: SocketRow | None = None

    @property
    def name(self) -> Endpoint | None:
        """The socket's name in the end, with the port that the kernel chose where 0 was asked. None = unbound."""
        local = self.names[-1].local if self.names else None
        return local if isinstance(local, Endpoint) and local.port else None


@dataclass(frozen=True)
class LowPort:
    """The lowest port that this user may bind, and trials below it, on a specific and on the wildcard address."""

    lowest: int
    specific: BindTrial
    wildcard: BindTrial

    @property
    def everything(self) -> bool:
        """True where this user may bind every port: the trials below 1024 were granted."""
        return self.specific.refused is None and self.wildcard.refused is None


def names(sock: socket.socket, who: str, after: str) -> Names:
    """Ask the kernel for both names of a socket. Refused: ENOTCONN. Source: getsockname(2), getpeername(2)."""
    return Names(who, after, attempt(_endpoint, sock.getsockname), attempt(_endpoint, sock.getpeername))


def _endpoint(ask: Callable[[], tuple]) -> Endpoint:
    return Endpoint.of(ask())


@contextmanager
def bound(
    asked: Endpoint = ANY_PORT, protocol: str = "tcp", v6only: bool | None = None, listening: bool = False
) -> Iterator[tuple[socket.socket | None, BindTrial]]:
    """Bind a new socket, and keep it for as long as the `with` lasts.

    Args: asked: any address; port 0 = the kernel chooses. protocol: "tcp" or "udp". v6only: set IPV6_V6ONLY first
        (IPv6 only; None = the system's default). listening: also listen, so that clients can connect (TCP only); on a
        wildcard address it can then be reached from outside too.
    Yields: the socket, or None where it was refused; and the trial.
    Refused: EADDRNOTAVAIL (no address of this machine), EADDRINUSE, EACCES (privileged port), EAFNOSUPPORT.
    Source: bind(2), ip(7), ipv6(7).
    """
    if protocol not in TRANSPORTS:
        raise BadInput(f"{protocol!r} is no protocol that has ports here: pass 'tcp' or 'udp'.")
    sockaddr, steps, call = resolved(asked), [], "socket"
    sock = refused = in_force = None
    with ExitStack() as stack:
        try:
            sock = stack.enter_context(socket.socket(asked.family, PROTOCOLS[protocol].type))
            steps.append(names(sock, "socket", call))
            if asked.family == socket.AF_INET6:
                call = "setsockopt"
                if v6only is not None:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
                in_force = bool(sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))
            call = "bind"
            sock.bind(sockaddr)
            if listening and protocol == "tcp":
                steps.append(names(sock, "socket", call))
                call = "listen"
                sock.listen()
        except OSError as error:
            refused = refusal(error)
        if sock is not None:
            steps.append(names(sock, "socket", call))
        row = None if sock is None or refused else _row(sock)
        yield None if refused else sock, BindTrial(protocol, asked, in_force, tuple(steps), call, refused, row)


def _row(sock: socket.socket) -> SocketRow | None:
    row = attempt(table.row_of, sock)
    return None if isinstance(row, Refused) else row  # no descriptor left to ask the kernel with


def call_again(sock: socket.socket, trial: BindTrial, call: str, make: Callable[[], object]) -> BindTrial:
    """Make one more call on a bound socket: its trial, with names, answer and row as they are then."""
    answer = attempt(make)
    refused = answer if isinstance(answer, Refused) else None
    steps = (*trial.names, names(sock, "socket", call))
    return replace(trial, names=steps, call=call, refused=refused, row=_row(sock))


def resolved(endpoint: Endpoint) -> tuple:
    """Spell an endpoint as the kernel takes it, with the zone of a link-local address; no name is ever looked up."""
    try:
        found = socket.getaddrinfo(endpoint.address, endpoint.port, endpoint.family, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        raise BadInput(f"{endpoint.address} is no address here: after % must stand one of its interfaces.") from None
    return found[0][4]


def try_bind(
    asked: Endpoint = ANY_PORT, protocol: str = "tcp", v6only: bool | None = None, listening: bool = False
) -> BindTrial:
    """Bind a new socket, report what came of it, and close it. Args and refusals: as `bound`."""
    with bound(asked, protocol, v6only, listening) as (_, trial):
        return trial


def low_port(protocol: str = "tcp") -> LowPort:
    """Try the highest port that needs privilege: one below `machine.lowest_port()`.

    Where this user may bind every port, the highest free one under 1024 is bound instead, to show that it can be.
    Refused: EACCES. Source: ip(7), and ip_unprivileged_port_start in the kernel's document ip-sysctl.
    """
    lowest = machine.lowest_port()

    def trial(address: str) -> BindTrial:
        for port in range(lowest - 1 if lowest > 1 else 1023, 0, -1):
            last = try_bind(Endpoint(address, port), protocol)
            if last.refused is None or last.refused.name != "EADDRINUSE":
                break
        return last

    return LowPort(lowest, trial("127.0.0.1"), trial("0.0.0.0"))
