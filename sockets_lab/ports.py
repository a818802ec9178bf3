"""Port numbers: three ranges, the text's table of services, a map of all 65,536 ports, and one port probed.

Names of services are in `services`, ports chosen by the kernel in `ephemeral`, bad numbers in `sixteen_bits`.
"""

import socket
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab import guard, machine, services, table
from sockets_lab.errors import Refused, attempt
from sockets_lab.model import MAX_PORT, Endpoint, FourTuple, SocketRow, checked_port
from sockets_lab.services import Service, checked_protocol

DEADLINES = {"tcp": 3.0, "udp": 0.3}  # seconds; a datagram that is swallowed is answered by nothing at all


@dataclass(frozen=True)
class PortRange:
    """One of the three ranges: its name, the other name in use, first and last port, who may have one of its ports."""

    name: str
    also: str
    low: int
    high: int
    assigned: str

    def __contains__(self, port: int) -> bool:
        return self.low <= port <= self.high

    def __len__(self) -> int:
        return self.high - self.low + 1

    def __str__(self) -> str:
        return f"{self.name} ports, {self.low}-{self.high}"


# Source: RFC 6335 section 6; on who assigns them: section 8.1.2
SYSTEM = PortRange("System", "well-known", 0, 1023, "assigned by IANA, after a review by the IETF")
USER = PortRange("User", "registered", 1024, 49151, "assigned by IANA to those who ask and are approved")
DYNAMIC = PortRange("Dynamic", "private or ephemeral", 49152, MAX_PORT, "assigned to nobody")
RANGES = (SYSTEM, USER, DYNAMIC)


def range_of(port: int | str) -> PortRange:
    """Name the range that a port, 0-65535, belongs to. Raises: BadInput. Source: RFC 6335 section 6."""
    number = checked_port(port)
    return next(each for each in RANGES if number in each)


@dataclass(frozen=True)
class TextRow:
    """One row of the text's table of ports: port, service in the course's words, its name in IANA's registry.

    `stands_in`: the range that the text prints above the row. `correction`: what else is wrong with the row, or "".
    """

    port: int
    service: str
    registered: str
    correction: str = ""
    stands_in: PortRange = SYSTEM


TEXT_TABLE = (
    TextRow(20, "files by FTP: the data", "ftp-data"),
    TextRow(21, "files by FTP: the commands", "ftp"),
    TextRow(22, "an encrypted shell on another machine", "ssh"),
    TextRow(23, "a remote login in plain text", "telnet"),
    TextRow(25, "mail on its way to a mailbox", "smtp"),
    TextRow(53, "names to addresses: UDP, and TCP only to copy a zone", "domain",
            "TCP must be supported for every query, not only for zone transfers (RFC 7766 section 5)"),
    TextRow(80, "web pages", "http"),
    TextRow(110, "mail fetched from the server, POP3", "pop3"),
    TextRow(119, "news groups", "nntp"),
    TextRow(123, "the time of day", "ntp"),
    TextRow(143, "mail read on the server, IMAP", "imap"),
    TextRow(161, "watching and steering network devices", "snmp"),
    TextRow(194, "chat rooms", "irc"),
    TextRow(443, "web pages over TLS, so over TCP", "https",
            "443 is assigned for UDP too: HTTP/3 runs over QUIC (IANA registry; RFC 9114)"),
    TextRow(3389, "another computer's desktop, RDP", "ms-wbt-server"),
)  # fmt: skip


def misplaced(rows: tuple[TextRow, ...] = TEXT_TABLE) -> list[TextRow]:
    """Find the rows whose port does not belong to the range that they stand in."""
    return [row for row in rows if row.port not in row.stands_in]


@dataclass(frozen=True)
class NameCheck:
    """One row of the text beside this machine's names for that port.

    `agrees`: the protocols for which this machine has the registered name, first name or alias, at this very port.
    """

    row: TextRow
    tcp: Service
    udp: Service
    agrees: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.row.port} {self.row.registered}: here {self.tcp} (tcp), {self.udp} (udp)"


def compare_names() -> list[NameCheck]:
    """Hold the text's table against this machine's list of services: one check a row, in the text's order."""
    return [
        NameCheck(
            row,
            services.service(row.port, "tcp"),
            services.service(row.port, "udp"),
            tuple(each for each in services.PROTOCOLS if services.port_of(row.registered, each) == row.port),
        )
        for row in TEXT_TABLE
    ]


def occupied(protocol: str = "tcp") -> dict[int, list[SocketRow]]:
    """Sort the rows of this machine's socket table by local port: one list a port, lowest port first."""
    rows: dict[int, list[SocketRow]] = {}
    for row in sorted(table.snapshot((checked_protocol(protocol),)), key=lambda row: row.local.port):
        rows.setdefault(row.local.port, []).append(row)
    return rows


# The bits of one byte of `PortMap.marks`; the lowest two hold the index of the port's range in RANGES.
RANGE, NAMED, OCCUPIED, WAITING, EPHEMERAL = 3, 4, 8, 16, 32
SIDE = 256  # a port's row and column in the picture are the two bytes of its header field


