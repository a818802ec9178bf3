"""Capture at one node's cable what another node sends as fast as its kernel takes it: is anything lost?

Usage: python benchmarks/capture.py [--quick]

Small datagrams, for some seconds, captured by an ordinary user without rights: whoever starts this as root has it
measured as user 65534. Beside the ring that the course reads stand dumpcap, where it is installed, and a packet socket
without a ring. Those only count what they see; ours keeps all packets, and their numbers are looked at afterwards.
"""

import os
import re
import select
import shutil
import site
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from measuring import Bars, Goal, Report, limit, main, times_ours

from sockets_lab.lab import Lab, LabUnavailable
from sockets_lab.lab.capture import COUNTS, ETH_P_ALL, PACKET_IGNORE_OUTGOING, PACKET_STATISTICS, SOL_PACKET

TITLE = "Capture at the sender's full rate"
A, B, PORT = "10.20.30.40", "50.60.70.80", 8888
TO_PORT, NUMBER = slice(36, 38), slice(42, 50)  # where both stand in a frame
QUIET = 0.3  # seconds without a packet, after which no other comes
ORDINARY = {"user": 65534, "group": 65534, "extra_groups": []}
SMALL, LARGE = 4 << 20, 64 << 20  # bytes of a ring: what a lesson has, and what a flood needs
OURS = "ours, ring of 64 MiB"


@dataclass(frozen=True)
class Seen:
    """What one way saw in one round. dropped: as the kernel counts; seconds: of the processor's time."""

    sent: int
    seen: int
    dropped: int
    seconds: float

    @property
    def lost(self) -> float:
        """Per cent of what was sent."""
        return 100 * (1 - self.seen / self.sent)


class Sender:
    """Starts the flood in node A, again and again."""

    def __init__(self, lab: Lab, program: str, seconds: float) -> None:
        self.seconds, self._lab = seconds, lab
        self._command = [program, B, str(PORT), str(seconds)]
        self._pool = ThreadPoolExecutor(1)

    def start(self) -> Future[int]:
        def flood(command: list[str]) -> int:
            return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)

        return self._pool.submit(self._lab.A.run, flood, self._command)

    def close(self) -> None:
        self._pool.shutdown()


def by_our_ring(octets: int, lab: Lab, sender: Sender) -> Seen:
    came = []
    with lab.B.capture(octets) as cable:
        cable.ignore_outgoing()
        begun, sending = time.process_time(), sender.start()
        while (new := cable.wait(1, QUIET)) or not sending.done():
            came += new
        seconds, dropped = time.process_time() - begun, cable.dropped
    port = PORT.to_bytes(2, "big")
    numbers = [int.from_bytes(one.octets[NUMBER], "big") for one in came if one.octets[TO_PORT] == port]
    sent = sending.result()
    assert len(set(numbers)) == len(numbers) == sent - dropped
    assert max(numbers) < sent
    return Seen(sent, len(numbers), dropped, seconds)


def by_recv(lab: Lab, sender: Sender) -> Seen:
    """Read packet by packet from a socket with the largest buffer that an ordinary user may have."""
    seen, port = 0, PORT.to_bytes(2, "big")
    with lab.B.socket(socket.AF_PACKET, socket.SOCK_RAW) as cable:
        cable.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 30)
        cable.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        cable.bind(("eth0", ETH_P_ALL))
        cable.setblocking(False)
        poll = select.poll()
        poll.register(cable, select.POLLIN)
        begun, sending = time.process_time(), sender.start()
        while poll.poll(QUIET * 1000) or not sending.done():
            try:
                while True:
                    seen += cable.recv(2048)[TO_PORT] == port
            except BlockingIOError:
                continue
        seconds = time.process_time() - begun
        dropped = COUNTS.unpack(cable.getsockopt(SOL_PACKET, PACKET_STATISTICS, COUNTS.size))[1]
    return Seen(sending.result(), seen, dropped, seconds)


START_DUMPCAP = f"""
import os, signal, subprocess
command = ["dumpcap", "-q", "-i", "eth0", "-f", "udp dst port {PORT}", "-w", "-"]
dump = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
while not dump.stderr.readline().startswith("File"):
    pass
"""
END_DUMPCAP = """
dump.send_signal(signal.SIGINT)
print(dump.stderr.read())
used = os.wait4(dump.pid, 0)[2]
print(used.ru_utime + used.ru_stime, "seconds")
"""


