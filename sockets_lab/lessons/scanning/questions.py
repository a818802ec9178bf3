"""The questions of lesson 12."""

import socket
from itertools import pairwise

from sockets_lab.course.questions import (
    OTHER,
    Choice,
    Claim,
    Exercise,
    Found,
    Prediction,
    answer,
    evidence,
    other,
    personal_number,
    require,
)
from sockets_lab.errors import Refused
from sockets_lab.kernel import table
from sockets_lab.lab import Lab, Node, opened
from sockets_lab.lessons import scanning
from sockets_lab.lessons.fourtuples import connect_to_itself
from sockets_lab.lessons.scanning import trials
from sockets_lab.model import Endpoint


def _dropped() -> str:
    return answer({"filtered": "silence", "refused": "refused", "open": "open"}, trials.silent_port())


def _met() -> str:
    """Say whom a socket meets that connects to its own address: "itself", another socket, or the errno name."""
    found = connect_to_itself()
    if isinstance(found, Refused):
        return found.name
    return "itself" if found == found.reversed() else "another"


def _itself() -> str:
    return {"itself": "itself", "ECONNREFUSED": "refused"}.get(_met(), OTHER)


def _attempts() -> str:
    found, seen, kind, _ = trials.watched_scan()
    evidence(found, "the scan")
    require(seen, "B saw not one attempt")
    if kind == "listeners":
        return "open"
    return "all" if len({one.port for one in seen}) == trials.HOW_MANY else "some"


def _slow() -> str:
    judged, seen = trials.two_paces()
    return "yes" if seen.truth[-1] in judged.found else "no"


def _udp() -> str:
    told = trials.icmp_told()
    return "all" if told == len(trials.CLOSED) else "some" if told else "none"


PREDICTIONS = (
    Prediction(
        "dropped",
        "The firewall of B drops all packets to one of its ports. What does a scanner see at that port?",
        (Choice("refused", "it sees a refusal", "Here a firewall or the kernel answers for the port. Scanners report "
                "a refusal as *closed*, although a rule that rejects looks the same."),
         Choice("silence", "it sees no response until it times out", "The packets were dropped, so no kernel answered, "
                "and A's kernel only repeats its SYN. Scanners call such a port *filtered*; an ICMP message that says "
                "prohibited counts as filtered too. For a closed port B's kernel would send a reset at once."),
         Choice("open", "it sees an open port", "A program answered there after all.")),
        _dropped,
    ),
    Prediction(
        "itself",
        "A TCP socket is bound to a port of 127.0.0.1, and no program listens there. Now this same socket connects to "
        "that very address and port. What happens?",
        (Choice("refused", "the connection is refused", "This system does not let a socket connect to itself."),
         Choice("itself", "the socket is connected to itself", "The SYN goes out, and the only socket with this "
                "four-tuple is its sender. TCP allows both ends to open a connection at the same time (simultaneous "
                "open, RFC 9293 section 3.5), and here both ends are one socket. A scanner would report an open port "
                "where no program listens.")),
        _itself,
        (other("This system answers in its own way."),),
    ),
    Prediction(
        "attempts",
        f"A probes {trials.HOW_MANY} ports of B, and a program listens on one of them at most. B captures all packets "
        "on its cable. How many of the attempts does it see?",
        (Choice("all", "it sees all of them", "An attempt is a packet, and it must reach B before B's kernel can "
                "refuse it. The kernel looks for a listener only after that. So a capture on the cable shows every "
                "attempt, open port or not."),
         Choice("open", "it sees only those to open ports", "There is no cable to capture on here, so listeners "
                "report who connects to them. With a cable, B sees every attempt."),
         Choice("some", "it sees only a part of them", "Packets were lost on the way, or came faster than B could "
                "read them.")),
        _attempts,
    ),
    Prediction(
        "slow",
        f"A detector raises an alarm at {trials.THRESHOLD} different ports within {trials.WINDOW:g} second. A scans "
        f"{len(trials.FEW)} ports of B as fast as it can: an alarm. Then A scans the same ports again, "
        f"{trials.SLOW} in a second. Does the detector raise an alarm again?",
        (Choice("yes", "yes, it raises an alarm", "This machine was so busy that the slow scan came in bursts."),
         Choice("no", "no, it raises no alarm", "In every window the slow scan probes far fewer ports than the "
                "threshold. The same ports were probed, but the detector never counted enough of them at one time.")),
        _slow,
    ),
    Prediction(
        "udp",
        f"A sends one datagram to each of {len(trials.CLOSED)} closed UDP ports of B, all at once. For how many does "
        "B's kernel report at once that they are closed?",
        (Choice("all", f"for all {len(trials.CLOSED)}", "On loopback no ICMP message is held back. Between two nodes "
                "Linux sends six at once, then one in a second."),
         Choice("some", f"for some of the {len(trials.CLOSED)}", "For a closed UDP port a kernel sends an ICMP "
                "message, and kernels limit their rate. Linux sends six at once to one host, then one in a second "
                "(icmp(7), `icmp_ratelimit`). On Linux the resets for closed TCP ports have no such "
                "limit."),
         Choice("none", "for none of them", "Here no message reports closed UDP ports.")),
        _udp,
    ),
)  # fmt: skip


