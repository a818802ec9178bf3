"""What the doctor found at one port, and from that the cause in one word, the sentence, and what to do."""

import socket
from dataclasses import dataclass
from functools import cache, cached_property

from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.kernel.doctor import question, trying
from sockets_lab.kernel.doctor.holders import Holder, Process, holders
from sockets_lab.model import Endpoint

SETTINGS = "/proc/sys/net/ipv4/"  # read here: kernel.machine, which reads more, takes longer to load than to ask
FILTERED = ("no answer", "EHOSTUNREACH", "ENETUNREACH", "EPERM", "EACCES", "ETIMEDOUT")  # no closed port answers so


@dataclass(frozen=True)
class Report:
    """All that was found. ephemeral: the kernel's range, None = not told; reserved: the kernel never chooses this port
    by itself, None = not told; name: the service's, "" = none; whole: the table has every process's rows."""

    asked: question.Question
    binds: tuple[trying.Bind, ...]
    holders: tuple[Holder, ...]
    visits: tuple[trying.Visit, ...]
    name: str
    ephemeral: tuple[int, int] | None
    reserved: bool | None
    whole: bool

    @cached_property
    def refused(self) -> list[trying.Bind]:
        """The ways in which a bind without any option is refused."""
        return [one for one in self.binds if one.refused and not one.option]

    @property
    def is_free(self) -> bool:
        return not self.refused

    @cached_property
    def in_the_way(self) -> list[Holder]:
        """The rows whose address overlaps with one that was refused; listeners come first."""
        holds = (one for one in self.holders if one.row.protocol == self.asked.protocol)
        here = (one for one in holds if not one.at_peer and not one.elsewhere)
        overlaps = cache(self._overlaps)  # thousands of connections may have one local endpoint
        met = (one for one in here if overlaps(one.row.local, one.ipv6_only))
        return sorted(met, key=lambda one: not one.waits)

    def _overlaps(self, local: Endpoint, ipv6_only: bool | None) -> bool:
        return any(_overlap(one.endpoint, one.ipv6_only, local, ipv6_only) for one in self.refused)

    @cached_property
    def processes(self) -> list[Process]:
        """Those that hold a row in the way."""
        return list(dict.fromkeys(process for one in self.in_the_way for process in one.processes or ()))

    def listener_at(self, endpoint: Endpoint) -> Holder | None:
        """Return the listener that takes what comes to an endpoint, as far as the table shows."""
        here = (one for one in self.holders if one.row.state == "LISTEN" and not one.elsewhere)
        return next((one for one in here if _overlap(endpoint, False, one.row.local, one.ipv6_only)), None)

    @property
    def shares(self) -> list[str]:
        """The options with which every bind is granted that is refused without."""
        ways = {one.way for one in self.refused}
        granted = {(one.way, one.option) for one in self.binds if not one.refused}
        return [option for option in trying.OPTIONS[1:] if ways and all((way, option) in granted for way in ways)]

    @cached_property
    def cause(self) -> str:
        """Name what is there in one word, the same on every system."""
        if self.is_free:
            return "filtered" if any(one.outcome in FILTERED for one in self.visits) else "free"
        names = {one.refused.name for one in self.refused if one.refused}
        if names & {"EACCES", "EPERM"}:
            return "privileged" if self.asked.port < self.lowest else "forbidden"
        if "EADDRINUSE" not in names:
            return "absent"
        if not self.in_the_way:
            return "hidden"
        states = {one.row.state for one in self.in_the_way}
        if self.in_the_way[0].waits:
            return "listener" if self.asked.protocol == "tcp" else "datagrams"
        if states == {"TIME_WAIT"}:
            return "time-wait"
        if "CLOSE" in states:
            return "bound"
        return "client" if any(map(self._is_client, self.in_the_way)) else "connection"

    @cached_property
    def lowest(self) -> int:
        """The lowest port that this user may bind; found by trying one after the other."""
        from sockets_lab.kernel.machine import lowest_port

        return lowest_port()

    def _is_client(self, one: Holder) -> bool:
        """Whether this end connected: the kernel chose its port, and what it connected to is a service's."""
        low, high = self.ephemeral or (49152, 65535)
        local, remote = one.row.local, one.row.remote
        if not low <= local.port <= high or one.row.state in ("TIME_WAIT", "CLOSE"):
            return False
        return not low <= remote.port <= high or bool(table.at_port(remote.port, "tcp", "LISTEN"))


def _overlap(asked: Endpoint, asked_only: bool, held: Endpoint, held_only: bool | None) -> bool:
    """Tell whether a packet could be meant for both: a family in common, and one address or a wildcard."""
    asked, held = asked.unmapped, held.unmapped
    families = _families(asked, asked_only) & _families(held, held_only)
    return bool(families) and (asked.is_wildcard or held.is_wildcard or asked.agrees_with(held))


def _families(endpoint: Endpoint, ipv6_only: bool | None) -> set[int]:
    return {socket.AF_INET, socket.AF_INET6} if endpoint.address == "::" and not ipv6_only else {endpoint.family}


def examine(text: object) -> Report:
    """Look at one port of this machine: bind it in each way, read who has it, connect to it.

    Args: text: a port, `address:port`, `53/udp`, or an error message that names a port.
    Raises: BadInput, for a text without a port of 1-65535.
    """
    asked = question.read(text)
    found = holders(asked.port)  # before the doctor's own connection is among them
    name = attempt(socket.getservbyport, asked.port, asked.protocol)
    return Report(
        asked, trying.binds(asked), found, tuple(trying.visits(asked)), "" if isinstance(name, Refused) else name,
        _ephemeral(), _reserved(asked.port), table.covers_machine(),
    )  # fmt: skip


def _setting(name: str) -> list[str] | None:
    """Read a setting of this network stack that lists ports; None where there is none. Source: ip(7)."""
    try:
        with open(SETTINGS + name, encoding="ascii") as file:
            return file.read().replace(",", " ").split()
    except OSError:
        return None


def _ephemeral() -> tuple[int, int] | None:
    low_high = _setting("ip_local_port_range")
    return (int(low_high[0]), int(low_high[1])) if low_high else None


def _reserved(port: int) -> bool | None:
    parts = _setting("ip_local_reserved_ports")
    ranges = [part.partition("-") for part in parts or ()]
    return None if parts is None else any(int(low) <= port <= int(high or low) for low, _, high in ranges)
