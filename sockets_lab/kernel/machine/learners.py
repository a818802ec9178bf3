"""Who this learner is, and the loopback address and the groups that are theirs. Nobody is asked to log in."""

import getpass
import os
from hashlib import sha256

from sockets_lab.kernel.machine.credentials import ticket
from sockets_lab.kernel.machine.probes import LOOPBACK, loopback_addresses
from sockets_lab.model import whole_number

OWN_GROUPS = 4  # multicast groups of each learner; 65,536 / 4 learners who follow each other share none


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
