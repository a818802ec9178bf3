"""Random rules, rulesets and packets for the tests of the packet filter, where hypothesis is installed."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from header_samples import NO_HYPOTHESIS

from sockets_lab.headers import TCP, UDP, ICMPv4, IPv4, Packet, compose
from sockets_lab.lab.firewall import Chain, Rule, Ruleset, incoming
from sockets_lab.lab.firewall.rules import ANSWERS, HOOKS
from sockets_lab.model import Endpoint

PLAN = {"A": "10.20.30.40", "B": "50.60.70.80", "C": "90.100.110.120"}
STATES = ("new", "established", "related", "invalid")
FEW = (1, 22, 80, 443, 8080, 65535)  # ports, so that rules and packets often meet
NUMBERS = itertools.count(1)  # a new one for each packet that shall belong to no connection before


def for_each(samples: Callable[[Any], Any], check: Callable[[Any], None]) -> None:
    """Run a check on twenty random samples. Args: samples: makes the strategy, given hypothesis.strategies."""
    hypothesis = pytest.importorskip("hypothesis", reason=NO_HYPOTHESIS)
    few = hypothesis.settings(max_examples=20, deadline=None, database=None)
    few(hypothesis.given(samples(hypothesis.strategies))(check))()


def rulesets(st: Any) -> Any:
    """Any ruleset that there can be."""
    addresses = st.none() | st.sampled_from([*PLAN.values(), "1.2.3.4"])
    ports = st.none() | st.integers(0, 65535) | st.tuples(st.integers(0, 30000), st.integers(30001, 65535))
    labels = st.none() | st.text("abc XYZ-:01", min_size=1, max_size=20)

    def rule(draw: Any, hook: str) -> Rule:
        verdict = draw(st.sampled_from(HOOKS[hook]))
        with_ports = st.sampled_from(["tcp", "udp"])
        protocol = draw(with_ports if verdict == "dnat" else with_ports | st.sampled_from(["icmp", None]))
        has_ports = protocol in ("tcp", "udp")
        answers = [*ANSWERS, "reset"] if protocol == "tcp" else [*ANSWERS]
        return Rule(
            verdict, protocol,
            draw(ports) if has_ports else None, draw(ports) if has_ports else None, draw(addresses), draw(addresses),
            tuple(draw(st.sets(st.sampled_from(STATES)))),
            draw(st.sampled_from(answers)) if verdict == "reject" else None,
            Endpoint("90.100.110.120", draw(st.integers(1, 65535))) if verdict == "dnat" else None,
            draw(labels),
        )  # fmt: skip

    @st.composite
    def ruleset(draw: Any) -> Ruleset:
        chains = []
        for hook in draw(st.sets(st.sampled_from([*HOOKS]), min_size=1)):
            rules = tuple(rule(draw, hook) for _ in range(draw(st.integers(0, 5))))
            chains.append(Chain(hook, rules, draw(st.sampled_from(["accept", "drop"]))))
        return Ruleset(tuple(chains))

    return ruleset()


def cases(st: Any, states: bool) -> Any:
    """Rules for what comes in, with or without states, and packets to B that meet some of them."""
    ports = st.none() | st.sampled_from(FEW) | st.tuples(st.sampled_from(FEW[:3]), st.sampled_from(FEW[3:]))

    def rule(draw: Any) -> Rule:
        protocol = draw(st.sampled_from(["tcp", "udp", "icmp", None]))
        has_ports = protocol in ("tcp", "udp")
        return Rule(
            draw(st.sampled_from(["accept", "drop", "count", "reject"])), protocol,
            draw(ports) if has_ports else None,
            draw(st.none() | st.just((1024, 30000))) if has_ports else None,
            draw(st.none() | st.sampled_from([PLAN["A"], PLAN["C"]])),
            draw(st.none() | st.sampled_from([PLAN["B"], "1.2.3.4"])),
            tuple(draw(st.sets(st.sampled_from(STATES)))) if states else (),
        )  # fmt: skip

    @st.composite
    def case(draw: Any) -> tuple[Ruleset, list[Packet]]:
        rules = [rule(draw) for _ in range(draw(st.integers(1, 6)))]
        return incoming(*rules, Rule("count")), [packet(st, draw) for _ in range(draw(st.integers(5, 25)))]

    return case()


def packet(st: Any, draw: Any) -> Packet:
    """A packet to B, complete and correct, that belongs to no connection before it."""
    fresh = 1024 + next(NUMBERS) % 60000
    outer = IPv4(source=draw(st.sampled_from([PLAN["A"], PLAN["C"]])), destination=PLAN["B"])
    payload = draw(st.binary(max_size=30))
    kind = draw(st.sampled_from(["tcp", "udp", "icmp", "other"]))
    if kind == "other":
        return compose(outer.changed(protocol=253), payload=payload)  # RFC 3692 section 2.1: for experiments
    if kind == "icmp":
        return compose(outer, ICMPv4(type=draw(st.sampled_from([0, 8, 13, 14, 42])), rest=fresh << 16), payload=payload)
    ports = {"source_port": fresh, "destination_port": draw(st.sampled_from(FEW))}
    if kind == "udp":
        return compose(outer, UDP(**ports), payload=payload)
    flags = {name: draw(st.integers(0, 1)) for name in ("urg", "ack", "psh", "rst", "syn", "fin")}
    return compose(outer, TCP(**ports, **flags), payload=payload)  # type: ignore[arg-type]
