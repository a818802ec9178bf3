"""Other programs of the same machine: one that takes every port that is given back, one that has the lessons' ports."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import machines
from kernels import ROOT, Kernel, troubles, unclear

from faults.found import Found, each, lessons

# What lessons name by number: services, knocks, scanned ports, the port that leases an address
NUMBERS = (1234, 2222, 3306, 4443, 4444, 5555, 5900, 6667, 7000, 7001, 7002, 8000, 8001, 8080, 8081, 8443, 8888, 9000,
           *range(20000, 20013), *range(40000, 40008), 62201, 65535)  # fmt: skip

SEEN = "with nodes to the end; on loopback a sentence for each cell that found its port taken"

TAKER = """
import os, socket, sys, threading, time
sys.path.insert(0, sys.argv[1])
from sockets_lab import table

held, before, count = {}, set(), 0

def end():
    sys.stdin.read()
    print(count, flush=True)
    os._exit(0)

threading.Thread(target=end, daemon=True).start()
while True:
    now = {(row.protocol, row.local.port) for row in table.snapshot()}
    for protocol, port in before - now - held.keys():
        sock = socket.socket(type=socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("0.0.0.0", port))
            protocol == "udp" or sock.listen()
        except OSError:
            sock.close()
            continue
        held[protocol, port], count = (sock, time.monotonic() + 3), count + 1
    for name in [name for name, (_, until) in held.items() if until < time.monotonic()]:
        held.pop(name)[0].close()
        now.discard(name)
    before = now
    time.sleep(0.001)
"""
# Who was there before may be in TIME_WAIT for a minute, and without SO_REUSEADDR keeps the port to itself
LISTENER = """
import socket, sys, time
held, until = [], time.monotonic() + 75

def bind(sock, port):
    while True:
        try:
            return sock.bind(("0.0.0.0", port))
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)

for port in map(int, sys.argv[1:]):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        held.append(socket.socket(type=kind))
        kind == socket.SOCK_STREAM and held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bind(held[-1], port)
        kind == socket.SOCK_DGRAM or held[-1].listen()
print(len(held), flush=True)
sys.stdin.read()
"""


@contextmanager
def _program(*command: str) -> Iterator[subprocess.Popen]:
    """Run a program that ends with its input."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        yield program


def taken_ports(quick: bool) -> Found:
    """Let a competitor take each port that is free again, at once and at every address, and keep it for 3 seconds."""
    paths, wrong, count = lessons(quick), [], 0
    for run, nodes in ((_whole, ""), (_clear, "loopback")):  # all lessons share loopback, and the numbers they name
        with _program(sys.executable, "-c", TAKER, str(ROOT)) as taker:
            wrong += each(partial(run, nodes), paths)
            taken = int(taker.communicate()[0])
        count += taken
        if not taken:
            wrong.append("no port was taken")
    often = f"{count:,} ports, in each of {len(paths)} notebooks, with nodes and on loopback"
    return Found("a port taken between look and bind", often, SEEN, wrong)


def wildcards(quick: bool) -> Found:
    """Let another user listen at 0.0.0.0 on all ports that lessons name."""
    paths = lessons(quick)
    listener = [*machines.AS_NOBODY, "/usr/bin/python3", "-I", "-c", LISTENER, *map(str, NUMBERS)]
    with _program(*listener) as program:
        if not program.stdout.readline():
            return Found("wildcard listener", "", "", [], "another user could not listen")
        wrong = each(partial(_whole, ""), paths) + each(partial(_clear, "loopback"), paths)
    often = f"{len(NUMBERS)} ports of another user, for each of {len(paths)} notebooks, with nodes and on loopback"
    return Found("another user's wildcard listener on the lesson's port", often, SEEN, wrong)


def _whole(nodes: str, path: Path) -> Iterator[str]:
    with Kernel(SOCKETS_LAB_NODES=nodes) as kernel:
        yield from troubles(kernel.lesson(path))


def _clear(nodes: str, path: Path) -> Iterator[str]:
    with Kernel(SOCKETS_LAB_NODES=nodes) as kernel:
        yield from unclear(kernel.lesson(path))
