"""Have 50,000 connections to one port: how long it takes beside C with epoll and asyncio streams, and what one weighs.

Usage: python benchmarks/crowd.py [--quick]

A way is what plays the hosts of a crowd (load_roles.py): they accept at one shared listener, as many
processes as the limit of descriptors asks for, and send every client's byte back. asyncio is asked only where one
process does. The guests are the same for each, in C, so that they cost as little as can be. Two more ways are all of
the course's, hosts and guests, and all of C.
Time runs from the first connect until every guest has its byte back.
"""

import asyncio
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import streams
from measuring import Bars, Goal, Lines, Report, in_turns, limit, linear, main, ratios, times_ours

from sockets_lab.kernel import table
from sockets_lab.kernel.machine import descriptor_limits
from sockets_lab.lessons import fourtuples
from sockets_lab.lessons.fourtuples.load_test import FEW, divided, listener, python_memory, roles
from sockets_lab.lessons.fourtuples.load_worker import PROGRAM, Member
from sockets_lab.model import Endpoint

PATIENCE = 120.0  # seconds
WEIGHED = 6000  # connections: a dictionary of Python's has just grown there, and so one takes the most
OURS, C, ASYNCIO = "selectors (ours)", "C, epoll", "asyncio streams"
ALL_OURS, ALL_C = "all ours, guests too", "all C"
TITLE = "Many connections to one port"
CHECKED = "each guest's own byte came back; in the kernel's table is each connection, from both ends, no name twice"
STREAMS = (sys.executable, str(Path(__file__).with_name("streams.py")))


@contextmanager
def gathered(count: int, hosts: tuple[str, ...], guests: tuple[str, ...]) -> Iterator[tuple[Endpoint, float]]:
    """Let programs play hosts and guests. Yields: where they meet, and the seconds that it took."""
    until = time.monotonic() + PATIENCE
    with ExitStack() as stack, listener() as sock:
        shares = divided(count, descriptor_limits()[0] - FEW)
        members = [
            stack.enter_context(Member(*role, until, hosts if role[0][0] == "host" else guests))
            for role in roles(sock, shares, shares, until)
        ]
        for one in members:
            one.wait_until_ready()
        begun = time.monotonic()
        for one in members:
            one.begin()
        outcomes = [one.outcome() for one in members[len(shares) :]]
        assert sum(done for done, _ in outcomes) == count, outcomes
        yield Endpoint.of(sock.getsockname()), time.monotonic() - begun


def seconds(count: int, hosts: tuple[str, ...], guests: tuple[str, ...]) -> float:
    """Gather a crowd, and hold it against the kernel's table."""
    with gathered(count, hosts, guests) as (endpoint, taken):
        check(endpoint, count)
        return taken


def experiment(count: int) -> float:
    """Have the course's own experiment gather a crowd, and hold it against the kernel's table. Returns: seconds."""
    with fourtuples.crowd(count, weigh=False, seconds=PATIENCE) as made:
        assert made.made == count, made
        check(made.endpoint, count)
        return made.seconds


def check(endpoint: Endpoint, count: int) -> None:
    """Find each connection in the kernel's table, from both ends, under a name that no other has."""
    rows = table.snapshot(("tcp",), ("ESTABLISHED",))
    ends = {row.four_tuple for row in rows if row.local == endpoint}
    assert len(ends) == sum(row.local == endpoint for row in rows) == count
    assert {name.reversed() for name in ends} == {row.four_tuple for row in rows if row.remote == endpoint}


def streams_bytes() -> float:
    """Weigh what a connection takes with asyncio streams, in this process."""

    async def weighed() -> float:
        with listener() as sock:
            until, clients = time.monotonic() + PATIENCE, []
            ((role, inherited),) = roles(sock, [], [WEIGHED], until)
            with Member(role, inherited, until) as guests, python_memory() as kept:
                guests.wait_until_ready()
                server = await streams.serve(sock, WEIGHED, clients)
                guests.begin()
                done, why = await asyncio.to_thread(guests.outcome)
                assert (done, why, server.is_serving()) == (WEIGHED, "", True)
                return kept() / WEIGHED

    return asyncio.run(weighed())


def ours_bytes() -> float:
    """Weigh what a connection takes in the course's experiment, in this process."""
    with fourtuples.crowd(WEIGHED) as made:
        assert made.here == WEIGHED, made
        return made.python_bytes


def measure(quick: bool) -> Report:
    """Gather crowds, all ways in turns."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sizes, rounds = ([1000, 5000], 3) if quick else ([1000, 5000, 20_000, 50_000], 7)
    with limit("crowd") as program:
        if program is None:
            return Report(TITLE, [], skipped=["everything: gcc is not installed"])
        hosts = {OURS: PROGRAM, C: (program,), ASYNCIO: STREAMS}
        found = {}
        for count in sizes:
            alone = count <= descriptor_limits()[0] - FEW  # where hosts share a listener, asyncio resets some clients
            ways = {name: partial(seconds, count, host, (program,)) for name, host in hosts.items()
                    if alone or name != ASYNCIO}  # fmt: skip
            ways |= {ALL_OURS: partial(experiment, count), ALL_C: partial(seconds, count, (program,), (program,))}
            found[count] = in_turns(ways, rounds)
    most, taken = sizes[-1], found[sizes[-1]]
    heaviest, whole = streams_bytes(), ratios(taken[ALL_OURS], taken[ALL_C])
    return Report(
        TITLE,
        [
            Goal(f"{most:,} connections to one port, times C", ratios(taken[OURS], taken[C]), 1.3, exact=CHECKED),
            Goal(f"{most:,} connections, {ALL_OURS}, times {ALL_C}", whole, 1.3, exact=CHECKED),
            linear("connections to one port", [(count, statistics.median(found[count][OURS])) for count in sizes]),
            Goal("Python's memory for one", [ours_bytes() for _ in range(rounds)], 300, unit="bytes", every=True),
        ],
        [Bars(f"{most:,} connections to one port",
              times_ours({name: taken[name] for name in hosts if name in taken}, OURS))],
        [
            Lines("Connections to one port", "connections", "seconds until all are served", {
                name: [(count, statistics.median(found[count][name])) for count in sizes if name in found[count]]
                for name in found[sizes[0]]
            })
        ],
        [f"asyncio streams take {heaviest:,.0f} bytes of Python for one"],
    )  # fmt: skip


if __name__ == "__main__":
    main(measure)