def by_dumpcap(lab: Lab, sender: Sender) -> Seen:
    """Let Wireshark's own program write packets to nowhere. (tcpdump does not start where its user is not mapped.)"""
    lab.B.execute(START_DUMPCAP)
    sent = sender.start().result()
    time.sleep(1)  # it hands over what its blocks hold
    told = lab.B.execute(END_DUMPCAP).output
    seen, dropped = map(int, re.search(r"on interface 'eth0': (\d+)/(\d+)", told).groups())
    return Seen(sent, seen, dropped, float(re.search(r"(\S+) seconds", told)[1]))


def measure_here(quick: bool) -> Report:
    """Measure as the user who this is."""
    ways: dict[str, Callable[[Lab, Sender], Seen]] = {
        OURS: partial(by_our_ring, LARGE), "ours, ring of 4 MiB": partial(by_our_ring, SMALL),
        "recv, only counted": by_recv,
    }  # fmt: skip
    skipped = [] if shutil.which("dumpcap") else ["dumpcap is not installed: apt-get install tshark"]
    if not skipped:
        ways["dumpcap, only counted"] = by_dumpcap
    with limit("flood") as program:
        if program is None:
            return Report(TITLE, [], skipped=["gcc is not installed, which makes the sender: apt-get install gcc"])
        try:
            lab = Lab(A=A, B=B)
        except LabUnavailable as missing:
            return Report(TITLE, [], skipped=[f"there is no lab to capture in: {missing}"])
        with lab, lab.B.socket(type=socket.SOCK_DGRAM) as target:
            target.bind((B, PORT))  # else the kernel answers each datagram
            sender = Sender(lab, program, 1 if quick else 3)
            rounds = [{name: way(lab, sender) for name, way in ways.items()} for _ in range(3 if quick else 9)]
            sender.close()
    by_way = {name: [one[name] for one in rounds] for name in ways}
    return report(by_way, sender.seconds, skipped)


def report(by_way: dict[str, list[Seen]], seconds: float, skipped: list[str]) -> Report:
    """Say what was lost, and what a packet costs the processor."""
    goal = Goal(
        f"lost of what was sent, {OURS}, as user {os.getuid()}", [one.lost for one in by_way[OURS]], 0, every=True,
        unit="%",
        exact="no datagram's number comes twice, and as many are missing as the kernel counts as dropped",
    )  # fmt: skip
    rows = [""]
    for name, seen in by_way.items():
        lost = [one.lost for one in seen]
        spread = f"{statistics.median(lost):.3g} % ({min(lost):.3g} to {max(lost):.3g})"
        rate = statistics.median(one.sent for one in seen) / seconds
        rows.append(f"  {name:28}lost {spread} at {rate:,.0f} packets a second")
    costs = {name: [one.seconds / max(one.seen, 1) for one in seen] for name, seen in by_way.items()}
    bars = Bars("Processor's time for a captured packet", times_ours(costs, OURS))
    return Report(TITLE, [goal], [bars], rows=rows, skipped=skipped)


def measure_as_another(quick: bool) -> Report:
    """Run this file as an ordinary user, with the first Python that such a one may run."""
    from run import loaded

    paths = os.pathsep.join([str(Path(__file__).parents[1]), *site.getsitepackages()])
    environment = os.environ | {"PYTHONPATH": paths}
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, ORDINARY["user"], ORDINARY["group"])
        saved = Path(folder, "report.json")
        for python in (sys.executable, "/usr/bin/python3"):
            command = [python, __file__, "--save", str(saved)] + ["--quick"] * quick
            try:
                subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment, **ORDINARY)
                return loaded(saved)
            except PermissionError:
                continue
    return Report(TITLE, [], skipped=["user 65534 may run no Python here: start this as an ordinary user"])


def measure(quick: bool) -> Report:
    """Look whether a capture loses packets that come as fast as a kernel takes them."""
    return measure_here(quick) if os.getuid() else measure_as_another(quick)


if __name__ == "__main__":
    main(measure)
