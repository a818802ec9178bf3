"""What a refusal of the operating system means, and how a caller's mistake is told.

A refusal is a result of an experiment (`Refused`). A mistake of the caller is an exception (`BadInput`).
"""

import dis
import errno
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING, Any, TypeVar

from sockets_lab.meanings import meaning

T = TypeVar("T")
ONE_NAME = {"EWOULDBLOCK": "EAGAIN", "ENOTSUP": "EOPNOTSUPP"}  # two names for one refusal, on Linux for one number
LOADS = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_GLOBAL", "LOAD_NAME")  # instructions that load what has a name
_Socket = socket.socket  # as it was at the start: a recording, or a test, may put another one in its place
LOOKUP = tuple(name for name in vars(socket) if name.startswith("EAI_"))


class Plain:
    """An exception that a notebook shows without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class BadInput(Plain, ValueError):
    """A caller's mistake: one sentence that says what to pass instead."""


class NoResult(Plain, AttributeError):
    """Somebody counted on a result, and it was refused."""


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


def first_refused(answers: Iterable[object]) -> Refused | None:
    """Return the first refusal among the system's answers; None: there is none."""
    return next((one for one in answers if isinstance(one, Refused)), None)


def describe(answer: object) -> str:
    """Spell an answer of the system in a word: a refusal by its errno name, anything else as it spells itself."""
    return answer.name if isinstance(answer, Refused) else str(answer)


def refusal(error: OSError, call: str = "", sock: Any = None, args: tuple = ()) -> Refused:
    """Explain an OSError under its errno name, which is the same on every system where its number is not.

    Windows names its numbers WSAE...; they mean the same as the E... of POSIX, so the prefix goes. A TimeoutError
    without a number is a time limit of Python's, not an answer of the kernel: "DEADLINE". A name look-up has names of
    its own, EAI_...

    Args: call: the system call that failed, by default the one that the traceback shows; sock, args: of the call.
    """
    if isinstance(error, TimeoutError) and error.errno is None:
        name = "DEADLINE"
    elif isinstance(error, socket.gaierror | socket.herror):
        name = next((each for each in LOOKUP if getattr(socket, each) == error.errno), "unknown")
    else:
        name = errno.errorcode.get(error.errno or 0, "unknown").removeprefix("WSA")
        name = ONE_NAME.get(name, name)
    return Refused(name, meaning(name, call or failed_call(error), sock, args) or str(error))


def failed_call(error: BaseException) -> str:
    """Name the function whose call raised an error, as its code spells it: "bind" for `sock.bind(address)`, or ""."""
    name, step = "", error.__traceback__
    while step is not None:
        name = _called_at(step.tb_frame.f_code, step.tb_lasti) or name  # the innermost call with a name
        step = step.tb_next
    return name


@lru_cache(maxsize=256)
def _called_at(code: CodeType, at: int) -> str:
    """Name what the instruction at an offset calls: the last name loaded from where the text of the call begins."""
    *before, call = (each for each in dis.get_instructions(code) if each.offset <= at)
    if not call.opname.startswith("CALL") or _begin(call)[1] is None:
        return ""
    loaded = (each for each in reversed(before) if each.opname.startswith(LOADS) and _begin(each) == _begin(call))
    return next((str(each.argval) for each in loaded), "")


def _begin(instruction: dis.Instruction) -> tuple[int | None, int | None]:
    """Where the text begins that an instruction was made from: line and column."""
    place = instruction.positions
    return (place.lineno, place.col_offset) if place else (None, None)


def attempt(call: Callable[..., T], *args: Any) -> T | Refused:
    """Make one call of the operating system: return what it answers, or `Refused` where it refuses.

    Only OSError becomes a result; a mistake in the arguments (TypeError, OverflowError, BadInput) still raises.
    """
    try:
        return call(*args)
    except OSError as error:
        sock = getattr(call, "__self__", None)
        return refusal(error, call.__name__, sock, args) if isinstance(sock, _Socket) else refusal(error)
