"""What the learner predicts in lesson 08."""

from collections.abc import Callable

from sockets_lab.course.questions import Prediction
from sockets_lab.lessons import packets
from sockets_lab.lessons.packets import Outcome, Testbed
from sockets_lab.lessons.packets.outcomes import names
from sockets_lab.lessons.packets.questions.benches import bench

NOT_HERE = "it cannot be tried here"
WITHOUT = ("Packets made by hand are sent only between nodes with network stacks of their own, which this machine "
           "refuses. On Linux, where they are allowed: **{}**.")  # fmt: skip
VANISHES, TOLD, RECEIVED = "it vanishes, and nobody is told", "the sender is told", "it is received like any other"
ICMP_RST = "ICMP for the datagram, a segment with RST for the SYN"
ZERO, ANOTHER, NOBODY = "yes, and it says port 0", "yes, and it says another port", "no"
RESET = "A's own kernel ends it with RST"
SILENT = "nothing: the connection stays half open"


def _measured(trial: Callable[[Testbed], str]) -> Callable[[], str]:
    """Run a trial in a lab of its own."""

    def experiment() -> str:
        with bench() as made:
            return trial(made) if made.lab.kind == "namespaces" else NOT_HERE

    return experiment


def _checksum(made: Testbed) -> str:
    _, wrong, _ = packets.three_checksums(made)
    return RECEIVED if wrong.received else TOLD if wrong.answers else VANISHES


def _closed_port(made: Testbed) -> str:
    datagram, segment = packets.closed_port(made)
    found = names(datagram.answers), names(segment.answers)
    known = {("ICMP port unreachable", "RST ACK"): ICMP_RST, ("", ""): "nothing for either"}
    return known.get(found, "the same for both")


def _source_zero(made: Testbed) -> str:
    outcome, _ = packets.source_zero(made)
    return _port_told(outcome)


def _port_told(outcome: Outcome) -> str:
    if not outcome.received:
        return NOBODY
    return ZERO if outcome.received[0].sender.port == 0 else ANOTHER


def _start(made: Testbed) -> str:
    outcome = packets.handmade_start(made)
    if not outcome.answers:
        return "B does not answer at all"
    return RESET if "RST" in names(outcome.replies) else SILENT


PREDICTIONS = (
    Prediction(
        "checksum",
        "A datagram arrives at B. Everything in it is right but its checksum: one bit of that is wrong. What happens?",
        (VANISHES, TOLD, RECEIVED, NOT_HERE),
        _measured(_checksum),
        {
            VANISHES: "A wrong checksum says that some bit was changed on the way, and nobody can tell which: perhaps "
            "one of the addresses or ports. So whom should the kernel tell? It throws the datagram away and counts it.",
            TOLD: "This system answers; RFC 1122 (section 4.1.3.4) asks to throw it away in silence.",
            RECEIVED: "This system does not look, or a network card said that it had looked already.",
            NOT_HERE: WITHOUT.format(VANISHES),
        },
    ),
    Prediction(
        "closed-port",
        "Two packets go to ports of B at which nobody waits: a datagram, and the first segment of a connection, SYN. "
        "What does B's kernel send back?",
        (ICMP_RST, "the same for both", "nothing for either", NOT_HERE),
        _measured(_closed_port),
        {
            ICMP_RST: "TCP can say no by itself: a segment with the flag RST. UDP's header has no place for an answer, "
            "so IP's messenger does it: ICMP, type 3, code 3, port unreachable.",
            "the same for both": "This system has one answer for both, or only one of them got an answer.",
            "nothing for either": "This system stays silent, as many firewalls do.",
            NOT_HERE: WITHOUT.format(ICMP_RST),
        },
    ),
    Prediction(
        "source-zero",
        "A datagram made by hand has source port 0. Does a program in B receive it, and which port does `recvfrom` "
        "say?",
        (ZERO, ANOTHER, NOBODY, NOT_HERE),
        _measured(_source_zero),
        {
            ZERO: "RFC 768 allows it: the source port is optional, and zero where it is not used. The kernel hands on "
            "what stands in the header. To answer is another matter: there is no port 0 to send to.",
            ANOTHER: "Somebody on the way wrote another number into the header, as port forwarding does.",
            NOBODY: "This system takes no datagram from port 0.",
            NOT_HERE: WITHOUT.format(ZERO),
        },
    ),
    Prediction(
        "start",
        "You write a SYN by hand and send it from A to a listener in B. No socket of A knows of it. B should answer "
        "with SYN ACK, as it does to any client. What happens then?",
        (RESET, SILENT, "B does not answer at all", NOT_HERE),
        _measured(_start),
        {
            RESET: "The answer reaches A's kernel, which looks for a socket with these four names and finds none. So "
            "it does what B's kernel does for a closed port. Your raw socket sends past the kernel, not instead of it.",
            SILENT: "Something keeps A's kernel from answering, such as a firewall in A.",
            "B does not answer at all": "The segment did not arrive, or B's listener was full.",
            NOT_HERE: WITHOUT.format(RESET),
        },
    ),
)  # fmt: skip
