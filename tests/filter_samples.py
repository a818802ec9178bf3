"""Random rules, rulesets and packets for the tests of the packet filter, where hypothesis is installed."""

import itertools
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from trials import for_all

from sockets_lab.headers import TCP, UDP, ICMPv4, IPv4, Packet, compose
from sockets_lab.lab.firewall import Chain, Rule, Ruleset, incoming
from sockets_lab.lab.firewall.rules import ANSWERS, HOOKS
from sockets_lab.model import Endpoint

PLAN = {"A": "10.20.30.40", "B": "50.60.70.80", "C": "90.100.110.120"}
STATES = ("new", "established", "related", "invalid")
FEW = (1, 22, 80, 443, 8080, 65535)  # ports, so that rules and packets often meet
NUMBERS = itertools.count(1)  # a new one for each packet that shall belong to no connection before


def for_each(samples: Callable[[Any], Any], check: Callable[[Any], None]) -> None:
    """Run a check on random samples. Args: samples: makes the strategy, given hypothesis.strategies."""
    for_all(lambda sample: check(sample), lambda st: {"sample": samples(st)}, 20)


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


def written(hook: str, count: int) -> list[str]:
    """Rules as people write them with nft's own grammar, the same ones on every run: many say more than a `Rule`."""
    lot = Random(hook)
    ports = ("80", "8000-8080", "!= 80", ">= 1024", "!= 1-1023", "{ 80, 443 }", "{ 22, 8000-8080 }")
    places = ("10.20.30.40", "1.2.3.4", "!= 1.2.3.4", "10.20.0.0/16", "10.20.30.32/27", "{ 1.2.3.4, 5.6.7.8 }")
    states = ("new", "established,related", "invalid", "{ new, invalid }", "!= invalid", "untracked", "new,untracked")
    others = ("ct direction original", "iifname lo", "ip ttl 64", "ip length > 99", "tcp flags syn", "meta mark 1",
              "ct status assured", "fib daddr type local", "ip protocol tcp", "ip saddr 1.2.3.4-1.2.3.9")  # fmt: skip
    deeds = ("", "log prefix a group 4 counter", "counter log prefix a level info", "counter log prefix a group 5",
             "counter log prefix a group 4 snaplen 64", "limit rate 5/second counter", "counter meta mark set 1",
             "counter ct mark set 7", "counter counter", "counter limit rate 5/second")  # fmt: skip
    flags = (" random", " persistent", " fully-random", " random,persistent")
    ends = {
        "input": ("", "accept", "drop", "reject", "reject with tcp reset", "reject with icmp host-unreachable"),
        "prerouting": ("dnat to 10.0.0.1:8080", "accept"), "postrouting": ("masquerade", "drop"),
    }[hook]  # fmt: skip
    odd = {
        "input": ("return", "continue", "jump other", "reject with icmp net-unreachable", "drop comment mine"),
        "prerouting": ("dnat to 10.0.0.1", "dnat to :80", "dnat to 10.0.0.1-10.0.0.9:80", "dnat to 10.0.0.1:80-90",
                       "redirect to :80", *(f"dnat to 10.0.0.1:80{flag}" for flag in flags)),
        "postrouting": ("masquerade to :1024-2048", "snat to 10.0.0.1", *(f"masquerade{flag}" for flag in flags)),
    }[hook]  # fmt: skip

    def one_of(usual: Sequence[str], unusual: Sequence[str]) -> str:
        return lot.choice(usual if lot.random() < 0.8 else unusual)

    def rule() -> str:
        tests = [f"ct state {one_of(states[:3], states[3:])}", one_of(("", ), others)]
        tests += [f"ip {side} {one_of(places[:2], places[2:])}" for side in ("saddr", "daddr")]
        tests = [one for one in tests if lot.random() < 0.4]
        tests += [f"tcp {side} {one_of(ports[:2], ports[2:])}" for side in ("sport", "dport") if lot.random() < 0.5]
        end = one_of(ends, odd)
        if "tcp reset" in end or ":" in end:
            tests.append("meta l4proto tcp")  # nft says it only where no port says so
        words = (*tests, one_of(("counter", "counter log prefix a group 4"), deeds), end)
        return " ".join(filter(None, words)) or "counter"

    return [rule() for _ in range(count)]
