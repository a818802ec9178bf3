"""Hold many connections in child processes, for the parts that read the socket table; and time on the processor."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sockets_lab.kernel.machine import UNLIMITED, descriptor_limits

SPARE = 100  # descriptors that a process needs for itself
MOST = 9000  # connections a process; each is two descriptors

# Clients have many addresses, 200 connections each. Closed with a reset, no connection is left in TIME_WAIT.
HOLDER = """
import resource, socket, struct, sys
number, count = map(int, sys.argv[1:])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held, listener = [], socket.create_server((f"127.{number}.0.1", 0), backlog=16)
for one in range(count):
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: the port is chosen by connect
    client.bind((f"127.{number}.1.{1 + one // 200}", 0))
    client.connect(listener.getsockname())
    held += [client, listener.accept()[0]]
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
for one in held:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""


@contextmanager
def connections(count: int) -> Iterator[set[tuple[str, int]]]:
    """Hold so many connections, which are twice as many rows. Yields: the names of the listeners that took them."""
    hard = descriptor_limits()[1]
    each = MOST if hard == UNLIMITED else min(MOST, (hard - SPARE) // 2)
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", HOLDER, str(number), str(min(each, count - begin))],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )
            )
            for number, begin in enumerate(range(0, count, each), 101)
        ]  # fmt: skip
        ports = [child.stdout.readline() for child in children if child.stdout]
        if not all(ports):
            raise SystemExit(f"{count:,} connections could not be opened here: what hinders it stands above.")
        yield {(f"127.{number}.0.1", int(port)) for number, port in enumerate(ports, 101)}


def on_processor(way: Callable[[], object]) -> float:
    """Return the seconds that the processor works for a way, in this process and in children that it waits for.

    Nothing here waits, so that on an idle machine a clock shows the same; on a shared one it counts the neighbors too.
    """
    begun = _processor()
    way()
    return _processor() - begun


def _processor() -> float:
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
