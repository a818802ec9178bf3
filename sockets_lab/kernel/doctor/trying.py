"""Try a port: bind it in each way and let go, and connect to it as a client. Nothing listens, no byte is sent."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel.connecting import start_connect
from sockets_lab.kernel.doctor.question import Question
from sockets_lab.model import PROTOCOLS, Endpoint

WAYS = (("127.0.0.1", False), ("0.0.0.0", False), ("::1", False), ("::", False), ("::", True))  # address, IPv6 only
OPTIONS = tuple(name for name in ("", "SO_REUSEADDR", "SO_REUSEPORT") if not name or hasattr(socket, name))
ABSENT = ("EADDRNOTAVAIL", "EAFNOSUPPORT")  # this machine does not have the address, or no IPv6


@dataclass(frozen=True)
class Bind:
    """One bind that was tried. refused: None = it was granted; option: "" = none."""

    endpoint: Endpoint
    ipv6_only: bool
    option: str
    refused: Refused | None

    @property
    def way(self) -> str:
        both = " (IPv6 only)" if self.ipv6_only else " (and IPv4)" if self.endpoint.address == "::" else ""
        return f"{self.endpoint.address}{both}"


def binds(asked: Question) -> tuple[Bind, ...]:
    """Bind the port in each way; leave out IPv6 where this machine does not have it.

    A way that is granted without an option is granted with one, too. That is not tried: after a bind with SO_REUSEPORT
    beside another program's socket, Linux would let later ones pass without a look at that socket. UDP is tried without
    options only: a UDP socket receives as soon as it is bound, and a datagram for the other program could come here.
    """
    found = []
    for address, ipv6_only in WAYS if asked.address is None else ((asked.address, False),):
        for option in OPTIONS:
            tried = Bind(Endpoint(address, asked.port), ipv6_only, option, _bind(asked, address, ipv6_only, option))
            if asked.address is None and tried.refused and tried.refused.name in ABSENT:
                break
            found.append(tried)
            if asked.protocol == "udp" or (not option and not tried.refused):
                break
    return tuple(found)


def _bind(asked: Question, address: str, ipv6_only: bool, option: str) -> Refused | None:
    endpoint = Endpoint(address, asked.port)

    def bind() -> None:
        with socket.socket(endpoint.family, PROTOCOLS[asked.protocol].type) as sock:
            if address == "::":
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, ipv6_only)
            if option:
                sock.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
            sock.bind(endpoint.sockaddr)

    answer: Refused | None = attempt(bind)
    return answer


@dataclass(frozen=True)
class Visit:
    """What a client met. outcome: "answered", "no answer", or the errno's name; seconds: how long it took."""

    endpoint: Endpoint
    outcome: str
    seconds: float


def visits(asked: Question) -> Iterator[Visit]:
    """Connect over loopback, to the address that was asked about, else over IPv4 and IPv6; none to another address.

    A UDP socket answers only what it is sent, and nothing is sent here.
    """
    addresses = {None: ("127.0.0.1", "::1"), "0.0.0.0": ("127.0.0.1",), "::": ("::1",)}.get(asked.address)
    for address in (addresses or (asked.address or "",)) if asked.protocol == "tcp" else ():
        try:
            endpoint = guard.destination(Endpoint(address, asked.port))
        except BadInput:
            continue
        begin = time.perf_counter()
        answer = attempt(_visit, endpoint)
        seconds = time.perf_counter() - begin
        if isinstance(answer, Refused) and answer.name in ABSENT:
            continue
        outcome = answer.name if isinstance(answer, Refused) else "answered" if answer else "no answer"
        yield Visit(endpoint, outcome, seconds)


def _visit(endpoint: Endpoint) -> bool:
    """Connect and close in order: the server reads the end of the input, and no reset.

    Who connects from the very port connects to itself. The kernel may choose it where no program listens there, so the
    source is bound before; a socket that got this port keeps it until the next one has another.
    """
    with socket.socket(endpoint.family) as sock:
        sock.bind((endpoint.address, 0))
        if sock.getsockname()[1] == endpoint.port:
            return _visit(endpoint)
        connected = start_connect(sock, endpoint)
        with suppress(OSError):  # it was not answered, or the server has closed already
            sock.shutdown(socket.SHUT_WR)
            sock.recv(4096)  # a greeting; if it is left unread, the close is a reset
        return connected