Measured = tuple[str, str]


def _sequence() -> Measured:
    found, seen, kind, _ = trials.watched_scan()
    evidence(found, "the scan")
    require(kind == "capture", "the order of the probes cannot be seen here: nothing can be captured")
    asked = [one.port for one in seen]
    require(len(asked) > trials.HOW_MANY // 2, f"B saw only {len(asked)} of {trials.HOW_MANY} attempts")
    steps = sum(later == earlier + 1 for earlier, later in pairwise(asked))
    if steps > len(asked) // 2:
        return f"of {len(asked)} ports, in B's order, {steps} came right after the next lower one", "true here"
    return (f"of {len(asked)} ports, in B's order, {steps} came right after the next lower one: by default the order "
            "is shuffled, here and in nmap, where -r asks for sequence"), "only in part"  # fmt: skip


def _logged() -> Measured:
    result, seen, kind, rows = trials.watched_scan()
    found = evidence(result, "the scan")
    require(seen, "B saw not one attempt")
    who = "a watch on B's cable" if kind == "capture" else "a few listeners at B"
    return (f"{who} kept {len(seen)} of {found.count} attempts; afterwards B's socket table has {rows} rows of them: "
            "only a computer that captures packets or logs connections knows"), "only in part"  # fmt: skip


def _silence() -> Measured:
    outcome = trials.silent_port()
    require(outcome == "filtered", f"a port whose packets were to be dropped was reported as {outcome}")
    return f"a port whose packets are dropped without an answer is reported as {outcome}", "not in the source text"


def _itself_claim() -> Measured:
    found = _met()
    require(found == "itself", f"a socket did not connect to itself here: {found}")
    return "a socket connected to its own port, where no program listens: a false open", "not in the source text"


def _slow_claim() -> Measured:
    judged, seen = trials.two_paces()
    return (f"{trials.THRESHOLD} ports in {trials.WINDOW:g} second raise an alarm; of {len(seen.truth)} scans of the "
            f"same {len(trials.FEW)} ports, fast and slow: {judged}"), "not in the source text"  # fmt: skip


def _udp_claim() -> Measured:
    told = trials.icmp_told()
    require(told, f"ICMP reported none of {len(trials.CLOSED)} closed ports")
    text = f"of {len(trials.CLOSED)} closed ports probed at once, ICMP reported {told}"
    return text + ("; the others look open" if told < len(trials.CLOSED) else ""), "not in the source text"


CLAIMS = (
    Claim("Scanning: probing a range of ports of one computer, in sequence.", _sequence, "nmap(1), -r"),
    Claim("Computers frequently monitor and log attempts to connect.", _logged, "packet(7)"),
    Claim("(Not in the text:) a port may be neither open nor closed.", _silence, "nmap(1), port states"),
    Claim("(Not in the text:) an open port may be the scanner itself.", _itself_claim, "RFC 9293 section 3.5"),
    Claim("(Not in the text:) a scan can be logged without an alarm.", _slow_claim, "measured here"),
    Claim("(Not in the text:) ICMP reports closed UDP ports, at a limited rate.", _udp_claim, "icmp(7), RFC 1812"),
)


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
    rows = node.table(("tcp",)) if node.own_stack else table.snapshot(("tcp",))
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
