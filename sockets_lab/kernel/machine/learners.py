"""Who this learner is, and what is theirs alone: a ticket, a loopback address, groups. Nobody is asked to log in.

A ticket is one line of text from the teacher, `name:key`: the name under which the class knows the learner, and the key
that seals what they hand in. Who learns alone needs none.
"""

import getpass
import os
import unicodedata
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from platformdirs import user_data_path

from sockets_lab.errors import BadInput
from sockets_lab.kernel.machine.probes import LOOPBACK, loopback_addresses
from sockets_lab.model import whole_number

LONGEST = 64  # characters of a name
KEY = 32  # hexadecimal digits of a key: 128 bits
FILE = "ticket.txt"
OWN_GROUPS = 4  # multicast groups of each learner; 65,536 / 4 learners who follow each other share none


@dataclass(frozen=True)
class Ticket:
    """A learner's name in the class, and the key that is theirs alone."""

    learner: str
    key: str = field(repr=False)


def folder() -> Path | None:
    """Return where progress is kept; None where the environment's SOCKETS_LAB_DATA is empty: keep nothing on disk."""
    chosen = os.environ.get("SOCKETS_LAB_DATA")
    if chosen is None:
        return user_data_path("sockets_lab") / "progress"
    return Path(chosen) if chosen else None


def is_name(text: object) -> bool:
    """Tell whether this can name a learner: 1 to 64 characters that can be seen, none of them a blank at an end."""
    return (
        isinstance(text, str) and 0 < len(text) <= LONGEST and text.isprintable() and text == text.strip()
        and unicodedata.is_normalized("NFC", text)
    )  # fmt: skip


def read_ticket(text: str) -> Ticket:
    """Read the line that the teacher gave. Raises: BadInput."""
    name, _, key = text.strip().rpartition(":")
    name, key = unicodedata.normalize("NFC", name), key.lower()
    if not is_name(name) or len(key) != KEY or set(key) - set("0123456789abcdef"):
        raise BadInput(f"This is no ticket: pass the whole line that you were given, name:key, with {KEY} digits.")
    return Ticket(name, key)


def ticket() -> Ticket | None:
    """Return this learner's ticket: SOCKETS_LAB_TICKET in the environment, else the one that was kept, else None."""
    text, place = os.environ.get("SOCKETS_LAB_TICKET", ""), folder()
    try:
        if not text and place:
            text = (place / FILE).read_text(encoding="utf-8")
        return read_ticket(text) if text else None
    except (OSError, ValueError):  # none, or not legible: who hands in is told that there is none
        return None


def learner() -> str:
    """Return who this is: SOCKETS_LAB_LEARNER in the environment, else the ticket's name, else the user's number,
    else the user's name.
    """
    named = os.environ.get("SOCKETS_LAB_LEARNER", "").strip()
    if named:
        return named
    given = ticket()
    if given:
        return given.learner
    if hasattr(os, "getuid"):
        return str(os.getuid())
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return "learner"


def home_address() -> str:
    """Return this learner's own loopback address, so that many on one host can use the same port numbers.

    Returns: 127.x.y.z with x from 64 to 127, the same on every call; 127.0.0.1 where no other can be bound.
    """
    if not loopback_addresses():
        return LOOPBACK
    number = _number()
    return f"127.{64 + (number >> 16) % 64}.{(number >> 8) % 256}.{number % 256}"


def home_group(which: int = 0) -> str:
    """Return one of this learner's own multicast groups, 239.255.x.y, the same on every call.

    Args: which: 0-3. Raises: BadInput. Source: RFC 2365 section 6.1 (the local scope).
    """
    whole_number(which, 0, OWN_GROUPS - 1, "one of your groups")
    place = (_number() * OWN_GROUPS + which) % 65536
    return f"239.255.{place >> 8}.{place % 256}"


def _number() -> int:
    who = learner()
    is_number = who.isascii() and who.isdecimal() and len(who) <= 20
    return int(who) if is_number else int.from_bytes(sha256(who.encode()).digest()[:4], "big")
