"""Time the socket table against other ways to read it: psutil, `ss`, and /proc/net/tcp. Takes less than a minute.

Usage: python benchmarks/table.py [connections ...]        (100 1000 10000)

A connection on loopback is two rows. Only ratios count: each is the median over rounds in which every way had a turn.
"""

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from sockets_lab import table
from sockets_lab.machine import UNLIMITED, descriptor_limits

A_PROCESS = 2000  # connections; each is two descriptors
ROUNDS = {100: 25, 1000: 15}
LISTED = ("ss", "-t", "-a", "-n")

HOLDER = """
import resource, socket, struct, sys
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held, listener = [], socket.create_server(("127.0.0.1", 0), backlog=16)
for _ in range(int(sys.argv[1])):
    held.append(socket.create_connection(listener.getsockname()))
    held.append(listener.accept()[0])
print(len(held), flush=True)
sys.stdin.read()
for one in held:  # reset, so that no connection is left in TIME_WAIT
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""


@contextmanager
def connections(count: int) -> Iterator[None]:
    """Hold so many connections in child processes."""
    hard = descriptor_limits()[1]
    each = A_PROCESS if hard == UNLIMITED else min(A_PROCESS, (hard - 50) // 2)
    with ExitStack() as stack:
        for begin in range(0, count, each):
            command = [sys.executable, "-c", HOLDER, str(min(each, count - begin))]
            child = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            if not child.stdout or not child.stdout.readline():
                raise SystemExit(f"{count} connections could not be opened here")
        yield


def proc_net_tcp() -> list[tuple[str, ...]]:
    """Read the files that Linux keeps for older programs, without turning their numbers into names."""
    files = [path for path in map(Path, ("/proc/net/tcp", "/proc/net/tcp6")) if path.exists()]
    return [tuple(line.split()[1:4]) for path in files for line in path.read_text().splitlines()[1:]]


def ways() -> dict[str, Callable[[], object]]:
    """Name the ways that there are here; all of TCP, IPv4 and IPv6."""
    found: dict[str, Callable[[], object]] = {
        f"snapshot ({table.source()})": lambda: table.snapshot("tcp"),
        "snapshot with owners": lambda: table.snapshot("tcp", owners=True),
        "psutil (with owners)": lambda: psutil.net_connections("tcp"),
    }
    if Path("/proc/net/tcp").exists():
        found["/proc/net/tcp, split"] = proc_net_tcp
    if shutil.which("ss"):
        found["ss -tan, a process"] = lambda: subprocess.run(LISTED, capture_output=True, check=True)
        found["ss -tanp, a process"] = lambda: subprocess.run((*LISTED, "-p"), capture_output=True, check=True)
    return found


def measure(rounds: int) -> dict[str, list[float]]:
    """Let every way take its turn, round by round. Returns: seconds, one a round."""
    taken: dict[str, list[float]] = {name: [] for name in ways()}
    for _ in range(rounds):
        for name, way in ways().items():
            begun = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - begun)
    return taken


def main() -> None:
    """Print a table of milliseconds and ratios for each number of connections."""
    for count in [int(word) for word in sys.argv[1:]] or [100, 1000, 10_000]:
        with connections(count):
            taken = measure(ROUNDS.get(count, 7))
            rows = len(table.snapshot("tcp"))
        first = next(iter(taken.values()))
        print(f"\n{count} connections, {rows} rows of TCP in the table; {len(first)} rounds")
        print(f"{'way':24}{'milliseconds':>14}{'times the snapshot':>20}")
        for name, seconds in taken.items():
            ratio = statistics.median(one / other for one, other in zip(seconds, first, strict=True))
            print(f"{name:24}{statistics.median(seconds) * 1000:14.2f}{ratio:20.2f}")


if __name__ == "__main__":
    main()
