"""How each socket call, its arguments and its answer are named: what the man pages call them, in short text.

Describing must never disturb: nothing is consumed, kept or changed, and what cannot be described is a type's name.
"""

import _socket
import os
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from sockets_lab.errors import BadInput, Refused, refusal
from sockets_lab.model import Endpoint

SHOWN = 16  # bytes of data that are shown
# The levels of socket options, and how their options' names begin. On Linux SOL_SOCKET has the number of ICMP.
OPTIONS = {
    "SOL_SOCKET": "SO_", "IPPROTO_TCP": "TCP_", "IPPROTO_UDP": "UDP_", "IPPROTO_IPV6": "IPV6_", "IPPROTO_IP": "IP_",
}  # fmt: skip


@dataclass(frozen=True)
class Descriptor:
    """A descriptor in a call or an answer.

    number: what the process says, -1 once closed; socket: the inode of the socket behind it, the same for all its
    descriptors (0: none; the number itself where this system shows no inode).
    """

    number: int
    socket: int

    def __str__(self) -> str:
        return str(self.number)


@dataclass(frozen=True)
class Data:
    """Bytes that were sent or received: how many, and the first few."""

    length: int
    start: bytes

    @classmethod
    def of(cls, buffer: Any, length: int | None = None) -> "Data":
        with memoryview(buffer) as view, view.cast("B") as flat, flat[:length] as used:
            return cls(used.nbytes, bytes(used[:SHOWN]))

    def __str__(self) -> str:
        more = "..." if self.length > len(self.start) else ""
        return f"{_bytes(self.length)} {self.start!r}{more}" if self.length else _bytes(0)


@dataclass(frozen=True)
class Raised:
    """What Python raised where the protocol stack gave no answer: the exception's name, and why."""

    name: str
    because: str


Part: TypeAlias = Descriptor | Endpoint | Data | str
Parts: TypeAlias = tuple[Part, ...]
Answer: TypeAlias = Parts | Refused | Raised | None


def raised(error: BaseException) -> Refused | Raised:
    """Tell a refusal of the kernel from what Python raised by itself."""
    if isinstance(error, (socket.gaierror, socket.herror)):  # their numbers are no errnos
        return Raised(type(error).__name__, "the name could not be looked up, so the protocol stack was not asked")
    if isinstance(error, TimeoutError) and error.errno is None:
        return Refused("DEADLINE", "nothing came before the timeout that was set on this socket")
    if isinstance(error, OSError) and error.errno is not None:
        return refusal(error)
    if isinstance(error, Exception):
        return Raised(type(error).__name__, str(error))
    return Raised(type(error).__name__, "the call was interrupted before an answer came")


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
def _constant(value: int, *prefixes: str) -> str:
    """Name a constant of the socket module; where two have one value, the shorter name is the general one."""
    names = [name for name, known in vars(socket).items() if name.startswith(prefixes) and known == value]
    return min(names, key=len, default=str(value))


def _bytes(count: int) -> str:
    return f"{count} byte{'' if count == 1 else 's'}"


def _short(value: Any) -> str:
    if value is None or isinstance(value, (int, float, str)):
        text = repr(value)
        return text if len(text) <= 40 else text[:37] + "..."
    if isinstance(value, tuple):  # an address of another family
        return f"({', '.join(map(_short, value))})"
    return f"<{type(value).__name__}>"


def _endpoint(address: Any, sock: Any = None) -> Part:
    """Spell an address as `bind` takes it and `getsockname` gives it; an empty host means the wildcard."""
    if isinstance(address, bytes):  # a path of AF_UNIX
        return _short(os.fsdecode(address))
    if not isinstance(address, tuple) or len(address) not in (2, 3, 4) or not isinstance(address[0], str):
        return _short(address)
    host, port = address[:2]
    if host == "":
        host = "::" if sock is not None and sock.family == socket.AF_INET6 else "0.0.0.0"
    try:
        return Endpoint(host, port)
    except BadInput:  # a name, which Python looks up before it asks the protocol stack
        return f"{host}:{port}"


def _kind(kind: int) -> str:
    extra: list[str] = []
    for name in ("SOCK_NONBLOCK", "SOCK_CLOEXEC"):
        bit = getattr(socket, name, 0)
        if kind & bit:
            kind, extra = kind & ~bit, [*extra, name]
    return " | ".join([_constant(kind, "SOCK_"), *extra])


