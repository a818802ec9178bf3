"""What the learner predicts in lesson 10."""

from collections.abc import Callable

from sockets_lab.course.questions import IMPOSSIBLE, Choice, Prediction, impossible, require
from sockets_lab.lessons import packets
from sockets_lab.lessons.packets import Outcome, Testbed
from sockets_lab.lessons.packets.outcomes import names
from sockets_lab.lessons.packets.questions.benches import bench

WITHOUT = ("Packets made by hand are sent only between nodes with separate network stacks, which this machine does not "
           "allow. On Linux, where they are allowed: **{}**.")  # fmt: skip


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
        "A datagram arrives at B. Everything in it is right except its UDP checksum. What happens?",
        (Choice("dropped", "it is dropped, and no program gets an error", "A wrong checksum says that some bit was "
                "changed on the way, perhaps in an address or a port. So the kernel cannot know the sender. It drops "
                "the datagram and counts it (RFC 1122 section 4.1.3.4)."),
         Choice("sender-told", "it is dropped, and the sender gets an error", "This system answers; RFC 1122 section "
                "4.1.3.4 says to drop it silently."),
         Choice("received", "it is received like any other", "This system does not check, or a network card reported "
                "that it had checked already.")),
        _checksum,
    ),
    _asked(
        "closed-port",
        "Two packets go to closed ports of B: a datagram, and the first segment of a connection, SYN. "
        "What does B's kernel send back?",
        (Choice("icmp-and-rst", "ICMP for the datagram, a segment with RST for the SYN", "TCP can refuse by itself, "
                "with a segment that has the flag RST. UDP has no such message, so the kernel sends an ICMP message: "
                "type 3, code 3, port unreachable."),
         Choice("same", "the same answer for both", "This system has one answer for both, or answered only one."),
         Choice("silence", "no answer for either", "This system sends nothing, as many firewalls do.")),
        _closed_port,
    ),
    _asked(
        "source-zero",
        "A datagram made by hand has source port 0. Does a program in B receive it, and with which source port?",
        (Choice("zero", "yes, with source port 0", "RFC 768 allows it: the source port is optional, and zero if "
                "unused. On Linux the kernel passes on what the header says. The program cannot answer, because "
                "port 0 is not a destination."),
         Choice("another", "yes, with another source port", "A device on the way changed the port, as port forwarding "
                "does."),
         Choice("no", "no, the kernel drops it", "This system does not accept a datagram from port 0.")),
        _source_zero,
    ),
    _asked(
        "start",
        "You write a SYN by hand and send it from A to a listener in B. No socket of A belongs to it. B should answer "
        "with SYN ACK, as for any client. What happens then?",
        (Choice("reset", "A's own kernel answers with RST", "The SYN ACK reaches A's kernel, which finds no socket "
                "with this four-tuple and resets the connection, as B's kernel does for a closed port. Your raw "
                "socket bypasses the kernel's TCP; it does not replace it."),
         Choice("half-open", "nothing more, and the connection stays half open", "Something keeps A's kernel from "
                "answering, such as a firewall in A."),
         Choice("silence", "nothing at all, because B does not answer", "The segment arrived, and B's kernel dropped "
                "it: the listener's accept queue was full, or a firewall rule dropped it.")),
        _start,
    ),
)  # fmt: skip
