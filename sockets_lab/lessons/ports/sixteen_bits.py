"""Sixteen bits: what becomes of any value, good or bad, that is offered as a port number."""

import socket
import struct
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused, refusal
from sockets_lab.model import Endpoint, checked_port


@dataclass(frozen=True)
class NumberTrial:
    """What became of one number (or what should be one) as a port, in four places.

    `course`: the port, or the course's sentence. `field`: the two bytes of a header, None = does not fit.
    `python`: the exception's name with its message, or None = taken. `kernel`: what `bind` answered, None = not asked.
    `lookup`: the port that `getaddrinfo` made of the same digits, None = refused or no digits.
    """

    value: object
    course: int | str
    field: bytes | None
    python: str | None
    kernel: Endpoint | Refused | None
    lookup: int | None

    def __str__(self) -> str:
        field = "cannot hold it" if self.field is None else self.field.hex(" ")
        return "\n".join([
            f"{self.value!r} as a port number",
            f"the course: {self.course}",
            f"the header's 16 bits: {field}",
            f"Python: {self.python or 'takes it'}",
            f"the kernel: {self.kernel or 'never asked'}",
            f"getaddrinfo: {'refuses it' if self.lookup is None else self.lookup}",
        ])  # fmt: skip


def try_number(value: object) -> NumberTrial:
    """Offer any value at all as a port number: to the course, a header field, Python's `bind` and `getaddrinfo`.

    Some C libraries cut a number that is too large down to its lowest 16 bits, so that 65616 becomes port 80.
    Source: RFC 9293 section 3.1, RFC 768; bind(2), getaddrinfo(3).
    """
    try:
        course: int | str = checked_port(value)
    except BadInput as mistake:
        course = str(mistake)
    try:
        field = struct.pack("!H", value)
    except struct.error:
        field = None
    python: str | None = None
    kernel: Endpoint | Refused | None = None
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", value))
            kernel = Endpoint.of(sock.getsockname())
        except OSError as error:
            kernel = refusal(error)
        except (OverflowError, TypeError) as error:
            python = f"{type(error).__name__}: {error}"
    return NumberTrial(value, course, field, python, kernel, _look_up(value))


def _look_up(value: object) -> int | None:
    digits = str(value)
    if isinstance(value, bool) or not digits.removeprefix("-").isdecimal():
        return None
    numeric = socket.AI_NUMERICHOST  # nothing is asked of any name server
    try:
        found = socket.getaddrinfo("127.0.0.1", digits, socket.AF_INET, socket.SOCK_STREAM, 0, numeric)
        return Endpoint.of(found[0][4]).port
    except (OSError, OverflowError, UnicodeError):
        return None
