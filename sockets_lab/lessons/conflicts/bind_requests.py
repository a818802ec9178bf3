"""A claim to a port, and a socket of this process that makes it, driven call by call."""

import base64
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.meanings import meaning
from sockets_lab.model import PROTOCOLS, TRANSPORTS, Endpoint

LISTENS = ("no", "before", "after")
BACKLOG = 4  # connections that may wait; the experiments never have more than two at a time
ACCEPT_WITHIN = 10.0  # seconds


@dataclass(frozen=True)
class BindRequest:
    """What one program asks for, all but the port number.

    Args:
        protocol: "tcp" or "udp".
        address: an address of the loopback, or a wildcard ("0.0.0.0", "::").
        reuse_address, reuse_port: set SO_REUSEADDR, SO_REUSEPORT before the bind.
        listens: "no"; "before" = at once after its own bind; "after" = when both sockets are bound.
        ipv6_only: for "::" only: set IPV6_V6ONLY, so that it does not claim the port in IPv4 too.
    Raises: BadInput.
    Source: socket(7), ipv6(7).
    """

    protocol: str = "tcp"
    address: str = "127.0.0.1"
    reuse_address: bool = False
    reuse_port: bool = False
    listens: str = "no"
    ipv6_only: bool = False

    def __post_init__(self) -> None:
        endpoint = Endpoint(self.address, 0)
        object.__setattr__(self, "address", endpoint.address)
        if self.protocol not in TRANSPORTS:
            raise BadInput(f"{self.protocol!r} is not a protocol with ports here: pass 'tcp' or 'udp'.")
        if self.listens not in LISTENS:
            raise BadInput(f"{self.listens!r} does not say when to listen: pass 'no', 'before' or 'after'.")
        if not endpoint.is_wildcard:
            guard.destination(endpoint)
        if self.ipv6_only and endpoint.family != socket.AF_INET6:
            raise BadInput(f"{self.address} is an IPv4 address: ipv6_only goes with an IPv6 address, such as '::'.")

    @property
    def options(self) -> tuple[str, ...]:
        """The names of the options that it sets."""
        named = {"SO_REUSEADDR": self.reuse_address, "SO_REUSEPORT": self.reuse_port, "IPV6_V6ONLY": self.ipv6_only}
        return tuple(name for name, wanted in named.items() if wanted)

    def __str__(self) -> str:
        return " ".join((f"{self.protocol} {self.address}", *self.options))


class Requester:
    """One socket on its way to a port. Each call answers None, or the port bound, or what the kernel refused."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._claim = BindRequest()
        self._socket: socket.socket | None = None

    def perform(self, calls: Sequence[str], claim: BindRequest, port: int) -> list[int | Refused | None]:
        """Make calls ("open", "bind", "listen") until one is refused. Returns: the answer to each that was made."""
        answers: list[int | Refused | None] = []
        known = {"open": lambda: self.open(claim), "bind": lambda: self.bind(port), "listen": self.listen}
        for call in calls:
            answers.append(known[call]())
            if isinstance(answers[-1], Refused):
                break
        return answers

    def open(self, claim: BindRequest) -> Refused | None:
        """Create the socket and set its options. Refused: EAFNOSUPPORT without IPv6, ENOPROTOOPT, ..."""
        self.close()
        endpoint = Endpoint(claim.address, 0)
        made = attempt(socket.socket, endpoint.family, PROTOCOLS[claim.protocol].type)
        if isinstance(made, Refused):
            return made
        self._claim, self._socket = claim, made
        wanted = [("SOL_SOCKET", name) for name in claim.options if name.startswith("SO_")]
        refusals = [self._set(level, name, 1) for level, name in wanted]
        if endpoint.family == socket.AF_INET6:  # its default differs: 0 on Linux (by a setting), 1 on Windows
            refusals.append(self._set("IPPROTO_IPV6", "IPV6_V6ONLY", int(claim.ipv6_only)))
        return next((refused for refused in refusals if refused), None)

    def bind(self, port: int) -> int | Refused:
        """Bind the claim's address and this port, 0-65535, 0 = the kernel chooses; answer the port."""
        refused = attempt(self.sock.bind, (self._claim.address, port))
        return refused if isinstance(refused, Refused) else self.sock.getsockname()[1]

    def listen(self) -> Refused | None:
        """Listen, with a short queue."""
        return attempt(self.sock.listen, BACKLOG)

    def adopt(self, shared: int | str) -> None:
        """Take over a socket that another process gave: its descriptor (POSIX), or what `socket.share` made."""
        self.close()
        if isinstance(shared, int):
            self._socket = socket.socket(fileno=shared)
        else:
            self._socket = socket.fromshare(base64.b64decode(shared))  # type: ignore[attr-defined]

    def accept(self) -> list | Refused:
        """Accept one connection within the deadline; answer its client's endpoint as [address, port]."""
        self.sock.settimeout(ACCEPT_WITHIN)
        taken = attempt(self.sock.accept)
        if isinstance(taken, Refused):
            return taken
        with taken[0]:
            return list(taken[1][:2])

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None

    @property
    def sock(self) -> socket.socket:
        if self._socket is None:
            raise BadInput("This claimant has no socket yet: call open first.")
        return self._socket

    def _set(self, level: str, name: str, value: int) -> Refused | None:
        number = getattr(socket, name, None)
        if number is None:  # Windows has no SO_REUSEPORT
            return Refused("ENOPROTOOPT", meaning("ENOPROTOOPT", "setsockopt"))
        return attempt(self.sock.setsockopt, getattr(socket, level), number, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
