"""A client that wants to reach a port, and how that ends, as a value. It runs in the node's process, in its network."""

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import Refused, refusal
from sockets_lab.headers import TCP, UDP, ICMPv4, Packet
from sockets_lab.kernel.connecting import closed_on_failure, start_connect
from sockets_lab.lab.firewall.rules import ANSWERS, UNREACHABLE
from sockets_lab.model import PROTOCOLS, Endpoint, FourTuple

IP_RECVERR = 11  # Linux: tell a UDP socket of every ICMP error, not only of "port unreachable". Source: ip(7)
_kept: list[socket.socket] = []  # in the node's process
MOST = 4096  # bytes that are read of what a server says
OUTCOMES = {
    "ECONNREFUSED": "refused", "ECONNRESET": "refused", "DEADLINE": "silence", "ETIMEDOUT": "silence",
    "EHOSTUNREACH": "unreachable", "ENETUNREACH": "unreachable", "EPERM": "forbidden", "EACCES": "forbidden",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """How a client's question ended.

    outcome: "connected" (UDP: "answered"), "refused", "unreachable", "silence" until the deadline, "forbidden": this
        node's kernel did not even send it; "impossible" for whatever else. refused: what the kernel told, or None.
    four_tuple: of the client; said: the server's first bytes; seconds: until the outcome was known.
    sent, came: the packets of this question on the client's cable, each way; None where there is no cable.
    by: what let it pass or not: "kernel", or "simulated", a firewall that only the course's clients ask.
    """

    outcome: str
    four_tuple: FourTuple
    refused: Refused | None
    said: bytes
    seconds: float
    sent: tuple[Packet, ...] | None = None
    came: tuple[Packet, ...] | None = None
    by: str = "kernel"

    @property
    def told(self) -> str:
        """Name the first packet that came back: "SYN, ACK", "RST, ACK", "ICMP host-unreachable", "datagram"; or ""."""
        return word(self.came[0]) if self.came else ""

    def __str__(self) -> str:
        return f"{self.four_tuple}: {self.outcome}" + (f" ({self.told})" if self.told else "")


def word(packet: Packet) -> str:
    """Name a packet by what it says."""
    if tcp := packet.find(TCP):
        return ", ".join(sorted(tcp.flags, key="ACK".__eq__))  # as it is usually said: SYN, ACK
    if icmp := packet.find(ICMPv4):
        codes = dict(ANSWERS.values()) if icmp.type == UNREACHABLE else {}
        return f"ICMP {codes.get(icmp.code) or f'type {icmp.type}, code {icmp.code}'}"
    return "datagram" if packet.find(UDP) else "other"


def reach_from(address: str, source_port: int, server: Endpoint, protocol: str, deadline: float, say: bytes,
               hear: float) -> Answer | Refused:  # fmt: skip
    """Make a client's socket in this process, and reach; Refused, where it cannot have its address or port."""
    try:
        sock = bound(address, source_port, protocol)
    except OSError as error:
        return refusal(error)
    with sock:
        return reach(sock, server, protocol, deadline, say, hear)


def reach_and_keep(address: str, server: Endpoint, deadline: float) -> Answer | Refused:
    """Make a client's socket, connect it, and keep it open until `let_go`."""
    try:
        sock = bound(address, 0, "tcp")
    except OSError as error:
        return refusal(error)
    _kept.append(sock)
    return reach(sock, server, "tcp", deadline, b"", 0)


def let_go() -> None:
    """Close what was kept."""
    while _kept:
        _kept.pop().close()


def bound(address: str, source_port: int, protocol: str, make: Callable[..., socket.socket] = socket.socket
          ) -> socket.socket:  # fmt: skip
    """Return a client's socket that has its address already. Args: make: makes it. Raises: OSError."""
    with closed_on_failure(make(socket.AF_INET, PROTOCOLS[protocol].type)) as sock:
        if source_port:  # it may be in TIME_WAIT, from the question before
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, source_port))
        return sock


def reach(sock: socket.socket, server: Endpoint, protocol: str, deadline: float, say: bytes, hear: float) -> Answer:
    """Try to reach a server with a bound socket.

    Args: deadline: seconds until silence counts as silence; say: what the client sends, over UDP always one datagram;
        hear: seconds to wait for the server's first bytes after TCP has connected.
    """
    guard.destination(server)
    name = FourTuple(Endpoint.of(sock.getsockname()), server)
    begin = time.monotonic()
    said = b""
    refused = None
    try:
        if protocol == "tcp":
            if not start_connect(sock, server, deadline):
                raise TimeoutError
            seconds = time.monotonic() - begin
            said = _exchange(sock, say, hear)
        else:
            said = _ask_datagram(sock, server, deadline, say)
            seconds = time.monotonic() - begin
        outcome = "connected" if protocol == "tcp" else "answered"
    except OSError as error:
        seconds = time.monotonic() - begin
        refused = refusal(error)
        outcome = OUTCOMES.get(refused.name, "impossible")
    return Answer(outcome, name, refused, said, seconds)


def _exchange(sock: socket.socket, say: bytes, hear: float) -> bytes:
    """Say something over a connection, and hear the first bytes of the other end; b"" where none come."""
    with contextlib.suppress(OSError):  # it connected; what comes later is another story
        if say:
            sock.send(say)
        if hear:
            sock.settimeout(hear)
            return sock.recv(MOST)
    return b""


def _ask_datagram(sock: socket.socket, server: Endpoint, deadline: float, say: bytes) -> bytes:
    with contextlib.suppress(OSError):  # elsewhere this number is IP_MULTICAST_LOOP, which is on anyway
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    sock.settimeout(deadline)
    sock.connect(server.sockaddr)
    sock.send(say)
    return sock.recv(MOST)
