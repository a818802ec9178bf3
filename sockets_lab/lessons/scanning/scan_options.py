"""What a scan is asked to do: which ports, in which order, how long to wait. Checked before any socket is touched."""

import random
from collections.abc import Iterable
from itertools import chain

from sockets_lab.errors import BadInput
from sockets_lab.model import MAX_PORT, checked_port

ALL = range(1, MAX_PORT + 1)  # port 0 is nobody's: as a destination it is reserved
ORDERS = ("shuffled", "in order", "as given")
SPELLINGS = "pass such as 1-1024, \"22,80,8000-8100\", range(1, 1025), or a list of port numbers"
FASTEST = 1_000_000  # ports a second; no scan from Python gets there

Ports = int | str | Iterable[int | str]


def chosen_ports(ports: Ports) -> list[int]:
    """Return the port numbers that are meant, each once, in the order in which they were given.

    Args: ports: one number, a text of numbers and ranges ("22,80,8000-8100"), or an iterable of those; 1-65535.
    Raises: BadInput.
    """
    if isinstance(ports, int | str):
        ports = [ports]
    if not isinstance(ports, Iterable) or isinstance(ports, bytes | bytearray | memoryview):
        raise BadInput(f"{ports!r} are no ports to scan: {SPELLINGS}.")
    if isinstance(ports, range):  # quickly, as it is the usual case, and surely not endless
        found = list(ports) if ports and {ports[0], ports[-1]} <= set(ALL) else []
    else:
        found = list(dict.fromkeys(chain.from_iterable(map(_spelled, ports))))
    if not found or 0 in found:
        raise BadInput(f"{ports!r} are no ports to scan: {SPELLINGS}; each from 1 to {MAX_PORT}.")
    return found


def in_order(ports: Ports, order: str = "shuffled") -> list[int]:
    """Return the ports in the order, one of ORDERS, in which a scan asks for them. Raises: BadInput."""
    if order not in ORDERS:
        raise BadInput(f"{order!r} is no order for a scan: pass one of {', '.join(ORDERS)}.")
    found = chosen_ports(ports)
    if order == "in order":
        found.sort()
    elif order == "shuffled":
        random.shuffle(found)
    return found


def checked_seconds(value: object, what: str, least: float, most: float) -> float:
    """Return a time in seconds. Raises: BadInput, where it is none, or is out of the range."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadInput(f"{value!r} is no {what}: pass seconds from {least:g} to {most:g}.")
    return float(value)


def checked_rate(rate: object) -> float | None:
    """Return a rate in ports a second; None stands for as fast as it goes. Raises: BadInput."""
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0.001 <= rate <= FASTEST:
        raise BadInput(f"{rate!r} is no rate: pass ports a second from 0.001 to {FASTEST}, or None for no pauses.")
    return float(rate)


def _spelled(one: object) -> Iterable[int]:
    """Read one number, or a text of numbers and ranges. Raises: BadInput."""
    if not isinstance(one, str):
        return [checked_port(one)]
    found: list[int] = []
    for part in one.split(","):
        low, dash, high = part.partition("-")
        first = checked_port(low)
        last = checked_port(high) if dash else first
        if last < first:
            raise BadInput(f"{part.strip()!r} is no range of ports: write the lower number first, as 1-1024.")
        found += range(first, last + 1)
    return found
