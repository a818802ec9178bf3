"""The socket options that can be set on a playground: how each is called in Python, and what it takes."""

import errno
import socket
import struct
from dataclasses import dataclass

from sockets_lab.errors import BadInput
from sockets_lab.model import whole_number

LARGEST = 1 << 24  # bytes; more than any kernel gives


@dataclass(frozen=True)
class Option:
    """One option. level: the name of its level; takes: what its number is; sample: a value to begin with."""

    name: str
    level: str
    takes: str
    sample: int

    @property
    def code(self) -> str:
        """Level and name, as Python spells them."""
        return f"socket.{self.level}, socket.{self.name}"

    @property
    def numbers(self) -> tuple[int, int]:
        """Raises: OSError (ENOPROTOOPT), where this system does not have it."""
        level, number = getattr(socket, self.level, None), getattr(socket, self.name, None)
        if level is None or number is None:
            raise OSError(errno.ENOPROTOOPT, f"this system has no {self.name}")
        return int(level), int(number)


OPTIONS = {
    option.name: option
    for option in (
        Option("SO_REUSEADDR", "SOL_SOCKET", "1 = on, 0 = off", 1),
        Option("SO_REUSEPORT", "SOL_SOCKET", "1 = on, 0 = off", 1),
        Option("SO_RCVBUF", "SOL_SOCKET", "bytes", 4096),
        Option("SO_SNDBUF", "SOL_SOCKET", "bytes", 4096),
        Option("SO_LINGER", "SOL_SOCKET", "seconds; 0 = close resets the connection", 0),
        Option("SO_KEEPALIVE", "SOL_SOCKET", "1 = on, 0 = off", 1),
        Option("TCP_NODELAY", "IPPROTO_TCP", "1 = on, 0 = off", 1),
        Option("TCP_DEFER_ACCEPT", "IPPROTO_TCP", "seconds", 1),
        Option("IPV6_V6ONLY", "IPPROTO_IPV6", "1 = on, 0 = off", 1),
    )
}


def found(name: object) -> Option:
    """Find an option by its name. Raises: BadInput."""
    if not isinstance(name, str) or name not in OPTIONS:
        raise BadInput(f"{name!r} is no option of this playground: pass one of {', '.join(OPTIONS)}.")
    return OPTIONS[name]


def packed(option: Option, value: object) -> tuple[int | bytes, str]:
    """Return what `setsockopt` takes, and the Python that makes it. Raises: BadInput. Source: socket(7), linger."""
    number = whole_number(value, 0, LARGEST, f"a value for {option.name} ({option.takes})")
    if option.name == "SO_LINGER":
        return struct.pack("ii", 1, number), f'struct.pack("ii", 1, {number})'
    return number, str(number)


def apply(sock: socket.socket, option: Option, value: int | bytes) -> int:
    """Set an option; return what the kernel made of it. Raises: OSError."""
    sock.setsockopt(*option.numbers, value)
    if option.name == "SO_LINGER":
        return int(struct.unpack("ii", sock.getsockopt(*option.numbers, 8))[1])
    return sock.getsockopt(*option.numbers)
