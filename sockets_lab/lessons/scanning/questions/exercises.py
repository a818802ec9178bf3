"""What the learner finds and builds in lesson 12, and what the kernels of A and B must then say."""

import socket

from sockets_lab.course.questions import Exercise, Found, personal_number
from sockets_lab.lab import Lab, Node, opened
from sockets_lab.lessons import scanning
from sockets_lab.model import Endpoint

HIDDEN = tuple(low + personal_number(f"10/hidden/{low}", 0, 9999) for low in (10000, 20000, 50000))
THRESHOLD = personal_number("10/threshold", 8, 12)
WINDOW = 1.0  # seconds
FIRST = personal_number("10/first", 7000, 7900)
LAST = FIRST + THRESHOLD + 3
PORTS = range(FIRST, LAST + 1)
QUEUE = 1024  # connections: a scanner leaves some in a listener's queue
NO_LAB = Found(False, "no lab with nodes A and B is open.")

_listeners: list[socket.socket] = []  # in B's process


def hide(node: Node) -> None:
    """Open three listeners at ports of your own in a node's process; they end with the lab. Raises: OSError."""
    node.run(_open, node.address, HIDDEN)


def _open(address: str, ports: tuple[int, ...]) -> None:
    while _listeners:
        _listeners.pop().close()
    for port in ports:
        _listeners.append(sock := socket.socket())
        if hasattr(socket, "SO_REUSEPORT"):  # else the option would let others take a live port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(QUEUE)


def _lab() -> Lab | None:
    lab = opened()
    return lab if lab and {"A", "B"} <= {node.name for node in lab.nodes} else None


def _check_hidden() -> Found:
    lab = _lab()
    if lab is None:
        return NO_LAB
    b = lab["B"]
    rows = b.table(("tcp",))
    listening = {row.local.port for row in rows if row.state == "LISTEN"}
    if not set(HIDDEN) <= listening:
        return Found(False, "nothing is hidden in B: run `hide(lab.B)` first.")
    theirs = {(row.remote, row.local) for row in rows if row.state == "ESTABLISHED" and row.local.port in HIDDEN}
    connected = theirs & _connections(lab["A"])
    reached = {there.port for _, there in connected}
    if reached == set(HIDDEN):
        return Found(True, "A is connected to all three hidden ports: " + ", ".join(map(str, sorted(reached))) + ".")
    return Found(False, f"A is connected to {len(reached)} of the 3 hidden ports of B.")


def _connections(node: Node) -> set[tuple[Endpoint, Endpoint]]:
    """Return the addresses of a node's connections; where nodes share one table, of all connections."""
    if node.address.startswith("127."):
        from sockets_lab.kernel import table

        rows = table.snapshot(("tcp",))
    else:
        rows = node.table(("tcp",))
    return {(row.local, row.remote) for row in rows if row.state == "ESTABLISHED"}


def _check_slow() -> Found:
    lab = _lab()
    if lab is None:
        return NO_LAB
    logs = [watch.attempts() for watch in scanning.watches(lab["B"])]
    attempts = sorted({one for log in logs for one in log})
    if not logs:
        return Found(False, "there is no watch on B: keep what `scanning.watch` returns.")
    alarms = scanning.alarms(attempts, THRESHOLD, WINDOW)
    if not alarms:
        return Found(False, "the detector has raised no alarm: let it catch a fast scan first.")
    caught = {one.port for one in attempts if alarms[-1].first <= one.time <= alarms[-1].time + WINDOW}
    if not set(PORTS) <= caught:
        return Found(False, f"the latest alarm was not for a fast scan of the ports from {FIRST} to {LAST}.")
    later = [one for one in attempts if one.time > alarms[-1].time + WINDOW]
    if scanning.alarms(later, THRESHOLD, WINDOW):  # by a detector that begins only now: one alarm is told once
        return Found(False, "the scan after that alarm was too fast as well: the alarm went on without a new one.")
    if not set(PORTS) <= {one.port for one in later if one.source.address == alarms[-1].source}:
        return Found(False, f"since that alarm, not all ports from {FIRST} to {LAST} were probed without another.")
    return Found(True, "the fast scan raised an alarm; the same source then probed the same ports without another.")


EXERCISES = (
    Exercise(
        "hidden",
        "`hide(lab.B)` has opened three TCP ports in B (other learners get different ones). Find them, and let A keep "
        "**a connection to each of the three** open. The check looks for the connections in the socket tables of B "
        "and of A.",
        _check_hidden,
        (
            "Compare what is open now with what was open before.",
            "Call `scanning.scan_from(lab.A, lab.B.address)`: its `open` lists all open ports. 8080 and 8443 are not "
            "hidden ones.",
            "Connect to each, and keep the sockets: `kept.append(lab.A.socket())`, "
            "`kept[-1].connect((lab.B.address, ...))`.",
        ),
    ),
    Exercise(
        "unheard",
        f"A detector raises an alarm at **{THRESHOLD}** different ports within {WINDOW:g} second. Keep a watch on B, "
        f"as `log`. Let A scan the ports **{FIRST} to {LAST}** so fast that there is an alarm. Then let A scan the "
        "same ports again, so slowly that there is none. The check gives a detector the attempts that your watch has "
        "captured.",
        _check_slow,
        (
            "Wait two seconds between the scans: after an alarm the detector must see the source below its threshold. "
            "If it went wrong, scan fast again and then slowly.",
            "Call `log = scanning.watch(lab.B, range(FIRST, LAST + 1))`, after `from "
            "sockets_lab.lessons.scanning.questions import FIRST, LAST`.",
            "Choose the ports in a second: `scanning.scan_from(lab.A, lab.B.address, range(FIRST, LAST + 1), "
            "rate=...)`.",
        ),
    ),
)
