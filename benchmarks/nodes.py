"""Time how a lab of two nodes is built and ended, and count what goes wrong in many of them. Takes two minutes.

Usage: python benchmarks/nodes.py [labs]        (500)

Beside the course's own rtnetlink stands pyroute2, where it is installed, on the same task: two namespaces, a bridge,
two cables, addresses and routes, in a process that is started for it. Only ratios count: the two take turns.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from sockets_lab import nodes

ROOT = str(Path(nodes.__file__).parents[2])
ROUNDS = 15
TEXT = {"A": "10.20.30.40", "B": "50.60.70.80"}
PATIENCE = 0.9  # seconds; a first packet that is lost is repeated after one

FORK = """
import os, socket, sys
sys.path[:] = {path}
from sockets_lab.netns import rtnetlink, unsharing
unsharing.unshare(unsharing.USER | unsharing.NETWORK)
{prepare}
for number in range(2):
    line, its_line = socket.socketpair()
    child = os.fork()
    if child == 0:
        unsharing.unshare(unsharing.NETWORK)
        its_line.send(b"r"); its_line.recv(1)
        {inside}
        its_line.send(b"d"); os._exit(0)
    line.recv(1)
    {cable}
    line.send(b"g"); line.recv(1)
"""
OWN = {
    "prepare": "rtnetlink.make_bridge('sw'); rtnetlink.set_up('sw')",
    "inside": "rtnetlink.set_up('lo'); rtnetlink.add_address('eth0', f'10.0.0.{number}'); rtnetlink.set_up('eth0'); "
    "rtnetlink.add_route(f'10.0.0.{1 - number}', 32, 'eth0')",
    "cable": "rtnetlink.make_cable(f'p{number}', 'eth0', child, bytes([2, 0, 0, 0, 0, number])); "
    "rtnetlink.plug_in(f'p{number}', 'sw'); rtnetlink.set_up(f'p{number}')",
}
PYROUTE2 = {
    "prepare": "from pyroute2 import IPRoute; ip = IPRoute(); ip.link('add', ifname='sw', kind='bridge'); "
    "switch = ip.link_lookup(ifname='sw')[0]; ip.link('set', index=switch, state='up')",
    "inside": "own = IPRoute(); own.link('set', index=1, state='up'); eth = own.link_lookup(ifname='eth0')[0]; "
    "own.addr('add', index=eth, address=f'10.0.0.{number}', prefixlen=32); own.link('set', index=eth, state='up'); "
    "own.route('add', dst=f'10.0.0.{1 - number}/32', oif=eth, scope='link')",
    "cable": "ip.link('add', ifname=f'p{number}', kind='veth', "
    "peer={'ifname': 'eth0', 'net_ns_fd': f'/proc/{child}/ns/net'}); near = ip.link_lookup(ifname=f'p{number}')[0]; "
    "ip.link('set', index=near, master=switch); ip.link('set', index=near, state='up')",
}


def wired(how: dict[str, str]) -> float:
    """Make two namespaces and wire them in a new process. Returns: seconds."""
    program = FORK.format(path=[ROOT, *sys.path], **how)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)
    return time.perf_counter() - began


def lab() -> tuple[float, float, bool]:
    """Build a lab and end it. Returns: seconds of both, and whether its first datagram arrived."""
    began = time.perf_counter()
    with nodes.Lab(**TEXT) as made:
        up = time.perf_counter()
        sender, receiver = (node.socket(socket.AF_INET, socket.SOCK_DGRAM) for node in made.nodes)
        with sender, receiver:
            receiver.bind((made.B.address, 8888))
            receiver.settimeout(PATIENCE)
            sender.sendto(b"first", (made.B.address, 8888))
            try:
                arrived = receiver.recv(10) == b"first"
            except TimeoutError:
                arrived = False
        ending = time.perf_counter()
    return up - began, time.perf_counter() - ending, arrived


def memory() -> float:
    """Add up what the processes of a lab take, their share of what they share counted once. Returns: MiB."""
    with nodes.Lab(**TEXT) as made:
        switch = int(Path(f"/proc/{made.A.process}/stat").read_text().rpartition(")")[2].split()[1])
        launcher = int(Path(f"/proc/{switch}/stat").read_text().rpartition(")")[2].split()[1])
        total = 0
        for process in (launcher, switch, *(node.process for node in made.nodes)):
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    before = len(os.listdir("/proc/self/fd"))
    measured = [lab() for _ in range(count)]
    ups, downs = (sorted(one[which] * 1000 for one in measured) for which in (0, 1))
    slow = ups[count * 95 // 100]
    print(f"{count} labs of two nodes: up in {statistics.median(ups):.0f} ms (95 of 100 in {slow:.0f}), "
          f"ended in {statistics.median(downs):.0f} ms")  # fmt: skip
    print(f"first datagrams that did not arrive: {sum(not one[2] for one in measured)} of {count}; "
          f"descriptors before and after: {before}, {len(os.listdir('/proc/self/fd'))}")  # fmt: skip
    print(f"memory of a lab's processes: {memory():.1f} MiB")
    if find_spec("pyroute2"):
        ratios = [wired(PYROUTE2) / wired(OWN) for _ in range(ROUNDS)]
        print(f"pyroute2 / own rtnetlink, whole process: {statistics.median(ratios):.1f} "
              f"({min(ratios):.1f} to {max(ratios):.1f})")  # fmt: skip
    else:
        print("pyroute2 is not installed: pip install pyroute2 to compare with it")


if __name__ == "__main__":
    main()
