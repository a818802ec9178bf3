"""Ephemeral ports: the ones that the kernel chooses, measured from what it hands out.

The range that the system says it uses is only compared with them. Everything stays on the loopback.
"""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import machine
from sockets_lab.kernel.connecting import reset_on_close
from sockets_lab.lessons.ports.services import checked_protocol
from sockets_lab.model import MAX_PORT, PROTOCOLS, TRANSPORTS, Endpoint, whole_number

WAYS = ("bind", "connect")
MOST = 20_000
DEADLINE = 5.0  # seconds, for a connection on the loopback
# The text says twice which ports are ephemeral, and the two do not agree.
TEXT_EPHEMERAL = {"every port from 1024 up": (1024, MAX_PORT), "only the last range": (49152, MAX_PORT)}


@dataclass(frozen=True)
class Handout:
    """The ports that the kernel handed out, in their order, for one protocol and one way of asking.

    `way`: "bind" (bind to port 0) or "connect" (connect without bind). `refused`: what ended it early, or None.
    """

    protocol: str
    way: str
    ports: tuple[int, ...]
    refused: Refused | None = None

    @property
    def lowest(self) -> int | None:
        return min(self.ports, default=None)

    @property
    def highest(self) -> int | None:
        return max(self.ports, default=None)

    @property
    def distinct(self) -> int:
        return len(set(self.ports))

    @property
    def odd(self) -> int:
        """How many were odd. Some kernels part even and odd between connect and bind; no rule says that they must."""
        return sum(port % 2 for port in self.ports)

    def __str__(self) -> str:
        told = f"{self.protocol} {self.way}: {len(self.ports)} ports"
        if self.ports:
            told += f", {self.distinct} distinct, {self.odd} odd, from {self.lowest} to {self.highest}"
        return told + (f"; then {self.refused}" if self.refused else "")


@dataclass(frozen=True)
class Measured:
    """What came out of the kernel (`handouts`), and the range that the system says it uses (None: it does not say)."""

    handouts: tuple[Handout, ...]
    system: tuple[int, int] | None

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(port for handout in self.handouts for port in handout.ports)

    def inside(self, low: int, high: int) -> str:
        """Say how many of the ports handed out lie from low to high: "all", "some" or "none"."""
        count = sum(low <= port <= high for port in self.ports)
        return "none" if count == 0 else "all" if count == len(self.ports) else "some"

    def __str__(self) -> str:
        claims = {f"the text, {name}": claim for name, claim in TEXT_EPHEMERAL.items()}
        if self.system:
            claims = {"the system": self.system, **claims}
        lines = [f"{who}: {low}-{high}, {self.inside(low, high)} inside" for who, (low, high) in claims.items()]
        return "\n".join([*map(str, self.handouts), *lines])


def hand_out(protocol: str = "tcp", way: str = "bind", count: int = 500, address: str = "127.0.0.1") -> Handout:
    """Let the kernel choose `count` ports, one after the other; each is given back before the next is asked for.

    Args: protocol: "tcp" or "udp"; way: "bind" or "connect"; count: 1-20000; address: one of the loopback's.
    Returns: the ports in the order handed out. A refusal (EADDRNOTAVAIL, EMFILE) ends it and is part of the result.
    Raises: BadInput.
    Source: ip(7), ip_local_port_range; RFC 6056 on how such ports are chosen.
    """
    checked_protocol(protocol)
    if way not in WAYS:
        raise BadInput(f"{way!r} is no way to ask for a port: pass 'bind' or 'connect'.")
    whole_number(count, 1, MOST, "a number of ports")
    home = guard.destination(Endpoint(address, 0))
    ports: list[int] = []
    with ExitStack() as stack:
        ask = attempt(_asker, protocol, way, home, stack)
        if isinstance(ask, Refused):
            return Handout(protocol, way, (), ask)
        for _ in range(count):
            port = attempt(ask)
            if isinstance(port, Refused):
                return Handout(protocol, way, tuple(ports), port)
            ports.append(port)
    return Handout(protocol, way, tuple(ports))


def measure_ephemeral(count: int = 500, address: str = "127.0.0.1") -> Measured:
    """Measure the ephemeral range: `count` ports for each protocol and each way, beside what the system says.

    Returns: four handouts: tcp bind, tcp connect, udp bind, udp connect.
    Raises: BadInput, as `hand_out`.
    """
    handouts = tuple(hand_out(protocol, way, count, address) for protocol in TRANSPORTS for way in WAYS)
    return Measured(handouts, machine.ephemeral_range())


def _asker(protocol: str, way: str, home: Endpoint, stack: ExitStack) -> Callable[[], int]:
    """Make the function that asks for one port; the socket that it connects to lives as long as the stack."""
    kind = PROTOCOLS[protocol].type

    def by_bind() -> int:
        with socket.socket(home.family, kind) as sock:
            sock.bind(home.sockaddr)
            return sock.getsockname()[1]

    if way == "bind":
        return by_bind
    target = stack.enter_context(socket.socket(home.family, kind))
    target.settimeout(DEADLINE)
    target.bind(home.sockaddr)
    if protocol == "tcp":
        target.listen()

    def by_connect() -> int:
        with socket.socket(home.family, kind) as sock:
            sock.settimeout(DEADLINE)
            sock.connect(target.getsockname())  # for UDP this only fixes the peer and sends nothing: udp(7)
            if protocol == "tcp":
                target.accept()[0].close()
                reset_on_close(sock)  # its port is free at once
            return sock.getsockname()[1]

    return by_connect
