"""The calls that can be recorded: where Python makes each, and how to describe its arguments and its answer."""

import _socket
import os
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from sockets_lab.errors import Refused, refusal
from sockets_lab.model import counted
from sockets_lab.watch.calls import words
from sockets_lab.watch.calls.values import Data, Parts

# What the arguments say. Each takes what the call takes, the socket first; None: no system call will be made.


def _new(sock: Any, family: int = -1, type: int = -1, proto: int = -1, fileno: Any = None) -> Parts | None:
    if fileno is not None:
        return None  # a Python object for a descriptor that exists: the protocol stack is not asked
    return _pair(socket.AF_INET if family == -1 else family, socket.SOCK_STREAM if type == -1 else type, max(proto, 0))


def _pair(family: int, type: int, proto: int) -> Parts:
    return (words.family(family), words.socket_type(type), words.protocol(family, proto))


def _open(sock: Any) -> Parts | None:
    on = words.descriptor_of(sock)
    return None if on is not None and on.number == -1 else ()  # closed or detached before: Python asks nobody


def _whom(sock: Any, address: Any) -> Parts:
    return (words.endpoint(address, sock),)


def _word(sock: Any, *value: Any) -> Parts:
    return tuple(map(words.short, value))


def _send(sock: Any, data: Any, flags: int = 0) -> Parts:
    return (Data.of(data), *words.flags(flags))


def _send_to(sock: Any, data: Any, *rest: Any) -> Parts:
    return (Data.of(data), *words.flags(rest[0] if len(rest) > 1 else 0), words.endpoint(rest[-1], sock))


def _send_many(sock: Any, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None) -> Parts:
    return (words.total(buffers), *words.flags(flags), *(() if address is None else (words.endpoint(address, sock),)))


def _send_file(sock: Any, file: Any, offset: int = 0, count: int | None = None) -> Parts:
    return (words.short(file), f"from {offset}", "to its end" if count is None else f"{count} bytes")


def _receive(sock: Any, size: int, flags: int = 0) -> Parts:
    return (f"up to {counted(size)}", *words.flags(flags))


def _unless_empty(describe: Callable[..., Parts]) -> Callable[..., Parts | None]:
    """Python's `recv` and `recv_into`, asked for 0 bytes, ask nobody."""
    return lambda *args, **how: None if (said := describe(*args, **how))[0] == f"up to {counted(0)}" else said


def _receive_many(sock: Any, size: int, ancbufsize: int = 0, flags: int = 0) -> Parts:
    return _receive(sock, size, flags)


def _receive_into(sock: Any, buffer: Any, nbytes: int = 0, flags: int = 0) -> Parts:
    return _receive(sock, nbytes or Data.of(buffer).length, flags)


def _receive_many_into(sock: Any, buffers: Any, ancbufsize: int = 0, flags: int = 0) -> Parts:
    return (f"up to {words.total(buffers)}", *words.flags(flags))


def _set(sock: Any, level: int, option: int, value: Any, length: int | None = None) -> Parts:
    if value is None:
        return (*words.option(sock, level, option), f"{length} empty bytes")
    return (*words.option(sock, level, option), str(int(value)) if isinstance(value, int) else Data.of(value))


def _get(sock: Any, level: int, option: int, size: int = 0) -> Parts:
    return (*words.option(sock, level, option), *((f"up to {counted(size)}",) if size else ()))


# What the answer says. Each takes the call's arguments, the socket first, and its result.


def _done(args: tuple, result: Any) -> Parts:
    return ()


def _counted(args: tuple, result: int) -> Parts:
    return (counted(result),)


def _verdict(args: tuple, result: int) -> Parts | Refused:
    """`connect_ex` answers with an errno instead of raising it."""
    return refusal(OSError(result, os.strerror(result)), "connect", args[0], args[1:]) if result else ()


def _name(args: tuple, result: Any) -> Parts:
    return () if result is None else (words.endpoint(result, args[0]),)


def _read(args: tuple, result: Any) -> Parts:
    """Spell `data` or `(data, ..., address)`."""
    data, *rest = result if isinstance(result, tuple) else (result,)
    return (Data.of(data), *(_name(args, rest[-1]) if rest else ()))


