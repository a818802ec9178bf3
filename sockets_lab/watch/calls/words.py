"""How a constant, an option, an address and a descriptor are spelled: names instead of numbers.

Describing must never disturb: nothing is consumed, kept or changed, and what cannot be described is a type's name.
"""

import _socket
import os
import socket
import stat
from functools import cache
from typing import Any

from sockets_lab.errors import BadInput
from sockets_lab.model import Endpoint
from sockets_lab.watch.calls.values import Data, Descriptor, Part, Parts, counted

# The levels of socket options, and how their options' names begin. On Linux SOL_SOCKET has the number of ICMP.
OPTIONS = {
    "SOL_SOCKET": "SO_", "IPPROTO_TCP": "TCP_", "IPPROTO_UDP": "UDP_", "IPPROTO_IPV6": "IPV6_", "IPPROTO_IP": "IP_",
}  # fmt: skip


def descriptor_of(sock: Any) -> Descriptor | None:
    """Identify a socket object or a plain number; the inode tells descriptors of one socket from those of another."""
    number = _socket.socket.fileno(sock) if isinstance(sock, _socket.socket) else sock
    if not isinstance(number, int):
        return None
    if os.name == "nt":  # a handle, of which fstat knows nothing
        return Descriptor(number, max(number, 0))
    try:
        status = os.fstat(number)
    except (OSError, OverflowError):
        return Descriptor(number, 0)
    return Descriptor(number, (status.st_ino or number) if stat.S_ISSOCK(status.st_mode) else 0)


def local_name(sock: Any) -> Endpoint | None:
    """Ask for a socket's local endpoint; None while it has none."""
    try:
        local = Endpoint.of(_socket.socket.getsockname(sock))
    except (OSError, ValueError, TypeError, IndexError):
        return None
    return local if local.port else None


@cache
def constant(value: int, *prefixes: str) -> str:
    """Name a constant of the socket module; where two have one value, the shorter name is the general one."""
    names = [name for name, known in vars(socket).items() if name.startswith(prefixes) and known == value]
    return min(names, key=len, default=str(value))


def short(value: Any) -> str:
    """Spell a plain value; of anything else, whose own spelling might do something, only the type."""
    if value is None or isinstance(value, (int, float, str)):
        text = repr(value)
        return text if len(text) <= 40 else text[:37] + "..."
    if isinstance(value, tuple):  # an address of another family
        return f"({', '.join(map(short, value))})"
    return f"<{type(value).__name__}>"


def endpoint(address: Any, sock: Any = None) -> Part:
    """Spell an address as `bind` takes it and `getsockname` gives it; an empty host means the wildcard."""
    if isinstance(address, bytes):  # a path of AF_UNIX
        return short(os.fsdecode(address))
    if not isinstance(address, tuple) or len(address) not in (2, 3, 4) or not isinstance(address[0], str):
        return short(address)
    host, port = address[:2]
    if host == "":
        host = "::" if sock is not None and sock.family == socket.AF_INET6 else "0.0.0.0"
    try:
        return Endpoint.of((host, *address[1:]))
    except BadInput:  # a name, which Python looks up before it asks the protocol stack
        return f"{host}:{port}"


def socket_type(number: int) -> str:
    """Name a type of socket; on Linux two flags may be mixed in."""
    extra: list[str] = []
    for name in ("SOCK_NONBLOCK", "SOCK_CLOEXEC"):
        bit = getattr(socket, name, 0)
        if number & bit:
            number, extra = number & ~bit, [*extra, name]
    return " | ".join([constant(number, "SOCK_"), *extra])


def total(buffers: Any) -> str:
    """Count the bytes of several buffers, but never use up an iterator that the call itself needs."""
    if not isinstance(buffers, (list, tuple)):
        return short(buffers)
    return counted(sum(Data.of(buffer).length for buffer in buffers))


def flags(number: int) -> Parts:
    """Name the flags of a send or receive; no part for none."""
    return (socket.MsgFlag(number).name or str(number),) if number else ()


def option(level: int, number: int) -> Parts:
    """Name a socket option and its level."""
    known = next((name for name in OPTIONS if getattr(socket, name, None) == level), str(level))
    return (known, constant(number, OPTIONS[known]) if known in OPTIONS else str(number))
