"""The values that every lesson speaks of: endpoints, four-tuples and the rows of the kernel's socket table.

Plain frozen dataclasses. They open nothing; of the kernel they ask only how an interface is called.
"""

import socket
from dataclasses import dataclass
from typing import Self

from sockets_lab.errors import BadInput

MAX_PORT = 65535


@dataclass(frozen=True)
class Protocol:
    """One protocol: what `socket.socket` takes for it, and what the number after the address of its sockets means."""

    name: str
    title: str
    type: socket.SocketKind
    number: int
    number_means: str = "port"

    @property
    def has_ports(self) -> bool:
        return self.number_means == "port"


# Source: IANA's protocol numbers; socket(2), raw(7), icmp(7), linux/in.h (262 is Linux's own number).
PROTOCOLS = {
    one.name: one
    for one in (
        Protocol("tcp", "TCP", socket.SOCK_STREAM, 6),
        Protocol("udp", "UDP", socket.SOCK_DGRAM, 17),
        Protocol("mptcp", "MPTCP", socket.SOCK_STREAM, 262),
        Protocol("udplite", "UDP-Lite", socket.SOCK_DGRAM, 136),
        Protocol("icmp", "ICMP", socket.SOCK_DGRAM, 1, "ICMP identifier"),
        Protocol("icmpv6", "ICMPv6", socket.SOCK_DGRAM, 58, "ICMP identifier"),
        Protocol("raw", "raw", socket.SOCK_RAW, 255, "IP protocol number"),
    )
}
TRANSPORTS = ("tcp", "udp")  # the protocols that the lessons experiment with


def protocol_of(sock: socket.socket) -> Protocol:
    """Name the protocol of an internet socket; every raw socket is "raw", whatever protocol it receives."""
    same_type = [one for one in PROTOCOLS.values() if one.type == sock.type]
    unknown = Protocol(f"protocol {sock.proto}", f"protocol {sock.proto}", sock.type, sock.proto)
    usual = same_type[0] if same_type and (sock.proto == 0 or sock.type == socket.SOCK_RAW) else unknown
    return next((one for one in same_type if one.number == sock.proto), usual)


def spelled(endpoint: "Endpoint", protocol: str) -> str:
    """Spell an endpoint of a row, with what its number means where it is no port."""
    known = PROTOCOLS.get(protocol)
    if known is None or known.has_ports:
        return str(endpoint)
    return f"{endpoint.address}, {known.number_means} {endpoint.port}"


def counted(number: int, what: str = "byte") -> str:
    """Spell a number of things: "1 byte", "2 bytes"."""
    return f"{number} {what}{'s' * (number != 1)}"


TCP_STATES = (
    "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING",
)  # fmt: skip


def checked_port(port: object) -> int:
    """Return the port number, or say what is wrong with it.

    Args: port: an int or its decimal spelling, 0-65535; 0 asks the kernel to choose.
    Raises: BadInput, for anything else.
    Source: RFC 9293 section 3.1 and RFC 768 (the port fields have 16 bits).
    """
    if isinstance(port, str) and port.strip().isdecimal() and port.strip().isascii():
        port = int(port.strip().lstrip("0")[:20] or "0")
    if isinstance(port, bool) or not isinstance(port, int):
        raise BadInput(f"{port!r} is not a port number: pass a whole number from 0 to {MAX_PORT}.")
    if not 0 <= port <= MAX_PORT:
        raise BadInput(f"{port} is not a port number: 16 bits hold 0 to {MAX_PORT}, so pass one of these.")
    return port