def _read_into(args: tuple, result: Any) -> Parts:
    """Spell `count` or `(count, ..., address)`, with the data that the caller's buffer now holds."""
    count, *rest = result if isinstance(result, tuple) else (result,)
    data = counted(count) if isinstance(args[1], (list, tuple)) else Data.of(args[1], count)
    return (data, *(_name(args, rest[-1]) if rest else ()))


def _value(args: tuple, result: Any) -> Parts:
    match words.option(*args[:3]):
        case ("SOL_SOCKET", "SO_ERROR") if result:
            return (refusal(OSError(result, os.strerror(result))).name,)
        case ("SOL_SOCKET", "SO_TYPE"):
            return (words.socket_type(result),)
        case ("SOL_SOCKET", "SO_DOMAIN"):
            return (words.family(result),)
        case ("SOL_SOCKET", "SO_PROTOCOL"):
            return (words.protocol(args[0].family, result),)
    return (str(result) if isinstance(result, int) else Data.of(result),)


def _descriptors(*sockets: Any) -> Parts:
    return tuple(known for known in map(words.descriptor_of, sockets) if known is not None)


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
            return tuple(map(words.short, args[1:]))

    def read_answer(self, args: tuple, result: Any) -> Parts | Refused:
        """Spell the answer."""
        try:
            return self.answer(args, result)
        except Exception:  # noqa: BLE001  the recorded code must not suffer from our description of it
            return (words.short(result),)


_S = socket.socket
CALLS = (
    Known(_S, "__init__", "socket", _new, lambda args, _: _descriptors(args[0]), makes_socket=True),
    Known(_socket, "socketpair", "socketpair", _pair, lambda _, pair: _descriptors(*pair), makes_socket=True),
    Known(_S, "bind", "bind", _whom, _done, names_socket=True),
    Known(_S, "listen", "listen", lambda _, *size: tuple(f"backlog {one}" for one in size), _done, names_socket=True),
    Known(_S, "_accept", "accept", _word, lambda args, pair: (*_descriptors(pair[0]), *_name(args, pair[1]))),
    Known(_S, "connect", "connect", _whom, _done, names_socket=True),
    Known(_S, "connect_ex", "connect", _whom, _verdict, names_socket=True),
    Known(_S, "send", "send", _send, _counted),
    Known(_S, "sendall", "sendall", _send, lambda args, _: (f"all {counted(Data.of(args[1]).length)}",)),
    Known(_S, "sendto", "sendto", _send_to, _counted, names_socket=True),
    Known(_S, "sendmsg", "sendmsg", _send_many, _counted, names_socket=True),
    Known(_S, "_sendfile_use_sendfile", "sendfile", _send_file, _counted),
    Known(_S, "recv", "recv", _unless_empty(_receive), _read),
    Known(_S, "recv_into", "recv", _unless_empty(_receive_into), _read_into),
    Known(_S, "recvfrom", "recvfrom", _receive, _read),
    Known(_S, "recvfrom_into", "recvfrom", _receive_into, _read_into),
    Known(_S, "recvmsg", "recvmsg", _receive_many, _read),
    Known(_S, "recvmsg_into", "recvmsg", _receive_many_into, _read_into),
    Known(_S, "shutdown", "shutdown", lambda _, how: (words.constant(how, "SHUT_"),), _done),
    Known(_S, "setsockopt", "setsockopt", _set, _done),
    Known(_S, "getsockopt", "getsockopt", _get, _value),
    Known(_S, "getsockname", "getsockname", _word, _name),
    Known(_S, "getpeername", "getpeername", _word, _name),
    Known(_S, "setblocking", "setblocking", _word, _done),
    Known(_S, "settimeout", "settimeout", lambda _, value: ("no limit" if value is None else f"{value} s",), _done),
    Known(_S, "detach", "detach", _open, lambda _, number: _descriptors(number)),
    Known(_S, "_real_close", "close", _open, _done),
    Known(socket, "dup", "dup", _word, lambda _, number: _descriptors(number)),
    Known(socket, "close", "close", _word, _done),
)