def _total(buffers: Any) -> str:
    """Count the bytes of several buffers, but never use up an iterator that the call itself needs."""
    if not isinstance(buffers, (list, tuple)):
        return _short(buffers)
    return _bytes(sum(Data.of(buffer).length for buffer in buffers))


def _flags(flags: int) -> Parts:
    return (socket.MsgFlag(flags).name or str(flags),) if flags else ()


def _option(level: int, option: int) -> Parts:
    known = next((name for name in OPTIONS if getattr(socket, name, None) == level), str(level))
    return (known, _constant(option, OPTIONS[known]) if known in OPTIONS else str(option))


# What the arguments say. Each takes what the call takes, the socket first; None: no system call will be made.


def _new(sock: Any, family: int = -1, type: int = -1, proto: int = -1, fileno: Any = None) -> Parts | None:
    if fileno is not None:
        return None  # a Python object for a descriptor that exists: the protocol stack is not asked
    return _pair(socket.AF_INET if family == -1 else family, socket.SOCK_STREAM if type == -1 else type, max(proto, 0))


def _pair(family: int, type: int, proto: int) -> Parts:
    return (_constant(family, "AF_"), _kind(type), _constant(proto, "IPPROTO_") if proto else "0")


def _open(sock: Any) -> Parts | None:
    on = descriptor_of(sock)
    return None if on is not None and on.number == -1 else ()  # closed or detached before: Python asks nobody


def _whom(sock: Any, address: Any) -> Parts:
    return (_endpoint(address, sock),)


def _word(sock: Any, *value: Any) -> Parts:
    return tuple(map(_short, value))


def _backlog(sock: Any, *backlog: int) -> Parts:
    return tuple(f"backlog {number}" for number in backlog)


def _seconds(sock: Any, value: float | None) -> Parts:
    return ("no limit" if value is None else f"{value} s",)


def _how(sock: Any, how: int) -> Parts:
    return (_constant(how, "SHUT_"),)


def _send(sock: Any, data: Any, flags: int = 0) -> Parts:
    return (Data.of(data), *_flags(flags))


def _send_to(sock: Any, data: Any, *rest: Any) -> Parts:
    return (Data.of(data), *_flags(rest[0] if len(rest) > 1 else 0), _endpoint(rest[-1], sock))


def _send_many(sock: Any, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None) -> Parts:
    return (_total(buffers), *_flags(flags), *(() if address is None else (_endpoint(address, sock),)))


def _send_file(sock: Any, file: Any, offset: int = 0, count: int | None = None) -> Parts:
    return (_short(file), f"from {offset}", "to its end" if count is None else f"{count} bytes")


def _receive(sock: Any, size: int, flags: int = 0) -> Parts:
    return (f"up to {_bytes(size)}", *_flags(flags))


def _receive_many(sock: Any, size: int, ancbufsize: int = 0, flags: int = 0) -> Parts:
    return _receive(sock, size, flags)


def _receive_into(sock: Any, buffer: Any, nbytes: int = 0, flags: int = 0) -> Parts:
    return _receive(sock, nbytes or Data.of(buffer).length, flags)


def _receive_many_into(sock: Any, buffers: Any, ancbufsize: int = 0, flags: int = 0) -> Parts:
    return (f"up to {_total(buffers)}", *_flags(flags))


def _set(sock: Any, level: int, option: int, value: Any, length: int | None = None) -> Parts:
    if value is None:
        return (*_option(level, option), f"{length} empty bytes")
    return (*_option(level, option), str(int(value)) if isinstance(value, int) else Data.of(value))


def _get(sock: Any, level: int, option: int, size: int = 0) -> Parts:
    return (*_option(level, option), *((f"up to {_bytes(size)}",) if size else ()))


# What the answer says. Each takes the call's arguments, the socket first, and its result.


def _done(args: tuple, result: Any) -> Parts:
    return ()


def _counted(args: tuple, result: int) -> Parts:
    return (_bytes(result),)


def _all_counted(args: tuple, result: None) -> Parts:
    return (f"all {_bytes(Data.of(args[1]).length)}",)


def _verdict(args: tuple, result: int) -> Parts | Refused:
    """`connect_ex` answers with an errno instead of raising it."""
    return refusal(OSError(result, os.strerror(result))) if result else ()


def _name(args: tuple, result: Any) -> Parts:
    return () if result is None else (_endpoint(result),)


