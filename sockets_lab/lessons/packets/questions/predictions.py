"""What the learner predicts in lesson 08."""

from collections.abc import Callable

from sockets_lab.course.questions import IMPOSSIBLE, Choice, Prediction, impossible, require
from sockets_lab.lessons import packets
from sockets_lab.lessons.packets import Outcome, Testbed
from sockets_lab.lessons.packets.outcomes import names
from sockets_lab.lessons.packets.questions.benches import bench

WITHOUT = ("Packets made by hand are sent only between nodes with network stacks of their own, which this machine "
           "refuses. On Linux, where they are allowed: **{}**.")  # fmt: skip


def _asked(key: str, question: str, choices: tuple[Choice, ...], trial: Callable[[Testbed], str]) -> Prediction:
    """Measure by a trial in a lab of its own. The first choice is what Linux does, told where no packet can be sent."""

    def experiment() -> str:
        with bench() as made:
            return trial(made) if made.lab.kind == "namespaces" else IMPOSSIBLE

    return Prediction(key, question, choices, experiment,
                      (impossible("it cannot be tried here", WITHOUT.format(choices[0].text)),))  # fmt: skip


def _checksum(made: Testbed) -> str:
    right, wrong, _ = packets.three_checksums(made)
    require(right.received, f"the datagram with the right checksum was {right.verdict}")
    require(wrong.arrived, f"the datagram with the wrong checksum was {wrong.verdict}")
    return "received" if wrong.received else "sender-told" if wrong.answers else "dropped"


def _closed_port(made: Testbed) -> str:
    datagram, segment = packets.closed_port(made)
    require(datagram.arrived and segment.arrived, f"the datagram was {datagram.verdict}, the SYN {segment.verdict}")
    found = names(datagram.answers), names(segment.answers)
    known = {("ICMP port unreachable", "RST ACK"): "icmp-and-rst", ("", ""): "silence"}
    return known.get(found, "same")


def _source_zero(made: Testbed) -> str:
    outcome, _ = packets.source_zero(made)
    require(outcome.arrived or outcome.received, f"the datagram was {outcome.verdict}")
    return _port_told(outcome)


def _port_told(outcome: Outcome) -> str:
    if not outcome.received:
        return "no"
    return "zero" if outcome.received[0].sender.port == 0 else "another"


def _start(made: Testbed) -> str:
    outcome = packets.handmade_start(made)
    if not outcome.answers:
        require(outcome.arrived, f"the segment was {outcome.verdict}")
        return "silence"
    return "reset" if "RST" in names(outcome.replies) else "half-open"


PREDICTIONS = (
    _asked(
        "checksum",
        "A datagram arrives at B. Everything in it is right but its checksum: one bit of that is wrong. What happens?",
        (Choice("dropped", "it vanishes, and nobody is told", "A wrong checksum says that some bit was changed on "
                "the way, and nobody can tell which: perhaps one of the addresses or ports. So whom should the "
                "kernel tell? It throws the datagram away and counts it."),
         Choice("sender-told", "the sender is told", "This system answers; RFC 1122 (section 4.1.3.4) asks to throw "
                "it away in silence."),
         Choice("received", "it is received like any other", "This system does not look, or a network card said that "
                "it had looked already.")),
        _checksum,
    ),
    _asked(
        "closed-port",
        "Two packets go to ports of B at which nobody waits: a datagram, and the first segment of a connection, SYN. "
        "What does B's kernel send back?",
        (Choice("icmp-and-rst", "ICMP for the datagram, a segment with RST for the SYN", "TCP can say no by itself: "
                "a segment with the flag RST. UDP's header has no place for an answer, so IP's messenger does it: "
                "ICMP, type 3, code 3, port unreachable."),
         Choice("same", "the same for both", "This system has one answer for both, or only one of them got an answer."),
         Choice("silence", "nothing for either", "This system stays silent, as many firewalls do.")),
        _closed_port,
    ),
    _asked(
        "source-zero",
        "A datagram made by hand has source port 0. Does a program in B receive it, and which port does `recvfrom` "
        "say?",
        (Choice("zero", "yes, and it says port 0", "RFC 768 allows it: the source port is optional, and zero where "
                "it is not used. The kernel hands on what stands in the header. To answer is another matter: there "
                "is no port 0 to send to."),
         Choice("another", "yes, and it says another port", "Somebody on the way wrote another number into the "
                "header, as port forwarding does."),
         Choice("no", "no", "This system takes no datagram from port 0.")),
        _source_zero,
    ),
    _asked(
        "start",
        "You write a SYN by hand and send it from A to a listener in B. No socket of A knows of it. B should answer "
        "with SYN ACK, as it does to any client. What happens then?",
        (Choice("reset", "A's own kernel ends it with RST", "The answer reaches A's kernel, which looks for a socket "
                "with these four names and finds none. So it does what B's kernel does for a closed port. Your raw "
                "socket sends past the kernel, not instead of it."),
         Choice("half-open", "nothing: the connection stays half open", "Something keeps A's kernel from answering, "
                "such as a firewall in A."),
         Choice("silence", "B does not answer at all", "The segment arrived, and B's kernel dropped it: its listener "
                "was full, or a rule forbids it.")),
        _start,
    ),
)  # fmt: skip
