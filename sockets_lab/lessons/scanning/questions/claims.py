"""What the text claims about scanning, measured."""

from itertools import pairwise

from sockets_lab.course.questions import Claim, evidence, require
from sockets_lab.lessons import scanning
from sockets_lab.lessons.scanning.questions import trials

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


def _itself() -> Measured:
    found = scanning.connect_to_itself()
    require(found == "itself", f"a socket did not connect to itself here: {found}")
    return "a socket connected to its own port, where no program listens: a false open", "not in the source text"


def _slow() -> Measured:
    judged, seen = trials.two_paces()
    return (f"{trials.THRESHOLD} ports in {trials.WINDOW:g} second raise an alarm; of {len(seen.truth)} scans of the "
            f"same {len(trials.FEW)} ports, fast and slow: {judged}"), "not in the source text"  # fmt: skip


def _udp() -> Measured:
    told = trials.icmp_told()
    require(told, f"ICMP reported none of {len(trials.CLOSED)} closed ports")
    text = f"of {len(trials.CLOSED)} closed ports probed at once, ICMP reported {told}"
    return text + ("; the others look open" if told < len(trials.CLOSED) else ""), "not in the source text"


CLAIMS = (
    Claim("Scanning: probing a range of ports of one computer, in sequence.", _sequence, "nmap(1), -r"),
    Claim("Computers frequently monitor and log attempts to connect.", _logged, "packet(7)"),
    Claim("(Not in the text:) a port may be neither open nor closed.", _silence, "nmap(1), port states"),
    Claim("(Not in the text:) an open port may be the scanner itself.", _itself, "RFC 9293 section 3.5"),
    Claim("(Not in the text:) a scan can be logged without an alarm.", _slow, "measured here"),
    Claim("(Not in the text:) ICMP reports closed UDP ports, at a limited rate.", _udp, "icmp(7), RFC 1812"),
)