def _read(args: tuple, result: Any) -> Parts:
    """Spell `data` or `(data, ..., address)`."""
    data, *rest = result if isinstance(result, tuple) else (result,)
    return (Data.of(data), *(_name(args, rest[-1]) if rest else ()))


def _read_into(args: tuple, result: Any) -> Parts:
    """Spell `count` or `(count, ..., address)`, with the data that the caller's buffer now holds."""
    count, *rest = result if isinstance(result, tuple) else (result,)
    data = _bytes(count) if isinstance(args[1], (list, tuple)) else Data.of(args[1], count)
    return (data, *(_name(args, rest[-1]) if rest else ()))


def _value(args: tuple, result: Any) -> Parts:
    option = _option(*args[1:3])
    if option == ("SOL_SOCKET", "SO_ERROR") and result:
        return (refusal(OSError(result, os.strerror(result))).name,)
    if option == ("SOL_SOCKET", "SO_TYPE"):
        return (_kind(result),)
    return (str(result) if isinstance(result, int) else Data.of(result),)


def _descriptors(*sockets: Any) -> Parts:
    return tuple(known for known in map(descriptor_of, sockets) if known is not None)


class Known(NamedTuple):
    """A call that can be recorded, where Python makes it, and how to describe it."""

    owner: Any
    attribute: str
    name: str  # in the man pages, or Python's where they have none
    arguments: Callable[..., Parts | None]
    answer: Callable[[tuple, Any], Parts | Refused]
    makes_socket: bool = False  # so it is made on no descriptor
    names_socket: bool = False  # may give the socket a local endpoint

    def read_arguments(self, args: tuple, kwargs: dict[str, Any]) -> Parts | None:
        """Spell the arguments; None where no system call will be made."""
        try:
            return self.arguments(*args, **kwargs)
        except Exception:  # noqa: BLE001  wrong arguments: the call itself will say so
            return tuple(map(_short, args[1:]))

    def read_answer(self, args: tuple, result: Any) -> Parts | Refused:
        """Spell the answer."""
        try:
            return self.answer(args, result)
        except Exception:  # noqa: BLE001  the recorded code must not suffer from our description of it
            return (_short(result),)


_S = socket.socket
CALLS = (
    Known(_S, "__init__", "socket", _new, lambda args, _: _descriptors(args[0]), makes_socket=True),
    Known(_socket, "socketpair", "socketpair", _pair, lambda _, pair: _descriptors(*pair), makes_socket=True),
    Known(_S, "bind", "bind", _whom, _done, names_socket=True),
    Known(_S, "listen", "listen", _backlog, _done, names_socket=True),
    Known(_S, "_accept", "accept", _word, lambda _, pair: (*_descriptors(pair[0]), _endpoint(pair[1]))),
    Known(_S, "connect", "connect", _whom, _done, names_socket=True),
    Known(_S, "connect_ex", "connect", _whom, _verdict, names_socket=True),
    Known(_S, "send", "send", _send, _counted),
    Known(_S, "sendall", "sendall", _send, _all_counted),
    Known(_S, "sendto", "sendto", _send_to, _counted, names_socket=True),
    Known(_S, "sendmsg", "sendmsg", _send_many, _counted, names_socket=True),
    Known(_S, "_sendfile_use_sendfile", "sendfile", _send_file, _counted),
    Known(_S, "recv", "recv", _receive, _read),
    Known(_S, "recv_into", "recv", _receive_into, _read_into),
    Known(_S, "recvfrom", "recvfrom", _receive, _read),
    Known(_S, "recvfrom_into", "recvfrom", _receive_into, _read_into),
    Known(_S, "recvmsg", "recvmsg", _receive_many, _read),
    Known(_S, "recvmsg_into", "recvmsg", _receive_many_into, _read_into),
    Known(_S, "shutdown", "shutdown", _how, _done),
    Known(_S, "setsockopt", "setsockopt", _set, _done),
    Known(_S, "getsockopt", "getsockopt", _get, _value),
    Known(_S, "getsockname", "getsockname", _word, _name),
    Known(_S, "getpeername", "getpeername", _word, _name),
    Known(_S, "setblocking", "setblocking", _word, _done),
    Known(_S, "settimeout", "settimeout", _seconds, _done),
    Known(_S, "detach", "detach", _open, lambda _, number: _descriptors(number)),
    Known(_S, "_real_close", "close", _open, _done),
    Known(socket, "dup", "dup", _word, lambda _, number: _descriptors(number)),
    Known(socket, "close", "close", _word, _done),
)
