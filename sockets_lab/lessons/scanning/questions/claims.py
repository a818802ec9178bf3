"""What the text claims about scanning, measured."""

from itertools import pairwise

from sockets_lab.course.questions import Claim, evidence, require
from sockets_lab.lessons import scanning
from sockets_lab.lessons.scanning.questions import trials

Measured = tuple[str, str]


def _sequence() -> Measured:
    found, seen, kind, _ = trials.watched_scan()
    evidence(found, "the scan")
    require(kind == "capture", "in which order the ports are asked cannot be seen here: nothing can be captured")
    asked = [one.port for one in seen]
    require(len(asked) > trials.HOW_MANY // 2, f"B saw only {len(asked)} of {trials.HOW_MANY} attempts")
    steps = sum(later == earlier + 1 for earlier, later in pairwise(asked))
    if steps > len(asked) // 2:
        return f"of {len(asked)} ports, as B saw them come, {steps} came right after the next lower one", "so"
    return (f"of {len(asked)} ports, as B saw them come, {steps} came right after the next lower one: the order is "
            "shuffled, here and in nmap, where -r asks for sequence"), "not so, by default"  # fmt: skip


def _logged() -> Measured:
    result, seen, kind, rows = trials.watched_scan()
    found = evidence(result, "the scan")
    require(seen, "B saw not one attempt")
    who = "a watch on B's cable" if kind == "capture" else "a few listeners at B"
    return (f"{who} kept {len(seen)} of {found.count} attempts; afterwards B's socket table has {rows} rows of them, "
            "so whoever does not log as they come cannot tell later"), "so, where one watches"  # fmt: skip


def _silence() -> Measured:
    outcome = trials.silent_port()
    require(outcome == "filtered", f"a port whose packets were to be dropped was told as {outcome}")
    return f"a port whose packets are dropped, so that none is answered, is told as: {outcome}", "left out"


def _itself() -> Measured:
    found = scanning.connect_to_itself()
    require(found == "itself", f"a socket did not meet itself here: {found}")
    return "a socket connected to its own port, where nobody listens: a false open", "left out"


def _slow() -> Measured:
    judged, seen = trials.two_paces()
    return (f"{trials.THRESHOLD} ports in {trials.WINDOW:g} second raise an alarm; of {len(seen.truth)} scans of the "
            f"same {len(trials.FEW)} ports, fast and slow: {judged}"), "left out"  # fmt: skip


def _udp() -> Measured:
    told = trials.icmp_told()
    require(told, f"ICMP told of none of {len(trials.CLOSED)} closed ports")
    text = f"of {len(trials.CLOSED)} closed ports asked at once, {told} were told of by ICMP"
    return text + ("; the others look as if they were open" if told < len(trials.CLOSED) else ""), "left out"


CLAIMS = (
    Claim("Scanning: asking for a range of ports of one computer, in sequence.", _sequence, "nmap(1), -r"),
    Claim("Computers frequently monitor and log attempts to connect.", _logged, "packet(7)"),
    Claim("(The text leaves out:) a port may be neither open nor closed.", _silence, "nmap(1), port states"),
    Claim("(The text leaves out:) an open port may be the scanner itself.", _itself, "RFC 9293, 3.5"),
    Claim("(The text leaves out:) to be seen is not to be noticed.", _slow, "measured here"),
    Claim("(The text leaves out:) UDP ports are told by ICMP, which is kept slow.", _udp, "icmp(7), RFC 1812"),
)
