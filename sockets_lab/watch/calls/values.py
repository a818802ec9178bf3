"""What a recording holds: calls, and the parts that their arguments and answers are made of. Plain frozen values."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sockets_lab.errors import Refused, refusal
from sockets_lab.model import Endpoint, counted

SHOWN = 16  # bytes of data that are kept


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
        return f"{counted(self.length)} {self.start!r}{more}" if self.length else counted(0)


@dataclass(frozen=True)
class Raised:
    """What Python raised where the protocol stack gave no answer: the exception's name, why, whether it was asked."""

    name: str
    because: str
    asked: bool = False


Part: TypeAlias = Descriptor | Endpoint | Data | str
Parts: TypeAlias = tuple[Part, ...]
Answer: TypeAlias = Parts | Refused | Raised | None


@dataclass(frozen=True)
class Call:
    """One socket call and its answer.

    order: 1, 2, ... as the calls began; thread: None for the thread that opened the recording; descriptor: the one the
    call was made on (None for `socket`, `socketpair`); name: as in the man pages; answer: parts, `Refused`, `Raised`,
    or None where none had come when the recording ended; local: the socket's local endpoint after a call that can
    change it; returned_after: the order of the last call that had begun when this one returned; seconds: how long.
    """

    order: int
    thread: str | None
    descriptor: Descriptor | None
    name: str
    arguments: Parts
    answer: Answer = None
    local: Endpoint | None = None
    returned_after: int | None = None
    seconds: float | None = None

    def request(self, spell: Callable[[Part], str] = str) -> str:
        """Spell the call as the man pages do: `bind(5, 127.0.0.1:0)`."""
        on = () if self.descriptor is None else (self.descriptor,)
        return f"{self.name}({', '.join(map(spell, on + self.arguments))})"

    def reply(self, spell: Callable[[Part], str] = str) -> str:
        """Spell the answer in a few words; a refusal by its errno name."""
        if self.answer is None:
            return "no answer yet"
        if isinstance(self.answer, tuple):
            return ", ".join(map(spell, self.answer)) or "done"
        return self.answer.name

    def __str__(self) -> str:
        return f"{self.request()} -> {self.reply()}"


def raised(error: BaseException, call: str = "", args: tuple = ()) -> Refused | Raised:
    """Tell a refusal of the kernel from what Python raised by itself. Args: of the call, the socket first."""
    if isinstance(error, (socket.gaierror, socket.herror)):  # their numbers are no errnos
        return Raised(type(error).__name__, refusal(error).because)
    if isinstance(error, TimeoutError) or (isinstance(error, OSError) and error.errno is not None):
        return refusal(error, call, args[0] if args else None, args[1:])
    if isinstance(error, Exception):
        return Raised(type(error).__name__, str(error))
    return Raised(type(error).__name__, "the call was interrupted before an answer came", asked=True)
