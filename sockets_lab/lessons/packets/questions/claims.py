"""What the text claims about port numbers in packets, measured."""

from collections.abc import Callable

from sockets_lab.course.questions import Claim, NotMeasured, require
from sockets_lab.errors import Refused
from sockets_lab.headers import TCP, UDP, IPv4, corrected
from sockets_lab.lab import Lab
from sockets_lab.lessons import packets
from sockets_lab.lessons.packets import Testbed
from sockets_lab.lessons.packets.model import FIRST, SECOND
from sockets_lab.lessons.packets.outcomes import names
from sockets_lab.lessons.packets.questions.benches import A, B, bench
from sockets_lab.lessons.packets.trials import plain, start
from sockets_lab.model import MAX_PORT

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
    with Lab(fallback=True, aside=True, A=A, B=B) as lab:
        segment, datagram = packets.segments(lab)[0], packets.datagram(lab)
    numbers = [example.packet.find(IPv4).protocol for example in (segment, datagram)]  # type: ignore[union-attr]
    seen = "captured" if segment.captured else "composed, not captured"
    return (f"IP's protocol field says {numbers[0]} before a TCP header, {numbers[1]} before a UDP header ({seen}); "
            "people say packet for both"), "true here"  # fmt: skip


def _fields() -> Measured:
    with Lab(fallback=True, aside=True, A=A, B=B) as lab:
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
    with Lab(fallback=True, aside=True, A=A, B=B) as lab:
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


def _source_zero(made: Testbed) -> Measured:
    outcome, answer = packets.source_zero(made)
    require(outcome.received or outcome.arrived, f"a datagram from port 0 was {outcome.verdict}")
    if not outcome.received:
        return f"a datagram from port 0 was {outcome.verdict}", "false"
    told = answer.name if isinstance(answer, Refused) else "accepted"
    port = outcome.received[0].sender.port
    return f"received, and recvfrom says port {port}; sendto to that port: {told}", "true here"


def _tcp_zero(made: Testbed) -> Measured:
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
    Claim("In UDP the source port is optional, and zero means that there is none.", _in_a_lab(_source_zero), "RFC 768"),
    Claim("In TCP port 0 is reserved and cannot be used.", _in_a_lab(_tcp_zero), "IANA registry, RFC 6335"),
    Claim("(Not in the text:) a checksum protects ports and addresses.", _in_a_lab(_checksums),
          "RFC 768, RFC 1122 section 4.1.3.4"),
    Claim("(Not in the text:) nothing proves who sent a packet.", _in_a_lab(_forged), "RFC 2827 section 1"),
)  # fmt: skip