def whole_number(value: object, lowest: int, highest: int, what: str) -> int:
    """Return the value if it is a whole number in this range. Args: what, with its article. Raises: BadInput."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise BadInput(f"{value!r} is not {what}: pass a whole number from {lowest} to {highest}.")
    return value


@dataclass(frozen=True, order=True)
class Endpoint:
    """A socket address: one IP address and one port.

    Args:
        address: a literal IPv4 or IPv6 address ("127.0.0.1", "::1"); names are not looked up. An address that is only
            unique on one link keeps its interface ("fe80::1%eth0", RFC 4007): without it, it is another endpoint.
        port: 0-65535, 0 = the kernel chooses.
    Raises: BadInput, with a sentence that says what to pass instead.
    Source: RFC 9293 section 4 calls this pair a "socket"; ip(7) and Python call it an address.
    """

    address: str
    port: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", _checked_address(self.address))
        object.__setattr__(self, "port", checked_port(self.port))

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Read `1.2.3.4:80` or `[::1]:80`; the brackets keep the colons of IPv6 apart from the port's."""
        host, colon, port = str(text).strip().rpartition(":")
        if host.startswith("[") and host.endswith("]") and ":" in host:
            host = host[1:-1]
        elif not colon or ":" in host:
            raise BadInput(f"{text!r} is not an endpoint: write it as 127.0.0.1:8080 or [::1]:8080.")
        return cls(host, checked_port(port))

    @classmethod
    def of(cls, sockname: tuple) -> "Endpoint":
        """Make an endpoint of what `getsockname`, `getpeername` or `accept` answered."""
        address, port, *rest = sockname
        if rest[1:] and rest[1] and "%" not in address:  # IPv6: the flow label and the scope id follow
            address = f"{address}%{interface_name(rest[1])}"
        return cls(address, port)

    @classmethod
    def trusted(cls, address: str, port: int) -> "Endpoint":
        """Make an endpoint of parts that the kernel has just given, so that they need no check: tables are long."""
        endpoint = object.__new__(cls)
        object.__setattr__(endpoint, "address", address)
        object.__setattr__(endpoint, "port", port)
        return endpoint

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    @property
    def sockaddr(self) -> tuple:
        """What `bind`, `connect` and `sendto` take: a pair, or with an interface the four values of IPv6."""
        bare, _, zone = self.address.partition("%")
        try:
            return (bare, self.port, 0, socket.if_nametoindex(zone)) if zone else (bare, self.port)
        except OSError:  # no interface has this name: `bind` will say so
            return (self.address, self.port)

    def agrees_with(self, other: "Endpoint") -> bool:
        """Whether both can be one endpoint: IPv4 inside IPv6 or not, and with no interface given, on any."""
        here, there = self.unmapped, other.unmapped
        address, _, zone = here.address.partition("%")
        other_address, _, other_zone = there.address.partition("%")
        return (address, here.port) == (other_address, there.port) and (zone == other_zone or not (zone and other_zone))

    @property
    def unmapped(self) -> "Endpoint":
        """The IPv4 endpoint that is inside an IPv6 one; any other as it is. Source: RFC 4291 section 2.5.5.2."""
        ipv4 = self.address.removeprefix("::ffff:")
        return self if ":" in ipv4 or ipv4 == self.address else Endpoint(ipv4, self.port)

    @property
    def is_wildcard(self) -> bool:
        """True where the address means "every address of this machine"."""
        return self.address in ("0.0.0.0", "::")

    def covers(self, other: "Endpoint") -> bool:
        """Whether who listens here is reached at the other endpoint: the same port, and its address or all."""
        return self.port == other.port and (self.is_wildcard or self.agrees_with(other))

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def interface_name(index: int) -> str:
    """Return the name of an interface of this machine; its number where it has none. Source: if_indextoname(3)."""
    try:
        return socket.if_indextoname(index)
    except (OSError, OverflowError, TypeError):
        return str(index)


def _checked_address(address: object) -> str:
    """Return the one usual spelling of a literal address. Source: inet_pton(3), RFC 5952."""
    if isinstance(address, str) and address.isascii() and len(address) <= 64:
        bare, percent, zone = address.strip().partition("%")
        for family in (socket.AF_INET6,) if percent else (socket.AF_INET, socket.AF_INET6):
            try:
                usual = socket.inet_ntop(family, socket.inet_pton(family, bare))
            except (OSError, ValueError):
                continue
            if bool(zone) == bool(percent):  # RFC 4007 section 11.2: an address, "%", and the zone's name or number
                return usual + percent + (interface_name(int(zone)) if zone.isdecimal() else zone)
    raise BadInput(f"{address!r} is not an IP address: write it in numbers, as 127.0.0.1 or ::1.")


@dataclass(frozen=True, order=True)
class FourTuple:
    """What makes a TCP connection this one and no other, seen from one end. Source: RFC 9293 section 3.4."""

    local: Endpoint
    remote: Endpoint

    @classmethod
    def of(cls, sock: socket.socket) -> "FourTuple":
        """Read both names of a connected socket. Raises: OSError (ENOTCONN) where it has no remote endpoint."""
        return cls(Endpoint.of(sock.getsockname()), Endpoint.of(sock.getpeername()))

    def reversed(self) -> "FourTuple":
        """The same connection, as the other end sees it."""
        return FourTuple(self.remote, self.local)

    def __str__(self) -> str:
        return f"{self.local} -> {self.remote}"


@dataclass(frozen=True, order=True)
class Owner:
    """One process that holds a descriptor of a socket."""

    pid: int
    descriptor: int
    program: str


@dataclass(frozen=True)
class SocketRow:
    """One row of the kernel's socket table.

    protocol a name in PROTOCOLS; state one of TCP_STATES, for UDP "UNCONNECTED" or "CONNECTED"; the queues in bytes
    (for a TCP listener: connections waiting for accept, and the backlog); inode 0 = no descriptor points here (yet, or
    any more). None, in these four: this system does not tell. Owners are also None where nobody asked for them.
    device: the interface that the socket is bound to (SO_BINDTODEVICE, or a link-local address); "" = none, or not
    told. A raw socket has no port: the number in its local endpoint is the IP protocol that it receives (raw(7)).
    """

    protocol: str
    local: Endpoint
    remote: Endpoint
    state: str
    receive_queue: int | None = None
    send_queue: int | None = None
    inode: int | None = None
    owners: tuple[Owner, ...] | None = None
    device: str = ""

    @property
    def four_tuple(self) -> FourTuple:
        return FourTuple(self.local, self.remote)


class Closing:
    """What a `with` closes at its end, by the class's own `close`."""

    def close(self) -> object:
        """Let go of what is held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
