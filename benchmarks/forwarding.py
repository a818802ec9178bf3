"""Forward through our forwarder, haproxy, socat, an asyncio forwarder, and a limit in C: what a GiB, a round trip, and
many connections at once cost.

Usage: python benchmarks/forwarding.py [--quick]        (ten minutes; Linux; needs gcc; haproxy, socat where they are)

A GiB costs the forwarder's CPU time alone: that of its process and its children, all threads, until the last byte has
arrived. Round trips are of one byte, everything on one core. With many connections, each asks again as soon as it has
its answer. The two ends are programs in C (limits/ends.c), so that they are never what is measured, and compare every
byte. haproxy is measured with splice and without; its goals are held against it without.
"""

import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psutil
from measuring import Bars, Goal, Lines, Report, in_turns, limit, linear, main, ratios, times_ours

OURS, COPYING, LIMIT = "ours", "ours, recv and send", "C, splice"
HAPROXY, SPLICING, SOCAT, ASYNCIO = "haproxy", "haproxy, splice", "socat", "asyncio streams"
DIRECT = "no forwarder"
TITLE = "A forwarder beside its peers"
ROUNDS = 9
SIZE = 1024  # MiB a turn
TRIPS = 2000
CROWD = 1000  # connections
ASKED = 20  # times by each of them
CROWDS = [10, 100, CROWD, 3 * CROWD]  # C needs six descriptors for each, and 20,000 is a usual limit

OURS_PROGRAM = """
import sys
from sockets_lab.lessons.filtering.forwarding import Forwarder
from sockets_lab.model import Endpoint
with Forwarder(Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", int(sys.argv[1])), splice=sys.argv[2] == "splice") as it:
    print(it.endpoint.port, flush=True)
    sys.stdin.read()
"""
ASYNCIO_PROGRAM = """
import asyncio, sys
async def pass_on(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
async def join(reader, writer):
    there, target = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    await asyncio.gather(pass_on(reader, target), pass_on(there, writer))
    writer.close()
    target.close()
async def serve():
    server = await asyncio.start_server(join, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(serve())
"""
HAPROXY_SETTINGS = """
global
    maxconn 5000
    nbthread 1
defaults
    mode tcp
    timeout client 1m
    timeout server 1m
    timeout connect 5s
    {option}
listen forwarder
    bind fd@{listener}
    server target 127.0.0.1:{target}
"""


@dataclass(frozen=True)
class Way:
    """A forwarder that runs: its process (0: there is none), and the port at which it takes connections."""

    process: int
    port: int
    name: str = ""

    @property
    def cpu(self) -> float:
        """The CPU seconds of all threads of the process and of its children, so far. Source: proc(5), schedstat."""
        if not self.process:
            return 0
        family = [psutil.Process(self.process), *psutil.Process(self.process).children(recursive=True)]
        tasks = [task for one in family for task in Path(f"/proc/{one.pid}/task").iterdir()]
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def running(command: list[str], **more: object) -> Iterator[subprocess.Popen]:
    """Run a program for a while; end it, and whatever it started, by its process group."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE} | more
    with subprocess.Popen(command, start_new_session=True, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            os.killpg(process.pid, 15)


def tells_port(stack: ExitStack, *command: str) -> Way:
    """Run a program that prints its port first."""
    process = stack.enter_context(running(list(command)))
    return Way(process.pid, int(process.stdout.readline()))


def haproxy(stack: ExitStack, target: int, option: str) -> Way:
    """Run haproxy, which is handed a socket that listens already."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
    command = ["haproxy", "-db", "-q", "-f", "/dev/stdin"]
    process = stack.enter_context(running(command, pass_fds=[listener.fileno()]))
    with process.stdin as told:
        told.write(HAPROXY_SETTINGS.format(option=option, listener=listener.fileno(), target=target))
    return Way(process.pid, listener.getsockname()[1])


def socat(stack: ExitStack, target: int) -> Way:
    """Run socat, which tells on its standard error at which port it listens."""
    listen = "TCP4-LISTEN:0,bind=127.0.0.1,backlog=4096,nodelay,fork"
    command = ["socat", "-d", "-d", listen, f"TCP4:127.0.0.1:{target},nodelay"]
    process = stack.enter_context(running(command, stderr=subprocess.PIPE))
    return Way(process.pid, int(process.stderr.readline().rpartition(":")[2]))


def ways(stack: ExitStack, target: int, bare: str) -> dict[str, Way]:
    """Start every forwarder that there is, each to this target. Args: bare: the program that is the limit."""
    python = partial(tells_port, stack, sys.executable, "-c")
    found = {
        OURS: python(OURS_PROGRAM, str(target), "splice"),
        COPYING: python(OURS_PROGRAM, str(target), "copy"),
        LIMIT: tells_port(stack, bare, str(target)),
        ASYNCIO: python(ASYNCIO_PROGRAM, str(target)),
    }
    if shutil.which("haproxy"):
        found |= {HAPROXY: haproxy(stack, target, ""), SPLICING: haproxy(stack, target, "option splice-auto")}
    if shutil.which("socat"):
        found[SOCAT] = socat(stack, target)
    return found


@contextmanager
def at_both_ends(ends: str, *words: object) -> Iterator[subprocess.Popen]:
    """Let the program that is at both ends work, until the end of its input."""
    with subprocess.Popen([ends, *map(str, words)], stdin=-1, stdout=-1, text=True) as process:
        yield process


