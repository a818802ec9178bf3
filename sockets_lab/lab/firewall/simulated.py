"""A simulated firewall: the same rules as the kernel's packet filter has, decided here over packets that are handed in.

It touches no socket and changes no packet. It explains which rule met a captured packet, and where the kernel gives a
learner no filter to fill, the lesson's clients ask it.

Source: nft(8).
"""

import time
from dataclasses import dataclass, replace

from sockets_lab.errors import Refused
from sockets_lab.headers import IPv4, Packet
from sockets_lab.lab.firewall.flows import Flows, ports_of
from sockets_lab.lab.firewall.rules import NUMBERS, Ports, Rule
from sockets_lab.lab.firewall.rulesets import Chain, Ruleset

NO_TRANSLATION = Refused("EOPNOTSUPP", "the simulated firewall changes no addresses and no ports")


@dataclass(frozen=True)
class Decision:
    """What becomes of a packet: a verdict, the rule that gave it (None: the chain's policy), its connection's state."""

    verdict: str
    rule: Rule | None
    state: str


@dataclass(frozen=True)
class Logged:
    """A packet that a rule logged: when, in nanoseconds since 1970; the rule's label; its headers."""

    time_ns: int
    label: str
    packet: Packet


def matches(rule: Rule, packet: Packet, state: str = "new") -> bool:
    """Tell whether a rule meets a packet that belongs to a connection in that state."""
    ip = packet.find(IPv4)
    if ip is None:
        return False  # the table is one for IPv4: nothing else comes to it
    source_port, port = ports_of(packet)
    return (
        (not rule.state or state in rule.state)
        and rule.source in (None, ip.source)
        and rule.destination in (None, ip.destination)
        and (rule.protocol is None or NUMBERS[rule.protocol] == ip.protocol)
        and _within(source_port, rule.source_port)
        and _within(port, rule.port)
    )


def decide(chain: Chain, packet: Packet, state: str = "new") -> tuple[Decision, tuple[int, ...]]:
    """Lead a packet through a chain. Returns: the decision, and the places of the rules that met the packet."""
    met = []
    for place, rule in enumerate(chain.rules):
        if isinstance(rule, Rule) and matches(rule, packet, state):
            met.append(place)
            if rule.verdict != "count":
                return Decision(rule.verdict, rule, state), tuple(met)
    return Decision(chain.policy, None, state), tuple(met)


class SimulatedFirewall:
    """One node's filter: a ruleset, what its rules have counted, and the connections that it has seen.

    Args: differs: says in a sentence that it is not the kernel that decides. Its methods are those of `KernelFirewall`.
    """

    by = "simulated"

    def __init__(self, differs: str = "") -> None:
        self.differs = differs
        self.heard: list[Logged] | None = None  # what is logged, where somebody listens
        self.flows = Flows()
        self.ruleset = Ruleset()

    def apply(self, ruleset: Ruleset) -> Refused | None:
        """Take another ruleset; connections that are known stay known."""
        if any(chain.kind == "nat" for chain in ruleset.chains):
            return NO_TRANSLATION
        self.ruleset = Ruleset(tuple(
            replace(chain, rules=tuple(replace(rule, packets=0, octets=0) for rule in chain.rules))
            for chain in ruleset.chains
        ))  # fmt: skip
        return None

    def add(self, hook: str, rule: Rule) -> Refused | None:
        chain = self.ruleset.chain(hook)
        return self._put(replace(chain, rules=(*chain.rules, replace(rule, packets=0, octets=0))))

    def delete(self, hook: str, place: int) -> Refused | None:
        chain = self.ruleset.chain(hook)
        if not 1 <= place <= len(chain.rules):
            return Refused("ENOENT", f"the chain has no rule {place}")
        return self._put(replace(chain, rules=chain.rules[: place - 1] + chain.rules[place:]))

    def set_policy(self, hook: str, policy: str) -> Refused | None:
        return self._put(replace(self.ruleset.chain(hook), policy=policy))

    def held(self) -> Ruleset | Refused:
        return self.ruleset

    def listen(self, heard: list[Logged] | None) -> None:
        self.heard = heard

    def _put(self, chain: Chain) -> Refused | None:
        others = tuple(one for one in self.ruleset.chains if one.hook != chain.hook)
        if len(others) == len(self.ruleset.chains):
            return Refused("ENOENT", f"there is no chain at {chain.hook}")
        self.ruleset = Ruleset((*others, chain))
        return None

    def pass_by(self, hook: str, packet: Packet) -> Decision:
        """Decide over a packet at a hook, count it, and remember its connection where it may pass."""
        state = self.flows.state_of(packet)
        chain = self.ruleset.chain(hook)
        decision, met = decide(chain, packet, state)
        for rule in (chain.rules[place] for place in met):
            if isinstance(rule, Rule) and rule.log and self.heard is not None:
                self.heard.append(Logged(time.time_ns(), rule.log, packet))
        self.ruleset = Ruleset(tuple(
            _counted(chain, met, packet) if chain.hook == hook else chain for chain in self.ruleset.chains
        ))  # fmt: skip
        if state == "new" and decision.verdict == "accept":
            self.flows.remember(packet)
        return decision


def _counted(chain: Chain, met: tuple[int, ...], packet: Packet) -> Chain:
    """Count a packet at the rules that it met: one packet, and the bytes from its IP header on."""
    ip = packet.find(IPv4)
    octets = ip.total_length if ip else 0
    rules = list(chain.rules)
    for place in met:
        rule = rules[place]
        rules[place] = replace(rule, packets=(rule.packets or 0) + 1, octets=(rule.octets or 0) + octets)
    return replace(chain, rules=tuple(rules))


def _within(port: int | None, ports: Ports) -> bool:
    if ports is None or port is None:
        return ports is None
    first, last = ports if isinstance(ports, tuple) else (ports, ports)
    return first <= port <= last
