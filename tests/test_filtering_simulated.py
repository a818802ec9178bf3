"""The simulated firewall's decisions against the kernel's own, over the same packets."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from filter_samples import PLAN, cases, for_each
from labs import filtered_lab

from sockets_lab.headers import TCP, UDP, ICMPv4, IPv4, Packet, build, compose, dissect
from sockets_lab.lab import Lab, firewall
from sockets_lab.lab.capture import Capture
from sockets_lab.lab.firewall import (
    Chain,
    Decision,
    Rule,
    Ruleset,
    SimulatedFirewall,
    apply,
    ask,
    decide,
    held,
    matches,
)
from sockets_lab.model import Endpoint
from sockets_lab.netns.settings import set_icmp_pause

SOON = 5.0  # seconds; a deadline for what is otherwise done at once


class Wire:
    """Raw sockets of two senders, the filter of a receiver, and the simulated firewall beside it."""

    def __init__(self, lab: Lab, stack: ExitStack) -> None:
        self.lab = lab
        self.senders = {
            node.address: stack.enter_context(node.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
            for node in (lab.A, lab.C)
        }

    def both(self, ruleset: Ruleset, packets: list[Packet]) -> tuple[Ruleset, Ruleset]:
        """Send the packets, and hand them to the simulated firewall. Returns: what each of both filters counted."""
        assert apply(self.lab.B, ruleset) is None
        firewall = simulated(ruleset)
        for packet in packets:
            firewall.pass_by("input", packet)
            source = packet.layers[0].source  # type: ignore[attr-defined]
            self.senders[source].sendto(build(packet), (self.lab.B.address, 0))
        return self.settled(firewall), firewall.ruleset

    def settled(self, firewall: SimulatedFirewall, before: Callable[[], None] = lambda: None) -> Ruleset:
        """Read what the kernel has counted, as soon as it agrees with the simulated firewall, or it never will."""
        end = time.monotonic() + SOON
        before()
        while counts(found := held(self.lab.B)) != counts(firewall.ruleset) and time.monotonic() < end:
            time.sleep(0.01)
            before()
        assert isinstance(found, Ruleset)
        return found


def simulated(ruleset: Ruleset) -> SimulatedFirewall:
    firewall = SimulatedFirewall()
    assert firewall.apply(ruleset) is None
    return firewall


def counts(ruleset: Any) -> list[tuple[str, int, int]]:
    return [(str(rule.verdict), rule.packets, rule.octets) for chain in ruleset.chains for rule in chain.rules]


def hand_over(cable: Capture, firewall: SimulatedFirewall) -> None:
    """Let the simulated firewall decide over what crossed a cable since the last time."""
    for one in cable.packets():
        firewall.pass_by("output" if one.outgoing else "input", dissect(one.octets))


@pytest.fixture(scope="module")
def one_wire() -> Iterator[Wire]:
    with ExitStack() as stack:
        lab = stack.enter_context(filtered_lab(**PLAN))
        lab.B.call(set_icmp_pause, 0)
        yield Wire(lab, stack)


@pytest.fixture
def wire(one_wire: Wire) -> Wire:
    firewall.clear(one_wire.lab.B)
    return one_wire


def ip(source: str = PLAN["A"], **more: Any) -> IPv4:
    return IPv4(source=source, destination=PLAN["B"], **more)


@pytest.mark.parametrize("states", [False, True], ids=["no states", "states of what comes first"])
def test_the_simulated_firewall_counts_what_the_kernel_counts(wire: Wire, states: bool) -> None:
    def check(case: tuple[Ruleset, list[Packet]]) -> None:
        kernels, simulations = wire.both(*case)
        assert counts(kernels) == counts(simulations)

    for_each(lambda st: cases(st, states=states), check)


def test_a_captured_conversation_is_counted_alike(wire: Wire) -> None:
    every = tuple(Rule("count", state=state) for state in ("invalid", "established", "related", "new"))
    ruleset = Ruleset((Chain("input", every), Chain("output", every)))
    node, other = wire.lab.B, wire.lab.A
    simulation = simulated(ruleset)
    with firewall.Service(other) as there, firewall.Service(node) as here, node.capture() as cable:
        assert isinstance(there.endpoint, Endpoint)
        assert isinstance(here.endpoint, Endpoint)
        assert apply(node, ruleset) is None
        ask(node, there.endpoint, hear=SOON, say=b"hello")  # a connection out, and one in
        ask(other, here.endpoint, hear=SOON)
        ask(node, Endpoint(other.address, 9), "udp")  # answered by an ICMP error
        ask(other, Endpoint(node.address, 9), "udp")
        ask(node, Endpoint(other.address, 9))  # answered by a reset
        wire.settled(simulation, lambda: hand_over(cable, simulation))
    kernels = wire.settled(simulation)
    assert counts(kernels) == counts(simulation.ruleset)
    invalid, established, related, new = kernels.chain("input").rules
    assert (invalid.packets, related.packets) == (0, 1)
    assert new.packets == 2, "the first of the connection that came in, and the datagram"
    assert (established.packets or 0) > 5


def test_the_rule_that_met_a_captured_packet_is_named(wire: Wire) -> None:
    port_80, rest = Rule("reject", "tcp", 80, source=wire.lab.A.address), Rule("drop", "tcp", (1, 1023))
    chain = Chain("input", (Rule("count"), port_80, rest))
    assert apply(wire.lab.B, Ruleset((chain,))) is None
    with wire.lab.B.capture() as cable:
        for node, port in ((wire.lab.A, 80), (wire.lab.C, 80), (wire.lab.A, 22), (wire.lab.A, 2000)):
            ask(node, Endpoint(wire.lab.B.address, port), deadline=0.2)
        came = [dissect(one.octets) for one in cable.packets() if not one.outgoing]
    asked = [packet for packet in came if packet.find(TCP)]
    said = [decide(chain, packet) for packet in asked]
    assert [decision.rule for decision, _ in said] == [port_80, rest, rest, None]
    assert said[0] == (Decision("reject", port_80, "new"), (0, 1))
    assert said[3] == (Decision("accept", None, "new"), (0,))
    met = [sum(place in places for _, places in said) for place in range(3)]
    assert met == [rule.packets for rule in held(wire.lab.B).chain("input").rules]  # type: ignore[union-attr]


def test_a_connection_is_new_until_it_is_answered() -> None:
    there = IPv4(source=PLAN["B"], destination=PLAN["A"])
    question = compose(ip(), UDP(source_port=5000, destination_port=53), payload=b"?")
    answer = compose(there, UDP(source_port=53, destination_port=5000), payload=b"!")
    error = compose(there, ICMPv4(type=3, code=3), payload=build(question)[:28])
    firewall = simulated(Ruleset((Chain("output", (Rule("drop", "udp", 54),)), Chain("input"))))
    assert [firewall.flows.state_of(one) for one in (question, answer, error)] == ["new", "new", "invalid"]
    assert [firewall.pass_by("output", question).state for _ in range(2)] == ["new", "new"]
    assert firewall.pass_by("input", error).state == "related"
    assert firewall.pass_by("input", answer).state == "established"
    assert firewall.pass_by("output", question).state == "established"
    dropped = question.change(UDP, destination_port=54)
    assert firewall.pass_by("output", dropped) == Decision("drop", Rule("drop", "udp", 54), "new")
    assert firewall.flows.state_of(answer.change(UDP, source_port=54)) == "new", "what was dropped began nothing"


def test_what_is_no_ipv4_meets_no_rule() -> None:
    from sockets_lab.headers import ARP, IPv6

    assert not matches(Rule("drop"), compose(IPv6(), UDP()))
    assert not matches(Rule("drop"), Packet((ARP(),)))
    part = compose(ip(), UDP(source_port=1, destination_port=2), payload=b"x" * 16).change(IPv4, fragment_offset=1)
    later = dissect(build(part), first=IPv4)
    assert matches(Rule("drop", "udp"), later)
    assert not matches(Rule("drop", "udp", 2), later), "only the first part has the ports"
