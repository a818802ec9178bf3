"""A ticket is kept, and seals. A seal is a number made from a file's words and a key: nobody makes it without the key.

Whoever has the key can seal anything. A seal shows that the holder of a ticket made a file and that nobody changed it
on its way; it cannot show that the holder did not write it by hand. Source: RFC 2104 (HMAC), FIPS 180-4 (SHA-256).
"""

import hmac
import json
import os
from pathlib import Path
from typing import Any

from sockets_lab.errors import BadInput
from sockets_lab.kernel.machine import Ticket, folder, read_ticket
from sockets_lab.kernel.machine.learners import FILE


def key_of(secret: str, learner: str) -> str:
    """Make the key of one learner from the class's secret: nobody gets from one key to another, or to the secret."""
    return hmac.digest(secret.encode(), f"ticket of {learner}".encode(), "sha256").hex()[:32]


def ticket_of(secret: str, learner: str) -> Ticket:
    """Return the ticket of one learner of the class with this secret."""
    return Ticket(learner, key_of(secret, learner))


def seal(key: str, kind: str, content: dict[str, Any]) -> str:
    """Seal what a dictionary says, whatever it says under "seal". Kind: a word, so that no seal fits another thing."""
    said = {name: value for name, value in content.items() if name != "seal"}
    text = json.dumps([kind, said], sort_keys=True, separators=(",", ":"))
    return hmac.digest(bytes.fromhex(key), text.encode(), "sha256").hex()


def fits(key: str, kind: str, content: dict[str, Any]) -> bool:
    """Tell whether the seal that stands in a dictionary was made with this key from what it says now."""
    return hmac.compare_digest(seal(key, kind, content), content["seal"])


def sealed(own: Ticket | None, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return the content with its seal; with an empty one where there is no ticket."""
    return content | {"seal": seal(own.key, kind, content) if own else ""}


def join(text: str) -> tuple[Ticket, Path]:
    """Keep a ticket in this user's data folder, readable by this user alone. Raises: BadInput, OSError.

    Kernels that run already keep their personal numbers: restart them.
    """
    own, place = read_ticket(text), folder()
    if place is None:
        raise BadInput("Nothing is kept on disk here: set SOCKETS_LAB_TICKET in the environment to your ticket.")
    place.mkdir(parents=True, exist_ok=True)
    path = place / FILE
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{own.learner}:{own.key}\n")
    return own, path
