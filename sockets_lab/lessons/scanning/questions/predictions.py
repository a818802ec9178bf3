"""What the learner predicts in lesson 12."""

from sockets_lab.course.questions import OTHER, Choice, Prediction, answer, evidence, other, require
from sockets_lab.lessons import scanning
from sockets_lab.lessons.scanning.questions import trials


def _dropped() -> str:
    return answer({"filtered": "silence", "refused": "refused", "open": "open"}, trials.silent_port())


def _itself() -> str:
    found = scanning.connect_to_itself()
    return {"itself": "itself", "ECONNREFUSED": "refused"}.get(found, OTHER)


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
