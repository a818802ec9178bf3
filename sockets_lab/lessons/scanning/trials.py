"""Where lesson 12 measures its questions: in a lab of their own, so that nothing of the learner's is in the way."""

import errno
import select
import socket
import time
from contextlib import ExitStack

from sockets_lab import guard
from sockets_lab.course.questions import require
from sockets_lab.errors import Refused
from sockets_lab.lessons import scanning
from sockets_lab.lessons.filtering import three_nodes
from sockets_lab.model import Endpoint

SILENT = 3306
HOW_MANY = 200  # ports of a scan that is watched
CLOSED = range(20000, 20012)  # UDP ports
FEW = range(7000, 7024)  # ports that are scanned at two paces
SLOW = 8  # ports a second
THRESHOLD, WINDOW = 20, 1.0  # different ports; seconds
SOON = 0.4  # seconds in which an answer from the next node is there


def silent_port() -> str:
    """Scan a port from which no answer comes. Returns: the outcome's word."""
    with three_nodes(aside=True) as lab, scanning.Silence(lab.B, SILENT):
        found = scanning.scan_from(lab.A, lab.B.address, SILENT)
        return found.name if isinstance(found, Refused) else found.outcome(SILENT)


def watched_scan() -> tuple[scanning.Scan | Refused, tuple[scanning.Attempt, ...], str, int]:
    """Scan ports by the default order, and watch. Returns: the scan, what was seen, the kind of watch, and how many
    rows the table of B has of it afterwards.
    """
    ports = range(1400, 1400 + HOW_MANY)
    with three_nodes(aside=True) as lab, scanning.watch(lab.B) as log:
        found = scanning.scan_from(lab.A, lab.B.address, ports)
        seen = log.wait(HOW_MANY if log.kind == "capture" else 1)
        rows = [row for row in lab.B.table() if row.local.port in ports and row.state != "LISTEN"]
        return found, seen, log.kind, len(rows)


def two_paces() -> tuple[scanning.Judgement, scanning.Observed]:
    """Scan the same ports fast and slowly, and judge what a detector makes of it. Raises: NotMeasured."""
    with three_nodes(aside=True) as lab:
        seen = scanning.observe(lab, [scanning.Round(FEW), scanning.Round(FEW, rate=SLOW)])
    raised = scanning.alarms(seen.attempts, THRESHOLD, WINDOW)
    require(any(alarm.source == seen.truth[0].source for alarm in raised), "not even the fast scan raised an alarm")
    return scanning.judge(raised, seen.truth, WINDOW), seen


def icmp_told() -> int:
    """Send a datagram to some closed UDP ports of B, at once. Returns: of how many A is told that they are closed."""
    with three_nodes(aside=True) as lab:
        found: int = lab.A.run(told_at_once, lab.B.address)
        return found


def told_at_once(address: str) -> int:
    with ExitStack() as held:
        socks = []
        for port in CLOSED:
            sock = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.connect(guard.destination(Endpoint(address, port)).sockaddr)
            sock.setblocking(False)
            sock.send(b"")
            socks.append(sock)
        end, waiting, told = time.monotonic() + SOON, set(socks), 0
        while waiting and (left := end - time.monotonic()) > 0:
            for sock in select.select(list(waiting), [], [], left)[0]:
                waiting.discard(sock)
                told += sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    return told
