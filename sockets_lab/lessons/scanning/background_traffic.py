"""Ordinary clients, among which a scan has to be found: they connect to the few services that they use."""

import random
import socket
import time

from sockets_lab import guard
from sockets_lab.errors import Refused, attempt
from sockets_lab.lessons.scanning.scan_options import Ports, checked_seconds, chosen_ports
from sockets_lab.model import Endpoint, whole_number

PATIENCE = 1.0  # seconds for one connection


def visit(
    address: str, ports: Ports, times: int = 20, pause: float = 0.02, seed: int | str | None = None,
    source: str | None = None,
) -> tuple[tuple[int, bool], ...]:  # fmt: skip
    """Connect to some of these ports again and again, as a client of such services does, and hang up each time.

    Args: address: as for `scan`; times: 1-10000; pause: seconds on average between two, 0-60; seed: of the choice;
        source: the client's own address, None: the kernel chooses.
    Returns: port and whether there was a connection, for each visit in their order. Raises: BadInput.
    """
    target = guard.destination(Endpoint(address, 0))
    services = chosen_ports(ports)
    own = None if source is None else guard.destination(Endpoint(source, 0)).sockaddr
    whole_number(times, 1, 10_000, "a number of visits")
    checked_seconds(pause, "pause", 0, 60)
    chance = random.Random(seed)
    made = []
    for _ in range(times):
        port = chance.choice(services)
        made.append((port, not isinstance(attempt(_visit, target.family, (target.address, port), own), Refused)))
        time.sleep(pause * 2 * chance.random())
    return tuple(made)


def _visit(family: int, there: tuple[str, int], own: tuple | None) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        if own:
            sock.bind(own)
        sock.settimeout(PATIENCE)
        sock.connect(there)
