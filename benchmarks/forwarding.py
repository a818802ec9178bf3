"""Time the forwarder against haproxy and socat, where these are installed. Takes less than half a minute.

Usage: python benchmarks/forwarding.py [MiB a turn]        (256)

Only ratios count: each is the median over rounds in which every way had a turn. CPU is the forwarder's alone: its
process's and its children's, all threads, from the first byte until the last has arrived. Round trips are of one byte,
everything on one core, as a multiple of a round trip without a forwarder. Linux only.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

ROUNDS = 7
TRIPS = 1000
MIB = 1 << 20
PATIENCE = 60  # seconds; none of this takes one
OURS = """
import sys
from sockets_lab.forwarding import Forwarder
from sockets_lab.model import Endpoint
with Forwarder(Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", int(sys.argv[1])), splice={}) as forwarder:
    print(forwarder.endpoint.port, flush=True)
    sys.stdin.read()
"""
SERVER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
room = bytearray(1 << 20)
while True:
    with listener.accept()[0] as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        left = int.from_bytes(sock.recv(8, socket.MSG_WAITALL), "big")
        while left and (count := sock.recv_into(room)):
            left -= count
        while sock.send(b"."):  # what was sent has arrived; from here on an echo
            if not sock.recv(1):
                break
"""
HAPROXY = """
global
    maxconn 4000
    nbthread 1
defaults
    mode tcp
    timeout client 1m
    timeout server 1m
    timeout connect 5s
    option splice-auto
listen forwarder
    bind fd@{}
    server target 127.0.0.1:{}
"""


@contextmanager
def running(command: list[str], **more: object) -> Iterator[subprocess.Popen]:
    """Run a program for a while; end it, and whatever it started, by its process group."""
    with subprocess.Popen(command, start_new_session=True, text=True, **more) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            os.killpg(process.pid, 15)


def told_port(stack: ExitStack, program: str, *arguments: str) -> tuple[int, int]:
    """Run a Python program that prints its port first. Returns: its process id, and the port."""
    command = [sys.executable, "-c", program, *arguments]
    process = stack.enter_context(running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    assert process.stdout is not None
    return process.pid, int(process.stdout.readline())


def haproxy(stack: ExitStack, target: int) -> tuple[int, int]:
    """Run haproxy, which is handed a socket that listens already."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    command = ["haproxy", "-db", "-q", "-f", "/dev/stdin"]
    process = stack.enter_context(running(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()]))
    assert process.stdin is not None
    with process.stdin as told:
        told.write(HAPROXY.format(listener.fileno(), target))
    return process.pid, listener.getsockname()[1]


def socat(stack: ExitStack, target: int) -> tuple[int, int]:
    """Run socat, which tells on its standard error at which port it listens."""
    command = ["socat", "-d", "-d", "TCP4-LISTEN:0,bind=127.0.0.1,nodelay,fork", f"TCP4:127.0.0.1:{target},nodelay"]
    process = stack.enter_context(running(command, stderr=subprocess.PIPE))
    assert process.stderr is not None
    return process.pid, int(process.stderr.readline().rpartition(":")[2])


def ways(stack: ExitStack, target: int) -> dict[str, tuple[int, int]]:
    """Start every forwarder that there is. Returns: name -> its process id, and its port."""
    found = {
        "ours, splice": told_port(stack, OURS.format(True), str(target)),
        "ours, recv and send": told_port(stack, OURS.format(False), str(target)),
    }
    return found | {peer.__name__: peer(stack, target) for peer in (haproxy, socat) if shutil.which(peer.__name__)}


def cpu(process: int) -> float:
    """Add up the CPU seconds of all threads of a process and of its children. Source: proc(5), schedstat."""
    family = [psutil.Process(process), *psutil.Process(process).children(recursive=True)]
    tasks = [task for one in family for task in Path(f"/proc/{one.pid}/task").iterdir()]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def connected(port: int, count: int) -> socket.socket:
    """Connect, and tell how many bytes come before the echo."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(count.to_bytes(8, "big"))
    return sock


def seconds_a_gib(process: int, port: int, size: int) -> float:
    """Send so many MiB. Returns: the forwarder's CPU seconds, for a GiB."""
    data = bytes(MIB)
    before = cpu(process)
    with connected(port, size * MIB) as sock:
        for _ in range(size):
            sock.sendall(data)
        assert sock.recv(1) == b"."
        return (cpu(process) - before) * 1024 / size


def seconds_a_trip(_: int, port: int, __: int) -> float:
    """Send a byte to and fro. Returns: the median of the times."""
    times = []
    with connected(port, 0) as sock:
        assert sock.recv(1) == b"."
        for _ in range(TRIPS):
            begun = time.perf_counter()
            sock.send(b"?")
            sock.recv(1)
            times.append(time.perf_counter() - begun)
    return statistics.median(times)


def measured(measure: Callable[[int, int, int], float], size: int, direct: bool) -> dict[str, list[float]]:
    """Let every way take its turn, round by round. Args: direct: also the server itself, as a way."""
    with ExitStack() as stack:
        server = told_port(stack, SERVER)
        turns = ({"direct": server} if direct else {}) | ways(stack, server[1])
        for process, port in turns.values():
            measure(process, port, 1)  # the first time is nobody's usual
        return {
            name: [one[name] for one in rounds]
            for rounds in [[{name: measure(*way, size) for name, way in turns.items()} for _ in range(ROUNDS)]]
            for name in turns
        }


def main() -> None:
    """Print what every way costs, and how many times ours that is."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    print(f"{ROUNDS} rounds\n{'':22}{'CPU seconds a GiB':>20}{'times ours':>14}")
    costs = measured(seconds_a_gib, size, direct=False)
    for name, values in costs.items():
        ratios = [value / ours for value, ours in zip(values, costs["ours, splice"], strict=True)]
        print(f"{name:22}{statistics.median(values):20.2f}{statistics.median(ratios):14.2f}")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    trips = measured(seconds_a_trip, 0, direct=True)
    print(f"\n{'':22}{'microseconds a trip':>20}{'times direct':>14}")
    for name, values in trips.items():
        ratios = [value / direct for value, direct in zip(values, trips["direct"], strict=True)]
        print(f"{name:22}{statistics.median(values) * 1e6:20.0f}{statistics.median(ratios):14.2f}")


if __name__ == "__main__":
    main()
