"""Time a full connect scan of 65,535 ports, 50 of them open, beside nmap, a plain loop, and a limit in C.

Usage: python benchmarks/scanning.py [rounds]        (3; a round takes about five seconds)

All scan one node's own loopback, in which nobody else listens. They take turns, and only ratios count. The limit makes
the same system calls and nothing else. At the end: ten ports that stay silent, beside the deadline; how soon a scan
that is stopped ends; and UDP. Needs namespaces; nmap, gcc and nft where they are there.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from sockets_lab import nodes, scanning

OPEN = 50
DEADLINE = 0.5  # seconds
LIMIT = r"""
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static int fresh(void) {
    struct linger away = {1, 0};
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(sock, SOL_SOCKET, SO_LINGER, &away, sizeof away);
    return sock;
}
int main(void) {
    struct sockaddr_in there = {AF_INET};
    struct timespec began, ended;
    int sock = fresh(), refused = 0;
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (int port = 1; port < 65536; port++) {
        there.sin_port = htons(port);
        int code = connect(sock, (struct sockaddr *)&there, sizeof there);
        if (code && errno == EINPROGRESS) code = connect(sock, (struct sockaddr *)&there, sizeof there);
        if (code && errno == ECONNREFUSED) { refused++; continue; }
        close(sock);
        sock = fresh();
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%f\n", (ended.tv_sec - began.tv_sec) + (ended.tv_nsec - began.tv_nsec) / 1e9);
    return refused < 60000;
}
"""


def own() -> float:
    """Scan as the course does. Returns: seconds."""
    return scanning.scan("127.0.0.1").seconds  # type: ignore[union-attr]


def plain_loop() -> float:
    """Scan with a new socket for each port and one connect that waits. Returns: seconds."""
    import socket

    began = time.perf_counter()
    for port in scanning.ALL:
        with socket.socket() as sock:
            sock.connect_ex(("127.0.0.1", port))
    return time.perf_counter() - began


def nmap() -> float:
    """Let nmap scan. Returns: the seconds that it says."""
    command = ["nmap", "-sT", "-T5", "-n", "-Pn", "-p", "1-65535", "-oX", "-", "127.0.0.1"]
    done = subprocess.run(command, check=True, capture_output=True)
    return float(ElementTree.fromstring(done.stdout).find("runstats/finished").get("elapsed"))  # type: ignore


def limit(program: str) -> float:
    """Run the program in C. Returns: the seconds that it says."""
    return float(subprocess.run([program], check=True, capture_output=True).stdout)


def stopped(address: str) -> float:
    """Stop a scan that waits for silent ports. Returns: seconds until it has ended."""
    stop, told = threading.Event(), []
    threading.Timer(0.2, lambda: (told.append(time.monotonic()), stop.set())).start()
    scanning.scan(address, range(1, 11), deadline=30, stop=stop)
    return time.monotonic() - told[0]


def compiled(folder: str) -> str:
    """Compile the limit. Returns: the program's path."""
    source, program = Path(folder, "limit.c"), str(Path(folder, "limit"))
    source.write_text(LIMIT)
    subprocess.run(["gcc", "-O2", "-o", program, str(source)], check=True)
    return program


def silent_ports(lab: nodes.Lab) -> None:
    """Time ports that a firewall keeps silent, and stopping."""
    rules = ["add table inet t", "add chain inet t i { type filter hook input priority 0; }",
             "add rule inet t i tcp dport 1-10 drop"]  # fmt: skip
    lab.B.run(partial(subprocess.run, ["nft", "-f", "-"], input="\n".join(rules).encode(), check=True))
    scan = lab.A.run(partial(scanning.scan, deadline=DEADLINE), lab.B.address, range(1, 1001))
    print(f"1,000 ports of which 10 stay silent: {scan.seconds / DEADLINE:.2f} times the deadline of {DEADLINE} s "
          f"({len(scan.silent)} found)")  # fmt: skip
    ends = [lab.A.run(stopped, lab.B.address) * 1000 for _ in range(5)]
    print(f"stopped: ended after {statistics.median(ends):.0f} ms, {max(ends):.0f} at most")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with nodes.Lab(A="10.20.30.40", B="50.60.70.80") as lab, ExitStack() as held:
        for _ in range(OPEN):
            sock = held.enter_context(lab.B.socket())
            sock.bind(("0.0.0.0", 0))
            sock.listen(100)
        peers: dict[str, Callable[[], float]] = {"own": own, "plain loop": plain_loop}
        if shutil.which("nmap"):
            peers["nmap -sT -T5"] = nmap
        if shutil.which("gcc"):
            peers["limit in C"] = partial(limit, compiled(held.enter_context(tempfile.TemporaryDirectory())))
        taken: dict[str, list[float]] = {name: [] for name in peers}
        for _ in range(rounds):
            for name, peer in peers.items():
                taken[name].append(lab.B.run(peer))
        for name, seconds in taken.items():
            ratios = [one / mine for one, mine in zip(seconds, taken["own"], strict=True)]
            print(f"{name}: {statistics.median(ratios):.2f} times own ({min(ratios):.2f} to {max(ratios):.2f}); "
                  f"{statistics.median(seconds):.2f} s")  # fmt: skip
        udp = lab.B.run(scanning.udp_scan, "127.0.0.1")
        print(f"udp, all ports: {udp.seconds:.2f} s")
        if shutil.which("nft"):
            silent_ports(lab)


if __name__ == "__main__":
    main()
