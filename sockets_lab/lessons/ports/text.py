"""The text's table of ports as data, its mistakes kept and found, beside this machine's names."""

from dataclasses import dataclass

from sockets_lab.lessons.ports.services import SYSTEM, PortRange, Service, range_of, service


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