@dataclass(frozen=True)
class PortMap:
    """All 65,536 ports of one protocol, at one moment, over all addresses of this machine.

    `named` and `ephemeral` are None where this machine does not tell; `waiting` ports have a socket open to all comers
    (TCP: LISTEN; UDP: no peer fixed). `complete`: False where other users' sockets do not show.
    """

    protocol: str
    named: frozenset[int] | None
    occupied: frozenset[int]
    waiting: frozenset[int]
    ephemeral: tuple[int, int] | None
    complete: bool

    def marks(self) -> bytes:
        """Return one byte a port, 256 rows of 256: row = high byte of the port, column = low byte."""
        marks = bytearray().join(bytes([index]) * len(each) for index, each in enumerate(RANGES))
        low, high = self.ephemeral or (1, 0)
        for bit, ports in (
            (NAMED, self.named or ()), (OCCUPIED, self.occupied), (WAITING, self.waiting),
            (EPHEMERAL, range(low, high + 1)),
        ):  # fmt: skip
            for port in ports:
                marks[port] |= bit
        return bytes(marks)

    def __str__(self) -> str:
        named = "unknown" if self.named is None else str(len(self.named))
        given = "unknown" if self.ephemeral is None else "{}-{}".format(*self.ephemeral)
        lines = [f"{self.protocol}: ports with a service name {named}; ports that the kernel hands out {given}"]
        for each in RANGES:
            taken = sorted(port for port in self.occupied if port in each)
            shown = ", ".join(f"{port}*" if port in self.waiting else str(port) for port in taken[:20])
            more = f" and {len(taken) - 20} more" if len(taken) > 20 else ""
            lines.append(f"{each}: {len(taken)} of {len(each)} occupied" + (f": {shown}{more}" if taken else ""))
        told = "" if self.complete else "; other users' sockets do not show here"
        return "\n".join([*lines, f"* = waits for anybody's packets{told}"])


def port_map(protocol: str = "tcp") -> PortMap:
    """Draw up the map of all ports of one protocol, "tcp" or "udp", as they are now. Raises: BadInput."""
    rows = occupied(protocol)
    waiting = (port for port, held in rows.items() if any(row.state in ("LISTEN", "UNCONNECTED") for row in held))
    return PortMap(
        protocol,
        services.named_ports(protocol),
        frozenset(rows),
        frozenset(waiting),
        machine.ephemeral_range(),
        table.covers_machine(),
    )


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

    def __str__(self) -> str:
        return "\n".join([
            f"{self.protocol} {self.asked}: one of the {self.range}; service name: {self.service}",
            "held by: " + ("; ".join(dict.fromkeys(map(_holder, self.holders))) or "nobody"),
            f"bind: {self.bound}",
            f"connect: {self.outcome}, {self.reached}",
        ])  # fmt: skip


def _holder(row: SocketRow) -> str:
    if row.owners:
        return ", ".join(f"{row.state} {owner.program} (process {owner.pid})" for owner in row.owners)
    unseen = "a process that is not shown to you" if row.owners is None else "no process (any more, or yet)"
    return f"{row.state} {unseen}"


def probe(port: int | str, protocol: str = "tcp", address: str = "127.0.0.1") -> Probe:
    """Find out about one port: its range and service name, who holds it, then really bind it and connect to it.

    For UDP, "connect" sends one empty datagram and waits 0.3 seconds: silence may mean open.
    Args: port: 0-65535; protocol: "tcp" or "udp"; address: one of the loopback's.
    Raises: BadInput.
    Source: RFC 9293 section 3.10.7.1 (a reset answers for a closed port); RFC 1122 section 4.1.3.1 (UDP: ICMP does).
    """
    asked = guard.destination(Endpoint(address, checked_port(port)))
    holders = tuple(table.holders(asked, checked_protocol(protocol))) if asked.port else ()
    bound = attempt(_bind, asked, protocol)
    reached = attempt(_reach, asked, protocol)
    return Probe(asked, protocol, range_of(port), services.service(port, protocol), holders, bound, reached)


def _kind(protocol: str) -> socket.SocketKind:
    return socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM


def _bind(asked: Endpoint, protocol: str) -> Endpoint:
    with socket.socket(asked.family, _kind(protocol)) as sock:
        sock.bind(asked.sockaddr)
        return Endpoint.of(sock.getsockname())


def _reach(asked: Endpoint, protocol: str) -> FourTuple:
    """Connect from a port that is not the port asked for, or a free port could be "open": connected to itself."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(socket.socket(asked.family, _kind(protocol))) for _ in range(2))
        first.bind((asked.address, 0))
        second.bind((asked.address, 0))
        if first.getsockname()[1] == asked.port:
            first, second = second, first
        second.close()
        first.settimeout(DEADLINES[protocol])
        first.connect(asked.sockaddr)
        if protocol == "udp":  # connect only fixed the peer; the kernel tells of a closed port after a datagram
            first.send(b"")
            first.recv(1)
        return FourTuple(Endpoint.of(first.getsockname()), asked)
