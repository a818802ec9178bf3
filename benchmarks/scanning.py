"""Scan 65,535 ports, 50 of them open, beside nmap, a plain loop, and a limit in C; and ports that stay silent.

Usage: python benchmarks/scanning.py [--quick]        (two minutes; needs namespaces; nmap, gcc, nft where they are)

All scan one node's own loopback, in which nobody else listens, and each scan is held against the truth. A scan's time
is what passes but for the time in which it could run and another program had the core (schedstat): that is the
machine's, and would drown the rest on a machine that is shared. What the wall's clock says is a row of the report.
"""

import os
import shutil
import socket
import statistics
import subprocess
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from measuring import Bars, Goal, Lines, Report, in_turns, limit, linear, main, ratios, times_ours

from sockets_lab.kernel.machine import try_namespaces
from sockets_lab.lab import Lab, Node
from sockets_lab.lessons import scanning

OURS, LOOP, NMAP, LIMIT = "ours", "plain loop", "nmap -sT -T5", "C, system calls alone"
HOME = "127.0.0.1"
ALL = scanning.ALL[-1]
OPEN = 50
ROUNDS = 10
SIZES = [1000, 4000, 16000, ALL]  # ports
DEADLINES = 0.5, 2.0  # seconds: what a scan waits for an answer if nobody says otherwise, and more
DROPPED = 10

Found = tuple[float, float, set[int]]  # seconds on the wall, those without a core, the ports found open


def without_core(process: str) -> float:
    """Return for how long a process could have run while its core was another's, in seconds. Source: proc(5)."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9


def timed(scan: Callable[..., tuple[float, set[int]]], *arguments: object) -> Found:
    """Time a scan. Args: scan: returns the seconds without a core in processes that it started, and what it found."""
    began, before = time.perf_counter(), without_core("thread-self")
    waited, found = scan(*arguments)
    return time.perf_counter() - began, waited + without_core("thread-self") - before, found


def own(ports: int) -> tuple[float, set[int]]:
    """Scan as the course does."""
    return 0, set(scanning.scan(HOME, range(1, ports + 1)).open)  # type: ignore[union-attr]


def plain_loop(ports: int) -> tuple[float, set[int]]:
    """Scan with a new socket for each port, and one connect that waits."""
    found = set()
    for port in range(1, ports + 1):
        with socket.socket() as sock:
            if not sock.connect_ex((HOME, port)):
                found.add(port)
    return 0, found


def program(command: list[str]) -> tuple[float, str]:
    """Run a program to its end. Returns: the seconds that it was without a core, and its output."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and /proc still tells of it
        (child,) = Path("/proc/thread-self/children").read_text().split()  # in a node, /proc has other process ids
        waited = without_core(child)
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed")
    return waited, output


def nmap(ports: int) -> tuple[float, set[int]]:
    """Let nmap scan."""
    waited, output = program(["nmap", "-sT", "-T5", "-n", "-Pn", "-p", f"1-{ports}", "-oX", "-", HOME])
    each = ElementTree.fromstring(output).iter("port")
    return waited, {int(port.get("portid", 0)) for port in each if port.find("state[@state='open']") is not None}


def bare(path: str, ports: int) -> tuple[float, set[int]]:
    """Run the limit."""
    waited, output = program([path, str(ports)])
    return waited, set(map(int, output.split()))


@dataclass
class Bench:
    """One node whose open ports are known, and those who scan it in turns."""

    node: Node
    truth: set[int]
    ways: dict[str, Callable[[int], tuple[float, set[int]]]]
    wall: dict[str, list[float]] = field(default_factory=dict)
    wrong: dict[str, list[int]] = field(default_factory=dict)  # ports told wrong, one a scan

    def scan(self, name: str, ports: int) -> float:
        """Let one scan, and check what it found. Returns: its own seconds."""
        wall, waited, found = self.node.run(timed, self.ways[name], ports)
        self.wall.setdefault(name, []).append(wall)
        self.wrong.setdefault(name, []).append(len(found ^ {port for port in self.truth if port <= ports}))
        return wall - waited

    def turns(self, ports: int, rounds: int) -> dict[str, list[float]]:
        return in_turns({name: partial(self.scan, name, ports) for name in self.ways}, rounds)


def bench(stack: ExitStack, node: Node) -> Bench:
    """Open the ports, and name those who can scan here."""
    truth = set()
    for _ in range(OPEN):
        sock = stack.enter_context(node.socket())
        sock.bind(("0.0.0.0", 0))
        sock.listen(100)
        truth.add(sock.getsockname()[1])
    ways: dict[str, Callable[[int], tuple[float, set[int]]]] = {OURS: own, LOOP: plain_loop}
    if shutil.which("nmap"):
        ways[NMAP] = nmap
    if path := stack.enter_context(limit("scanning")):
        ways[LIMIT] = partial(bare, path)
    return Bench(node, truth, ways)


