"""A learner's ticket: the name under which the class knows them, and the key that seals what they hand in.

A teacher gives each learner one line of text, `name:key`. Who learns alone needs none.
"""

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_data_path

from sockets_lab.errors import BadInput

LONGEST = 64  # characters of a name
KEY = 32  # hexadecimal digits of a key: 128 bits
FILE = "ticket.txt"


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
