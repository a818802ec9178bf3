"""The three ranges of port numbers."""

from dataclasses import dataclass

from sockets_lab.model import MAX_PORT, checked_port


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
