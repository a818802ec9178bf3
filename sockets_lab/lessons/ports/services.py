"""What a port number stands for by convention: its range, its service name here, and the text's table of ports.

A name is kept in a file, and is no proof of what answers there.
Slim containers have no such list; then every answer is "unknown", and nothing fails.
"""

import os
import re
import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.model import MAX_PORT, TRANSPORTS, checked_port

WELL_KNOWN = (80, 22, 25, 53, 443)  # where a machine has any names at all, it has one of these
FILES = (Path("/etc/services"), Path(os.environ.get("SYSTEMROOT", "/"), "System32/drivers/etc/services"))
ENTRY = re.compile(r"\s*[^\s#]+\s+(\d+)/(\w+)")  # name, port/protocol, aliases, comment: services(5)


@dataclass(frozen=True)
class PortRange:
    """One of the three ranges: its name, first and last port, who may have one of its ports."""

    name: str
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
SYSTEM = PortRange("System", 0, 1023, "assigned by IANA, after a review by the IETF")
USER = PortRange("User", 1024, 49151, "assigned by IANA to those who ask and are approved")
DYNAMIC = PortRange("Dynamic", 49152, MAX_PORT, "assigned to nobody")
RANGES = (SYSTEM, USER, DYNAMIC)


def range_of(port: int | str) -> PortRange:
    """Name the range that a port, 0-65535, belongs to. Raises: BadInput. Source: RFC 6335 section 6."""
    number = checked_port(port)
    return next(each for each in RANGES if number in each)


@dataclass(frozen=True)
class Service:
    """What this machine calls a port: `name` is None where it has none, `known` False where it has no list at all."""

    port: int
    protocol: str
    name: str | None
    known: bool

    def __str__(self) -> str:
        return self.name or ("no name" if self.known else "unknown")


def checked_protocol(protocol: str) -> str:
    """Return "tcp" or "udp". Raises: BadInput, for anything else."""
    if protocol not in TRANSPORTS:
        raise BadInput(f"{protocol!r} has no ports here: pass 'tcp' or 'udp'.")
    return protocol


def service(port: int | str, protocol: str = "tcp") -> Service:
    """Ask this machine for the service name of a port.

    Args: port: 0-65535; protocol: "tcp" or "udp". Raises: BadInput. Source: getservbyport(3), services(5).
    """
    number = checked_port(port)
    name = attempt(socket.getservbyport, number, checked_protocol(protocol))
    if isinstance(name, Refused):
        return Service(number, protocol, None, names_known())
    return Service(number, protocol, name, True)


def names_known() -> bool:
    """Tell whether this machine can name services at all, by asking for some that every list has."""
    asked = (attempt(socket.getservbyport, port, protocol) for port in WELL_KNOWN for protocol in TRANSPORTS)
    return any(not isinstance(answer, Refused) for answer in asked)


def named_ports(protocol: str = "tcp") -> frozenset[int] | None:
    """Collect all ports that have a service name here; None = unknown.

    Reads the list itself: `getservbyport` reads it once per call, which for 65,536 ports takes seconds to minutes.
    Raises: BadInput. Source: services(5).
    """
    checked_protocol(protocol)
    text = next((text for text in map(_read, FILES) if text), None)
    if text is None or not names_known():
        return None
    return _named(text, protocol)


@lru_cache(maxsize=2 * len(TRANSPORTS))  # a panel asks again at every click
def _named(text: str, protocol: str) -> frozenset[int]:
    entries = (ENTRY.match(line) for line in text.splitlines())
    ports = {int(entry[1]) for entry in entries if entry and entry[2] == protocol}
    return frozenset(port for port in ports if port <= MAX_PORT)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@dataclass(frozen=True)
class TextRow:
    """One row of the text's table of ports: port, and service in the course's words.

    `stands_in`: the range that the text prints above the row. `correction`: what else is wrong with the row, or "".
    """

    port: int
    service: str
    correction: str = ""
    stands_in: PortRange = SYSTEM

    @property
    def wrong(self) -> str:
        """Say what is wrong with the row, by rule where a rule can find it; "" = nothing."""
        if self.port in self.stands_in:
            return self.correction
        return f"stands among {self.stands_in.low}-{self.stands_in.high}, but is one of the {range_of(self.port)}"


TEXT_TABLE = (
    TextRow(20, "files by FTP: the data"),
    TextRow(21, "files by FTP: the commands"),
    TextRow(22, "an encrypted shell on another machine"),
    TextRow(23, "a remote login in plain text"),
    TextRow(25, "mail on its way to a mailbox"),
    TextRow(53, "names to addresses: UDP, and TCP only to copy a zone",
            "TCP must be supported for every query, not only for zone transfers (RFC 7766 section 5)"),
    TextRow(80, "web pages"),
    TextRow(110, "mail fetched from the server, POP3"),
    TextRow(119, "news groups"),
    TextRow(123, "the time of day"),
    TextRow(143, "mail read on the server, IMAP"),
    TextRow(161, "watching and steering network devices"),
    TextRow(194, "chat rooms"),
    TextRow(443, "web pages over TLS, so over TCP",
            "443 is assigned for UDP too: HTTP/3 runs over QUIC (IANA registry; RFC 9114)"),
    TextRow(3389, "another computer's desktop, RDP"),
)  # fmt: skip


def misplaced(rows: tuple[TextRow, ...] = TEXT_TABLE) -> list[TextRow]:
    """Find the rows whose port does not belong to the range that they stand in."""
    return [row for row in rows if row.port not in row.stands_in]


@dataclass(frozen=True)
class NameCheck:
    """One row of the text beside this machine's names for that port."""

    row: TextRow
    tcp: Service
    udp: Service


def compare_names() -> list[NameCheck]:
    """Hold the text's table against this machine's list of services: one check a row, in the text's order."""
    return [NameCheck(row, service(row.port, "tcp"), service(row.port, "udp")) for row in TEXT_TABLE]
