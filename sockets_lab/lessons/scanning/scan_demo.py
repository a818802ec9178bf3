"""The whole scene: A scans B, C is an ordinary client of B's services meanwhile, and B watches its ports."""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice

from sockets_lab import guard
from sockets_lab.errors import Refused, attempt
from sockets_lab.lab import Lab, Node
from sockets_lab.lab.firewall import Service
from sockets_lab.lessons.scanning.detecting import Attempt, Visit
from sockets_lab.lessons.scanning.outcome import Progress, Scan
from sockets_lab.lessons.scanning.remote import scan_from
from sockets_lab.lessons.scanning.scan_options import Ports, chosen_ports
from sockets_lab.lessons.scanning.tcp import source_towards
from sockets_lab.lessons.scanning.watching import SPREAD, watch
from sockets_lab.model import Endpoint

SERVICES = (2222, 5900, 6667, 8080, 8443, 9000)
LISTENERS = 200  # at most, where they stand in for a capture
BETWEEN = 1.2  # seconds between two scans
QUIET = 0.3  # seconds before and after all scans
SETTLED = 1.0  # seconds in which what was sent last must have been seen
PATIENCE = 1.0  # seconds for one connection of the client
VISITS, PAUSE = 5, 0.04  # of the client at a stretch; seconds between two, on average


@dataclass(frozen=True)
class Round:
    """One scan: its ports, how many a second (None: as fast as it goes), and its order, as for `scan`."""

    ports: Ports
    rate: float | None = None
    order: str = "shuffled"


@dataclass(frozen=True)
class Observed:
    """What B saw, and what really was. missed: packets that came too fast to be read. differs: "" where all is seen."""

    attempts: tuple[Attempt, ...] = field(repr=False)
    truth: tuple[Visit, ...]
    scans: tuple[Scan | Refused, ...]
    missed: int
    differs: str


def observe(
    lab: Lab, rounds: Iterable[Round], client: bool = True, progress: Callable[[Progress], object] | None = None,
    stop: threading.Event | None = None,
) -> Observed:  # fmt: skip
    """Let A scan B once for each round, C use B's services meanwhile, and B watch.

    Args: lab: with nodes A, B, C; client: whether C comes; progress, stop: as for `scan`.
    Raises: BadInput; NodeError, where the lab is closed meanwhile.
    """
    plan = tuple(rounds)
    asked = list(islice(dict.fromkeys([*SERVICES, *(port for one in plan for port in chosen_ports(one.ports))]),
                        LISTENERS + 1))  # fmt: skip
    places = asked if len(asked) <= LISTENERS else [*SERVICES, *SPREAD]
    over = threading.Event()
    with ExitStack() as held:
        log = held.enter_context(watch(lab.B, places))
        if log.kind == "capture":  # listeners that stand in are services already
            for port in SERVICES:
                held.enter_context(Service(lab.B, port))
        pool = held.enter_context(ThreadPoolExecutor(1))
        held.callback(over.set)
        coming = pool.submit(_come, lab.C, lab.B.address, over) if client else None
        source = lab.A.run(source_towards, lab.B.address)
        scans: list[Scan | Refused] = []
        truth = []
        time.sleep(QUIET)
        for one in plan:
            if scans:
                time.sleep(BETWEEN)
            began = time.time()
            scans.append(scan_from(lab.A, lab.B.address, one.ports, progress=progress, stop=stop, rate=one.rate,
                                   order=one.order))  # fmt: skip
            truth.append(Visit(source, began, time.time()))
            if stop is not None and stop.is_set():
                break
        time.sleep(QUIET)
        over.set()
        if coming:
            coming.result()
        seen = _settled(log.attempts)
    return Observed(seen, tuple(truth), tuple(scans), log.missed, log.differs)


def visit(address: str, ports: Sequence[int] = SERVICES, source: str | None = None, times: int = VISITS) -> None:
    """Connect to some of these ports again and again, as a client of such services does, and hang up each time.

    Args: address: as for `scan`; source: the client's own address, None = the kernel chooses. Raises: BadInput.
    """
    target = guard.destination(Endpoint(address, 0)).address
    own = guard.destination(Endpoint(source, 0)).sockaddr if source else None
    for _ in range(times):
        came = attempt(socket.create_connection, (target, random.choice(ports)), PATIENCE, own)
        if not isinstance(came, Refused):
            came.close()
        time.sleep(PAUSE * 2 * random.random())


def _come(node: Node, address: str, over: threading.Event) -> None:
    while not over.is_set():
        node.run(visit, address, SERVICES, node.address)


def _settled(look: Callable[[], tuple[Attempt, ...]]) -> tuple[Attempt, ...]:
    """Look until nothing more comes."""
    end = time.monotonic() + SETTLED
    seen = look()
    while time.monotonic() < end:
        time.sleep(0.05)
        before, seen = seen, look()
        if len(seen) == len(before):
            break
    return seen
