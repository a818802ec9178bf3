"""What a refusal of the operating system means, and how a caller's mistake is told. Imports nothing of ours.

A refusal is a result of an experiment (`Refused`). A mistake of the caller is an exception (`BadInput`).
"""

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

MEANINGS = {
    "EACCES": "this user may not do that here: the port is privileged or reserved, or a rule of the system forbids it",
    "EADDRINUSE": "the kernel already has a socket whose claim on this address and port excludes yours",
    "EADDRNOTAVAIL": "this machine has no such address to give, or every port that could be given is taken",
    "EAFNOSUPPORT": "this machine does not speak that address family",
    "EAGAIN": "nothing is there yet, and the socket was told not to wait",
    "EALREADY": "this socket is already busy with the connection that you asked for before",
    "EBADF": "no open socket or file stands behind this descriptor",
    "ECONNABORTED": "the connection was given up before it was accepted",
    "ECONNREFUSED": "the machine answered at once that nobody listens there",
    "ECONNRESET": "the other end threw the connection away instead of closing it in order",
    "EDESTADDRREQ": "the socket has no remote address yet, so a destination must be named",
    "EHOSTUNREACH": "no way leads to that host",
    "EINPROGRESS": "the connection is on its way; the socket was told not to wait for it",
    "EINTR": "a signal interrupted the call before it was done",
    "EINVAL": "the socket is in a state in which this call makes no sense, such as binding it twice",
    "EISCONN": "the socket is connected already",
    "EMFILE": "this process has no descriptor left to give: its limit is reached",
    "EMSGSIZE": "the datagram is larger than one datagram can be",
    "ENETUNREACH": "no network of this machine leads to that address",
    "ENFILE": "the whole machine has no file entry left to give",
    "ENOBUFS": "the kernel has no buffer left for this",
    "ENODEV": "there is no such device or network interface",
    "ENOENT": "there is no such thing under that name",
    "ENOMEM": "the kernel has no memory left for this",
    "ENOPROTOOPT": "this kernel does not know that socket option",
    "ENOSPC": "a limit of the system on how many of these there may be is reached, and it may be set to none",
    "ENOSYS": "this system has no such call",
    "ENOTCONN": "the socket is not connected to anybody",
    "ENOTSOCK": "this descriptor stands for something that is no socket",
    "EOPNOTSUPP": "this kind of socket cannot do that, as a datagram socket cannot listen",
    "EPERM": "this user may not do that",
    "EPIPE": "the sending direction is closed, so nothing more can be sent",
    "EPROTONOSUPPORT": "this machine does not speak that protocol in that family",
    "EPROTOTYPE": "this protocol does not fit this type of socket",
    "ETIMEDOUT": "the other end did not answer for so long that the kernel gave up",
    "DEADLINE": "nothing came before the deadline that the course set",
}

ONE_NAME = {"EWOULDBLOCK": "EAGAIN", "ENOTSUP": "EOPNOTSUPP"}  # two names for one refusal, on Linux for one number


class BadInput(ValueError):
    """A caller's mistake: one sentence that says what to pass instead. A notebook shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class NoResult(AttributeError):
    """Somebody counted on a result, and it was refused. A notebook shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@dataclass(frozen=True)
class Refused:
    """What the operating system answered instead of doing it: the errno's name, and what that means."""

    name: str
    because: str

    def __str__(self) -> str:
        return f"{self.name}: {self.because}"

    if not TYPE_CHECKING:  # or no attribute would be checked any more

        def __getattr__(self, name: str) -> Any:
            """Say why there is none, where somebody counted on a result."""
            raise AttributeError(name) if name.startswith("__") else NoResult(f"There is no {name!r} here. {self}.")


def refusal(error: OSError) -> Refused:
    """Explain an OSError under its errno name, which is the same on every system where its number is not.

    Windows names its numbers WSAE...; they mean the same as the E... of POSIX, so the prefix goes.
    A TimeoutError without a number is a deadline of Python's, not an answer of the kernel: "DEADLINE".
    """
    if isinstance(error, TimeoutError) and error.errno is None:
        name = "DEADLINE"
    elif isinstance(error, socket.gaierror | socket.herror):
        name = "unknown"  # a name look-up counts its errors in another way: the number is no errno
    else:
        name = errno.errorcode.get(error.errno or 0, "unknown").removeprefix("WSA")
        name = ONE_NAME.get(name, name)
    return Refused(name, MEANINGS.get(name, str(error)))


def attempt(call: Callable[..., Any], *args: Any) -> Any:
    """Make one call of the operating system: return what it answers, or `Refused` where it refuses.

    Only OSError becomes a result; a mistake in the arguments (TypeError, OverflowError, BadInput) still raises.
    """
    try:
        return call(*args)
    except OSError as error:
        return refusal(error)
