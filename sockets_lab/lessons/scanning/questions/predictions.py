"""What the learner predicts in lesson 10."""

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
        "The firewall of B drops whatever comes for one of its ports. What does a scanner see that asks there?",
        (Choice("refused", "a refusal", "Here a firewall, or the kernel, answers in the place of the port's program."),
         Choice("silence", "nothing, until its patience ends", "A closed port is refused by B's kernel, at once. "
                "Here nobody answers, and A's kernel only asks again by itself. Scanners call such a port "
                "*filtered*: silence tells that something drops packets."),
         Choice("open", "an open port", "Something answered there after all.")),
        _dropped,
    ),
    Prediction(
        "itself",
        "A TCP socket is bound to a port of 127.0.0.1. Nobody listens there. Now this same socket connects to that "
        "very address and port. What happens?",
        (Choice("refused", "it is refused", "This system does not let a socket meet itself."),
         Choice("itself", "it is connected, with itself", "The first segment goes out, and comes in at the only "
                "socket with these four names: the one that sent it. TCP allows that two ends begin at the same time "
                "(RFC 9293 section 3.5), and here both ends are one. A scan that believes this finds an open port "
                "where nobody listens.")),
        _itself,
        (other("This system answers in a way of its own."),),
    ),
    Prediction(
        "attempts",
        f"A asks {trials.HOW_MANY} ports of B. Somebody listens at one of them at most. B looks at all that its cable "
        "brings. How many of the attempts does it see?",
        (Choice("all", "every one of them", "An attempt is a packet, and it must reach B before B can refuse it. "
                "Whether somebody listens is decided after that. So nobody can ask and not be seen by whoever "
                "watches the cable."),
         Choice("open", "only those to ports where somebody listens", "There is no cable here at which B could look; "
                "listeners stand in, and see who comes to them. With a cable, every attempt is seen."),
         Choice("some", "some, but not all", "Packets were lost on the way, or came faster than they could be read.")),
        _attempts,
    ),
    Prediction(
        "slow",
        f"The detector's threshold is {trials.THRESHOLD} different ports within {trials.WINDOW:g} second. A asks "
        f"{len(trials.FEW)} ports of B as fast as it can: an alarm. Then it asks the same ports again, "
        f"{trials.SLOW} in a second. Is there an alarm again?",
        (Choice("yes", "yes", "This machine was so busy that the slow scan came in bursts."),
         Choice("no", "no", "Within any window the slow scan asks for far fewer ports than the threshold. The same "
                "ports were asked for, and the detector never had enough of them in sight at one time.")),
        _slow,
    ),
    Prediction(
        "udp",
        f"A sends one datagram to each of {len(trials.CLOSED)} closed UDP ports of B, all at once. Of how many does "
        "B's kernel say, at once, that nobody is there?",
        (Choice("all", "all 12", "On loopback no ICMP message is held back. Between two nodes Linux sends six at "
                "once, then one in a second."),
         Choice("some", "some of the 12", "A TCP port is refused by a TCP segment, here as often as one asks. A UDP "
                "port is refused by an ICMP message, and kernels send only so many of those to one host: Linux six "
                "at once, then one in a second (icmp(7), icmp_ratelimit)."),
         Choice("none", "none", "Here nothing tells of closed UDP ports.")),
        _udp,
    ),
)  # fmt: skip