def drop(lab: Lab) -> None:
    """Let the firewall of the node B drop what comes for ten of its ports."""
    rules = ["add table inet t", "add chain inet t i { type filter hook input priority 0; }",
             f"add rule inet t i tcp dport 1-{DROPPED} drop"]  # fmt: skip
    lab.B.run(partial(subprocess.run, ["nft", "-f", "-"], input="\n".join(rules).encode(), check=True))


def silent(lab: Lab, deadline: float, rounds: int) -> Goal:
    """Scan 1,000 ports of another node, of which ten stay silent, within little more than the deadline."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        scan = lab.A.run(partial(scanning.scan, deadline=deadline), lab.B.address, range(1, 1001))
        taken.append((time.perf_counter() - began) / deadline)
        if len(scan.silent) != DROPPED or len(scan.refused) != 1000 - DROPPED:
            raise RuntimeError(f"a scan found {scan}")
    return Goal(f"1,000 ports, {DROPPED} of them silent / the deadline of {deadline:g} s", taken, 1.05,
                exact=f"{DROPPED} silent and {1000 - DROPPED} refused each time")  # fmt: skip


def stopped(address: str) -> float:
    """Stop a scan that waits for silent ports. Returns: seconds until it has ended."""
    stop, told = threading.Event(), []
    threading.Timer(0.2, lambda: (told.append(time.monotonic()), stop.set())).start()
    scanning.scan(address, range(1, DROPPED + 1), deadline=30, stop=stop)
    return time.monotonic() - told[0]


def goals(bench: Bench, taken: dict[str, list[float]]) -> list[Goal]:
    """Hold the scans of all ports against what is to be reached."""

    def exact(name: str) -> str:
        if wrong := sum(bench.wrong[name]):
            return f"ours found the {OPEN} open ports and no other; {name} told {wrong} ports wrong"
        return f"each of these scans found the {OPEN} open ports and no other"

    found = [Goal(f"ports told wrong by our scan, of {ALL:,}", [float(one) for one in bench.wrong[OURS]], 0,
                  every=True, unit="ports")]  # fmt: skip
    if NMAP in taken:
        found.append(Goal("nmap -sT -T5 / our scan", ratios(taken[NMAP], taken[OURS]), 2, at_least=True, every=True,
                          exact=exact(NMAP)))  # fmt: skip
    if LIMIT in taken:
        found.append(Goal("our scan / C", ratios(taken[OURS], taken[LIMIT]), 1.4, exact=exact(LIMIT)))
    return found


def measure(quick: bool) -> Report:
    """Scan all ports in turns, then fewer; then silent ones. Each result is checked."""
    title, rounds = f"Scan of {ALL:,} ports, {OPEN} of them open", 3 if quick else ROUNDS
    if try_namespaces() is not True:
        return Report(title, [], skipped=["network namespaces are refused here"])
    with Lab(A="10.20.30.40", B="50.60.70.80") as lab, ExitStack() as stack:
        at = bench(stack, lab.B)
        taken = at.turns(ALL, rounds)
        reached, walls = goals(at, taken), times_ours(at.wall, OURS)
        rows = [f"{name}, by the clock on the wall: {statistics.median(values):.2f} times ours ({min(values):.2f} to "
                f"{max(values):.2f}); ports told wrong: {sum(at.wrong[name])} in {len(at.wrong[name])} scans"
                for name, values in walls.items()]  # fmt: skip
        sizes = {size: at.turns(size, 3) for size in SIZES[:-1]} | {ALL: taken}
        udp = statistics.median(lab.B.run(scanning.udp_scan, HOME).seconds for _ in range(3))
        rows.append(f"all UDP ports: {udp / statistics.median(at.wall[OURS]):.2f} times our scan of all TCP ports")
        if shutil.which("nft"):
            drop(lab)
            reached += [silent(lab, deadline, rounds) for deadline in DEADLINES]
            ends = [lab.A.run(stopped, lab.B.address) * 1000 for _ in range(5)]
            rows.append(
                f"a scan that is stopped has ended after {statistics.median(ends):.0f} ms, {max(ends):.0f} at most"
            )
    skipped = [f"{name} is not installed" for name in ("nmap", "gcc", "nft") if not shutil.which(name)]
    points = {name: [(float(size), statistics.median(some[name])) for size, some in sizes.items()] for name in taken}
    reached.append(linear("our scan, by how many ports it asks", points[OURS]))
    return Report(title, reached, [Bars(title, times_ours(taken, OURS))],
                  [Lines("Scans by how many ports they ask", "ports", "seconds", points)], rows, skipped)  # fmt: skip


if __name__ == "__main__":
    main(measure)
