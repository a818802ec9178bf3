"""Time what a learner waits for: an import, two nodes, the first picture, and the whole course.

Usage: python benchmarks/starting.py [--quick]        (five minutes; --quick: half a minute, without the course)

Imports are timed in fresh interpreters, in turns. Beside the course's own rtnetlink stands pyroute2, where it is
installed, on the same task: two namespaces, a bridge, two cables, addresses and routes.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import course
from measuring import Bars, Goal, Report, in_turns, main, ratios, times_ours

from sockets_lab.lab import Lab

ROOT = str(Path(__file__).parents[1])
TEXT = {"A": "10.20.30.40", "B": "50.60.70.80"}
PATIENCE = 0.9  # seconds; a first packet that is lost is repeated after one
FIRST = "01_descriptors"  # the lesson whose first picture is waited for
TIMED = """
import sys, time
sys.path.insert(0, {root!r})
began = time.perf_counter()
{line}
print(time.perf_counter() - began)
"""
IMPORTS = {
    "import sockets_lab": "import sockets_lab",
    "the standard library's sockets": "import socket, selectors, struct",
    "psutil": "import psutil",
    "all experiments of lesson 02": "from sockets_lab import binding",
    "ipywidgets": "import ipywidgets",
    "matplotlib.pyplot": "import matplotlib.pyplot",
}

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
    with Lab(**TEXT) as made:
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
    with Lab(**TEXT) as made:
        switch = int(Path(f"/proc/{made.A.process}/stat").read_text().rpartition(")")[2].split()[1])
        launcher = int(Path(f"/proc/{switch}/stat").read_text().rpartition(")")[2].split()[1])
        total = 0
        for process in (launcher, switch, *(node.process for node in made.nodes)):
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def imported(line: str) -> float:
    """Import in a fresh interpreter. Returns: seconds that the import took there."""
    program = TIMED.format(root=ROOT, line=line)
    return float(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout)


def measure(quick: bool) -> Report:
    """Time imports, labs, the first picture and the whole course."""
    taken = in_turns({name: partial(imported, line) for name, line in IMPORTS.items()}, 5 if quick else 21)
    ours, stdlib = taken["import sockets_lab"], taken["the standard library's sockets"]
    before = len(os.listdir("/proc/self/fd"))
    labs = [lab() for _ in range(20 if quick else 200)]
    assert len(os.listdir("/proc/self/fd")) == before, "labs have left descriptors"
    arrived = sum(one[2] for one in labs)
    assert arrived == len(labs), f"{len(labs) - arrived} first datagrams did not arrive"
    pictures = [course.run(course.NOTEBOOKS / f"{FIRST}.ipynb", until_picture=True).seconds for _ in range(3)]
    goals = [
        Goal("import sockets_lab, beside psutil", ratios(ours, taken["psutil"]), 1),
        Goal("import sockets_lab, beside the standard library's sockets", ratios(ours, stdlib), 1.5),
        Goal("two nodes up", [one[0] * 1000 for one in labs], 100, unit="ms",
             exact="the first datagram of each lab arrived, and no descriptor was left"),
        Goal(f"from the start of a kernel to the first picture of {FIRST}", pictures, 3, unit="s"),
    ]  # fmt: skip
    rows = [f"a lab of two nodes: ended in {statistics.median(one[1] for one in labs) * 1000:.0f} ms, "
            f"its processes take {memory():.1f} MiB"]  # fmt: skip
    bars = [Bars("Imports, in a fresh interpreter: import sockets_lab", times_ours(taken, "import sockets_lab"))]
    skipped = []
    if not quick:
        seconds, runs = course.course(course.lessons())
        how = f"{course.KERNELS} kernels at a time on {course.CORES} cores"
        goals.append(Goal(f"the whole course, {len(runs)} lessons, {how}", [seconds], 90, unit="s"))
        rows += [f"{one.name}: {one.seconds:.1f} s" for one in runs]
    if find_spec("pyroute2"):
        turns = in_turns({"own": partial(wired, OWN), "pyroute2": partial(wired, PYROUTE2)}, 5 if quick else 15)
        bars.append(Bars("Two namespaces wired, a whole process: our rtnetlink", times_ours(turns, "own")))
    else:
        skipped.append("pyroute2 is not installed")
    return Report("Starting", goals, bars, rows=rows, skipped=skipped)


if __name__ == "__main__":
    main(measure)
