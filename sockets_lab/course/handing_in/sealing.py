"""The seal: a number made from what a file says and a key, which nobody makes without the key.

Whoever has the key can seal anything. A seal shows that the holder of a ticket made a file and that nobody changed it
on its way; it cannot show that the holder did not write it by hand. Source: RFC 2104 (HMAC), FIPS 180-4 (SHA-256).
"""

import hmac
import json
from typing import Any

from sockets_lab.kernel.machine import Ticket


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
