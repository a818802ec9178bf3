"""The questions of lesson 10, each measured in a lab of its own, so that nothing of the learner's is in the way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sockets_lab.course.peek import peek
from sockets_lab.course.questions import (
    IMPOSSIBLE,
    Choice,
    Claim,
    Exercise,
    Found,
    NotMeasured,
    Prediction,
    impossible,
    personal_number,
    require,
)
from sockets_lab.errors import Refused
from sockets_lab.headers import TCP, UDP, IPv4, corrected
from sockets_lab.lab import Lab, opened
from sockets_lab.lessons import packets
from sockets_lab.lessons.packets import Testbed
from sockets_lab.lessons.packets.model import FIRST, SECOND
from sockets_lab.lessons.packets.outcomes import names
from sockets_lab.lessons.packets.trials import plain, start
from sockets_lab.model import MAX_PORT, Endpoint


def _lab() -> Lab:
    return Lab(fallback=True, aside=True, A="10.20.30.40", B="50.60.70.80")


@contextmanager
def bench() -> Iterator[Testbed]:
    """Open a lab and a bench in it. On loopback it refuses every packet."""
    with _lab() as lab, Testbed(lab) as made:
        yield made

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


Measured = tuple[str, str]


def _in_a_lab(measure: Callable[[Testbed], Measured]) -> Callable[[], Measured]:
    """Measure in a lab of its own; say so where there is none."""

    def measured() -> Measured:
        with bench() as made:
            if made.lab.kind == "namespaces":
                return measure(made)
        raise NotMeasured("packets made by hand are sent only between nodes that have separate network stacks")

    return measured


def _units() -> Measured:
    with _lab() as lab:
        segment, datagram = packets.segments(lab)[0], packets.datagram(lab)
    numbers = [example.packet.find(IPv4).protocol for example in (segment, datagram)]  # type: ignore[union-attr]
    seen = "captured" if segment.captured else "composed, not captured"
    return (f"IP's protocol field says {numbers[0]} before a TCP header, {numbers[1]} before a UDP header ({seen}); "
            "people say packet for both"), "true here"  # fmt: skip


def _fields() -> Measured:
    with _lab() as lab:
        examples = packets.segments(lab)[0], packets.datagram(lab)
    places = [
        tuple(example.packet.octets(kind, name).start - example.packet.ranges[2].start for name in
              ("source_port", "destination_port")) for example, kind in zip(examples, (TCP, UDP), strict=True)
    ]  # fmt: skip
    widths = {kind.layout.fields[name].width for kind in (TCP, UDP) for name in ("source_port", "destination_port")}
    text = f"in both headers the source port begins at byte {places[0][0]}, the destination port at {places[0][1]}"
    text += f"; each has {max(map(int, widths))} bits"  # type: ignore[arg-type]
    return text, "true here" if places == [(0, 2)] * 2 else "false"


def _sixteen(made: Testbed) -> Measured:
    outcome = made.send(corrected(plain(made).change(UDP, source_port=MAX_PORT)))
    seen = outcome.received[0].sender.port if outcome.received else None
    text = f"a datagram from port {MAX_PORT}, all 16 bits set, was received as from port {seen}"
    return text, "true here" if seen == MAX_PORT else "false"


def _others_read() -> Measured:
    with _lab() as lab:
        found = packets.picked(lab)
    require(not found.refused, f"packets cannot be captured here ({found.refused})")
    require(found.wanted in found.passed, "the capture on B's cable saw none of the datagrams that were to pass")
    right = found.passed == tuple(port for port in found.sent if port == found.wanted)
    text = f"a filter of 11 steps on B's cable, without access to either socket, picked {len(found.passed)} of "
    return f"{text}{len(found.sent)} datagrams by their destination port", "true here" if right else "false"


def _matching(made: Testbed) -> Measured:
    other = made.send(corrected(plain(made).change(UDP, destination_port=made.endpoint(SECOND).port)))
    wrong = made.send(corrected(plain(made).change(IPv4, destination=made.here.address)))
    got = " and ".join(one.program for one in other.received) or "no program"
    text = f"with another destination port {got} got it; with another destination address {wrong.verdict}"
    require(other.received and wrong.arrived, text)
    return text, "true here" if got == SECOND and not wrong.received else "false"


def _zero_in_udp(made: Testbed) -> Measured:
    outcome, answer = packets.source_zero(made)
    require(outcome.received or outcome.arrived, f"a datagram from port 0 was {outcome.verdict}")
    if not outcome.received:
        return f"a datagram from port 0 was {outcome.verdict}", "false"
    told = answer.name if isinstance(answer, Refused) else "accepted"
    port = outcome.received[0].sender.port
    return f"received, and recvfrom says port {port}; sendto to that port: {told}", "true here"


def _zero_in_tcp(made: Testbed) -> Measured:
    outcome = made.send(corrected(start(made).change(TCP, source_port=0)))
    require(outcome.arrived, f"a SYN from port 0 was {outcome.verdict}")
    answer = names(outcome.answers) or "nothing"
    verdict = "only in part" if answer == "SYN ACK" else "true here"
    checks = "does not check" if answer == "SYN ACK" else "checks"
    return f"IANA reserves it, no call sends from it; a SYN from port 0, by hand, got {answer}: B {checks}", verdict


def _checksums(made: Testbed) -> Measured:
    right, wrong, none = packets.three_checksums(made)
    require(right.received, f"even with the right checksum the datagram was {right.verdict}")
    counted = " and ".join(name for name, _ in wrong.risen) or "nothing"
    text = f"right: {right.verdict}; wrong: {wrong.verdict}, B counts {counted}; zero: {none.verdict}"
    return text, "not in the source text"


def _forged(made: Testbed) -> Measured:
    outcome = made.send(corrected(plain(made).change(IPv4, source="10.20.30.41")))
    require(outcome.received, f"the datagram was {outcome.verdict}")
    source = outcome.received[0].sender.address
    return f"{FIRST} received it as from {source}, which no node has", "not in the source text"


CLAIMS = (
    Claim("TCP's unit of data is a segment, UDP's is a datagram.", _units, "RFC 9293 section 3.1, RFC 768"),
    Claim("Both have a header field for the source port and one for the destination port.", _fields,
          "RFC 9293 section 3.1, RFC 768"),
    Claim("A port number has 16 bits.", _in_a_lab(_sixteen), "RFC 9293 section 3.1, RFC 768"),
    Claim("Devices on the way can read port numbers too, and firewalls distinguish packets by them.", _others_read,
          "RFC 9293 section 3.1; tcpdump(8)"),
    Claim("The kernel finds the process for a packet by its address and port.", _in_a_lab(_matching), "ip(7), udp(7)"),
    Claim("In UDP the source port is optional, and zero means that there is none.", _in_a_lab(_zero_in_udp), "RFC 768"),
    Claim("In TCP port 0 is reserved and cannot be used.", _in_a_lab(_zero_in_tcp), "IANA registry, RFC 6335"),
    Claim("(Not in the text:) a checksum protects ports and addresses.", _in_a_lab(_checksums),
          "RFC 768, RFC 1122 section 4.1.3.4"),
    Claim("(Not in the text:) nothing proves who sent a packet.", _in_a_lab(_forged), "RFC 2827 section 1"),
)  # fmt: skip


LENGTH = personal_number("08/by-hand", 12, 60)
PORT = personal_number("08/goodbye", 20000, 29999)


def _open_lab() -> Lab | Found:
    """Return the open lab, or why there is nothing to check."""
    lab = opened()
    if lab is None or len(lab.nodes) < 2:
        return Found(False, "no lab with nodes A and B is open.")
    if lab.kind != "namespaces":
        return Found(False, "this lab is on loopback, and packets made by hand are not sent there.")
    return lab


def _check_by_hand() -> Found:
    lab = _open_lab()
    if isinstance(lab, Found):
        return lab
    here, there = lab.nodes[:2]
    if any(len(data) == LENGTH and who == Endpoint(here.address, 0) for data, who in peek(there.address)):
        return Found(True, f"a datagram of {LENGTH} bytes from {here.address}, port 0, waits at a socket in B.")
    return Found(False, f"no socket that `lab.B.socket` gave has, as its first, a datagram of {LENGTH} bytes from A's "
                        "address and port 0.")  # fmt: skip


def _check_goodbye() -> Found:
    lab = _open_lab()
    if isinstance(lab, Found):
        return lab
    here, there = lab.nodes[:2]
    client = Endpoint(here.address, PORT)
    mine = {row.four_tuple for row in here.table(("tcp",)) if row.local == client and row.state == "ESTABLISHED"}
    if not mine:
        return Found(False, f"A's table has no established connection from port {PORT}.")
    theirs = {row.four_tuple.reversed() for row in there.table(("tcp",)) if row.state == "CLOSE_WAIT"}
    if mine & theirs:
        return Found(True, "A's kernel says ESTABLISHED, B's says CLOSE_WAIT: B believes a FIN that A never sent.")
    return Found(False, f"the connection from port {PORT} is there; B's table does not say CLOSE_WAIT for it.")


EXERCISES = (
    Exercise(
        "by-hand",
        f"Make a datagram socket in B. Send to it, from A, a datagram whose **source port is 0** and which carries "
        f"exactly **{LENGTH}** bytes (other learners get a different number). Let it wait there: do not receive it. "
        "(On loopback, without nodes, this cannot be done.)",
        _check_by_hand,
        (
            "Bind `lab.B.socket(type=socket.SOCK_DGRAM)` to `lab.B.address` and port 0; `getsockname()` says which "
            "port it got.",
            "Call `headers.compose`: it joins IPv4, UDP and the `payload`, and sets the lengths and checksums.",
            "Send the packet with `packets.send(lab, ..., packet)`, or with your own raw socket as in the lesson.",
        ),
    ),
    Exercise(
        "goodbye",
        f"Connect a socket in A, bound to port **{PORT}** (other learners get a different one), to a listener in B. "
        "Then close the connection in its name: write a segment by hand with the flag FIN that B's kernel accepts, "
        "without A's kernel. B's table must say `CLOSE_WAIT` and A's table still `ESTABLISHED`. (On loopback this "
        "cannot be done.)",
        _check_goodbye,
        (
            "Use the connection's four-tuple and the sequence number that B expects next: B accepts only such a "
            "segment. Capture a segment of A's with some data on B's cable: it has both.",
            "Add to that segment's `sequence` the number of bytes that it carried.",
            "Change the captured packet, leave the payload out, correct and send it: "
            "`change(headers.TCP, sequence=..., fin=1, psh=0)`, `headers.corrected`.",
        ),
    ),
)
