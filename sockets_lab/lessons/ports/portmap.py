"""A map of all 65,536 ports of one protocol: ranges, names, occupied now, handed out by the kernel."""

from dataclasses import dataclass

from sockets_lab.kernel import machine, table
from sockets_lab.lessons.ports.services import RANGES, checked_protocol, named_ports

# The bits of one byte of `PortMap.marks`; the lowest two hold the index of the port's range in RANGES.
RANGE, NAMED, OCCUPIED, WAITING, EPHEMERAL = 3, 4, 8, 16, 32
HANDED_OUT = bytes(mark | EPHEMERAL for mark in range(256))  # each mark with one bit more
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
        if self.ephemeral:  # in one go: it is half of all ports, and a panel waits for this
            given = slice(self.ephemeral[0], self.ephemeral[1] + 1)
            marks[given] = marks[given].translate(HANDED_OUT)
        for bit, ports in ((NAMED, self.named or ()), (OCCUPIED, self.occupied), (WAITING, self.waiting)):
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
    ports = table.ports(checked_protocol(protocol))
    return PortMap(
        protocol,
        named_ports(protocol),
        frozenset().union(*ports.values()),
        frozenset().union(*(ports.get(state, ()) for state in ("LISTEN", "UNCONNECTED"))),
        machine.ephemeral_range(),
        table.covers_machine(),
    )
