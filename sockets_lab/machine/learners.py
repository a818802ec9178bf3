"""Who this learner is, and the loopback address that is theirs. Nobody is asked to log in."""

import getpass
import os
from hashlib import sha256

from sockets_lab.machine.probes import LOOPBACK, loopback_addresses


def learner() -> str:
    """Return who this is: SOCKETS_LAB_LEARNER in the environment, else the user's number, else the user's name."""
    named = os.environ.get("SOCKETS_LAB_LEARNER", "").strip()
    if named:
        return named
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
    who = learner()
    is_number = who.isascii() and who.isdecimal() and len(who) <= 20
    number = int(who) if is_number else int.from_bytes(sha256(who.encode()).digest()[:4], "big")
    return f"127.{64 + (number >> 16) % 64}.{(number >> 8) % 256}.{number % 256}"