def said(process: subprocess.Popen) -> str:
    """Read a line. Raises: RuntimeError, where there is none, as something was not as it should be."""
    if line := process.stdout.readline().strip():  # type: ignore[union-attr]
        return line
    raise RuntimeError("what was forwarded did not arrive, or not as it was sent")


def cpu_a_gib(ends: str, size: int, way: Way) -> float:
    """Send so many MiB. Returns: the forwarder's CPU seconds, for a GiB."""
    before = way.cpu
    with at_both_ends(ends, "send", way.port, size) as process:
        said(process)
        return (way.cpu - before) * 1024 / size


def round_trip(ends: str, way: Way) -> float:
    """Send a byte to and fro. Returns: the median of the microseconds."""
    with at_both_ends(ends, "trips", way.port, TRIPS) as process:
        return float(said(process))


def asked(ends: str, crowd: int, walls: dict[str, list[float]], way: Way) -> float:
    """Ask over many connections at once. Args: walls: keeps the seconds by the clock on the wall, by name.

    Returns: the forwarder's CPU seconds, without those for making and closing the connections.
    """
    with at_both_ends(ends, "ask", way.port, crowd, ASKED) as process:
        said(process)
        before = way.cpu
        print(file=process.stdin, flush=True)
        walls.setdefault(way.name, []).append(float(said(process)))
        return way.cpu - before


def compared(ends: str, bare: str, target: str, measure: Callable[[Way], float], rounds: int, without: set[str]
             ) -> dict[str, list[float]]:  # fmt: skip
    """Let every way take its turn. Args: target: "echo" or "sink"; without: names of ways that take no part."""
    with ExitStack() as stack:
        port = tells_port(stack, ends, target).port
        found = {DIRECT: Way(0, port)} | ways(stack, port, bare)
        turns = {name: partial(measure, replace(way, name=name)) for name, way in found.items() if name not in without}
        in_turns(turns, 1)  # the first time is nobody's usual
        return in_turns(turns, rounds)


def on_one_core(ends: str, bare: str, rounds: int) -> dict[str, list[float]]:
    """Time round trips with everything on one core, as all that is started from here stays there."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        return compared(ends, bare, "echo", partial(round_trip, ends), rounds, {COPYING})
    finally:
        os.sched_setaffinity(0, allowed)


def goals(bulk: dict[str, list[float]], trips: dict[str, list[float]], crowd: dict[str, list[float]]) -> list[Goal]:
    """Hold what was measured against what is to be reached."""
    exact = "every byte compared at the other end"
    found = [Goal("CPU a GiB: ours / C splice", ratios(bulk[OURS], bulk[LIMIT]), 1.2, exact=exact)]
    if HAPROXY in bulk:
        found += [
            Goal("CPU a GiB: ours / haproxy without splice", ratios(bulk[OURS], bulk[HAPROXY]), 0.55, exact=exact),
            Goal("round trip on one core: ours / haproxy", ratios(trips[OURS], trips[HAPROXY]), 1.05, exact=exact),
        ]
    requests = f"requests a second of a core, over {CROWD:,} connections: ours / {ASYNCIO}"
    return [*found, Goal(requests, ratios(crowd[ASYNCIO], crowd[OURS]), 2.5, at_least=True, exact=exact)]


def measure(quick: bool) -> Report:
    """Compare what a GiB, a round trip, and many connections at once cost. Every byte is checked."""
    rounds, size = (3, 128) if quick else (ROUNDS, SIZE)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    walls: dict[int, dict[str, list[float]]] = {crowd: {} for crowd in CROWDS}
    with limit("ends") as ends, limit("forwarding") as bare:
        if not ends or not bare:
            return Report(TITLE, [], skipped=["gcc is not installed, and the two ends are programs in C"])
        bulk = compared(ends, bare, "sink", partial(cpu_a_gib, ends, size), rounds, {DIRECT})
        trips = on_one_core(ends, bare, rounds)
        cpu = {crowd: compared(ends, bare, "echo", partial(asked, ends, crowd, walls[crowd]),
                               rounds if crowd == CROWD else 3, {COPYING, SOCAT}) for crowd in CROWDS}  # fmt: skip
    # Without the first time, as in `compared`
    walls = {crowd: {name: seconds[1:] for name, seconds in walls[crowd].items()} for crowd in CROWDS}
    crowd = {name: taken for name, taken in cpu[CROWD].items() if name != DIRECT}
    points = {name: [(float(crowd), statistics.median(walls[crowd][name]) / ASKED * 1000) for crowd in CROWDS]
              for name in cpu[CROWD]}  # fmt: skip
    on_the_wall = times_ours(walls[CROWD], OURS)
    bars = [
        Bars("CPU seconds a GiB", times_ours(bulk, OURS)),
        Bars("A round trip of one byte, on one core", times_ours(trips, OURS)),
        Bars(f"CPU seconds a request, over {CROWD:,} connections at once", times_ours(crowd, OURS)),
    ]
    lines = [Lines("A request over every connection at once", "connections", "milliseconds", points)]
    rows = [f"{CROWD:,} connections at once, by the clock on the wall, {name}: {statistics.median(values):.2f} times "
            f"ours ({min(values):.2f} to {max(values):.2f})" for name, values in on_the_wall.items()]  # fmt: skip
    skipped = [f"{name} is not installed" for name in (HAPROXY, SOCAT) if not shutil.which(name)]
    reached = [*goals(bulk, trips, crowd), linear("a request over every connection at once", points[OURS])]
    return Report(TITLE, reached, bars, lines, rows, skipped)


if __name__ == "__main__":
    main(measure)
