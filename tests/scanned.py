"""A machine to scan, of which the truth is known: open ports, free ports, and ports that stay silent."""

import os
import random
import select
import shutil
import socket
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from sockets_lab.lab import Node
from sockets_lab.lessons import scanning

TEXT = {"A": "10.20.30.40", "B": "50.60.70.80"}
Make = Callable[..., socket.socket]

needs_nft = pytest.mark.skipif(not shutil.which("nft"), reason="nft (nftables) is not installed: no firewall to set up")
needs_nmap = pytest.mark.skipif(not shutil.which("nmap"), reason="nmap is not installed: no second opinion")


def open_ports(held: ExitStack, address: str, count: int, make: Make = socket.socket) -> set[int]:
    """Listen at so many ports that the kernel chooses."""
    found = set()
    for _ in range(count):
        sock = held.enter_context(make())
        sock.bind((address, 0))
        sock.listen(100)
        found.add(sock.getsockname()[1])
    return found


def free_ports(held: ExitStack, address: str, count: int) -> set[int]:
    """Hold so many ports without listening: nobody else gets them, and whoever asks there is refused."""
    found = set()
    for _ in range(count):
        sock = held.enter_context(socket.socket())
        sock.bind((address, 0))
        found.add(sock.getsockname()[1])
    return found


def full_port(held: ExitStack, address: str) -> int:
    """Listen at a port whose queue is full, so that whoever asks there gets no answer. Skips where he gets one."""
    listener = held.enter_context(socket.socket())
    listener.bind((address, 0))
    listener.listen(0)
    for _ in range(20):
        client = held.enter_context(socket.socket())
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        if not select.select([], [client], [], 0.15)[1]:
            return listener.getsockname()[1]
    pytest.skip("here a full queue does not leave clients without an answer")


@contextmanager
def answering(sock: socket.socket, times: int = 1) -> Iterator[int]:
    """Answer every datagram that comes to a bound socket, so many times, from a thread. Yields: its port."""
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            if select.select([sock], [], [], 0.02)[0]:
                data, who = sock.recvfrom(65535)
                for _ in range(times):
                    sock.sendto(b"heard " + data, who)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield sock.getsockname()[1]
    finally:
        over.set()
        thread.join()


def firewall(node: Node, *rules: str) -> None:
    """Set up a firewall in a node."""
    lines = ["flush ruleset", "add table inet t", "add chain inet t i { type filter hook input priority 0; }"]
    lines += [f"add rule inet t i {rule}" for rule in rules]
    node.run(partial(subprocess.run, ["nft", "-f", "-"], input="\n".join(lines).encode(), check=True))


def setting(node: Node, name: str, value: str) -> None:
    """Change a setting of a node's own network stack."""

    def write() -> None:
        with open(f"/proc/sys/net/ipv4/{name}", "w") as file:
            file.write(value)

    node.run(write)


def in_node(node: Node, function: Callable = scanning.scan, *args, **kwargs):
    """Scan from a node. The scan's whole result travels."""
    return node.run(partial(function, **kwargs), *args)


def nmap(node: Node, *args: str) -> tuple[dict[str, set[int]], dict[str, int]]:
    """Let nmap scan from a node. Returns: ports by state, and how many more there are of states told in one sum."""
    done = node.run(partial(subprocess.run, ["nmap", "-n", "-Pn", "-oX", "-", *args], check=True, capture_output=True))
    tree = ElementTree.fromstring(done.stdout)
    found: dict[str, set[int]] = {}
    for port in tree.iter("port"):
        found.setdefault(port.find("state").get("state"), set()).add(int(port.get("portid")))  # type: ignore
    return found, {one.get("state"): int(one.get("count")) for one in tree.iter("extraports")}  # type: ignore


def sample(count: int, *without: int) -> set[int]:
    """Choose ports by chance, none of some others."""
    return set(random.sample([port for port in scanning.ALL if port not in without], count))


def resource_limit(descriptors: int) -> None:
    """Limit this process's descriptors; a node's process, which ends with the lab."""
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def descriptors_open() -> int:
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
