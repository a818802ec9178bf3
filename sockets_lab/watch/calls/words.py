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
from sockets_lab.model import Endpoint, counted
from sockets_lab.watch.calls.families import FAMILIES, LEVELS, NO_OPTIONS, OPTIONS, PROTOCOLS
from sockets_lab.watch.calls.values import Data, Descriptor, Part, Parts

INTERNET = (socket.AF_INET, socket.AF_INET6)


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
    if not _has_ports(sock):
        return None
    try:
        local = Endpoint.of(_socket.socket.getsockname(sock))
    except (OSError, ValueError, TypeError, IndexError):
        return None
    return local if local.port else None


@cache
def constant(value: int, prefix: str) -> str:
    """Name a constant of the socket module; where two have one value, the shorter name is the general one."""
    others = tuple(other for other in NO_OPTIONS if not prefix.startswith(other))
    names = [name for name, known in vars(socket).items() if name.startswith(prefix) and known == value]
    return min((name for name in names if not name.startswith(others)), key=len, default=str(value))


def family(number: int) -> str:
    """Name an address family: of two names for one number, the one that this system goes by."""
    try:
        return socket.AddressFamily(number).name
    except ValueError:
        return FAMILIES.get(number) or constant(number, "AF_")


def protocol(family_number: int, number: int) -> str:
    """Name a protocol as its family does; 0 of AF_INET and AF_INET6 is the usual one of a type and has no name."""
    if family_number in INTERNET and number:
        return constant(number, "IPPROTO_")
    return PROTOCOLS.get(family(family_number), {}).get(number, str(number))


def short(value: Any) -> str:
    """Spell a plain value; of anything else, whose own spelling might do something, only the type."""
    if value is None or isinstance(value, (int, float, str)):
        text = repr(value)
        return text if len(text) <= 40 else text[:37] + "..."
    if isinstance(value, tuple):  # an address of another family
        return f"({', '.join(map(short, value))})"
    return f"<{type(value).__name__}>"


def endpoint(address: Any, sock: Any = None) -> Part:
    """Spell an address as `bind` takes it and `getsockname` gives it; an empty host means the wildcard.

    Only IP has endpoints, and a raw socket's port is no port: all other addresses are spelled as Python has them.
    """
    if isinstance(address, bytes):  # a path of AF_UNIX
        return short(os.fsdecode(address))
    if not _has_ports(sock) or not isinstance(address, tuple) or len(address) not in (2, 3, 4):
        return short(address)
    if not isinstance(address[0], str):
        return short(address)
    host, port = address[:2]
    if host == "":
        host = "::" if sock is not None and sock.family == socket.AF_INET6 else "0.0.0.0"
    try:
        return Endpoint.of((host, *address[1:]))
    except BadInput:  # a name, which Python looks up before it asks the protocol stack
        return f"{host}:{port}"


def _has_ports(sock: Any) -> bool:
    return not isinstance(sock, _socket.socket) or (sock.family in INTERNET and sock.type != socket.SOCK_RAW)


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


def option(sock: Any, level: int, number: int) -> Parts:
    """Name a socket option and its level, as the family of the socket has them."""
    own = family(sock.family)
    for only, value, name, prefix in LEVELS:
        if value == level and only in ("", own):
            named = OPTIONS.get(name)
            return (name, named.get(number, str(number)) if named else constant(number, prefix))
    return (str(level), str(number))
