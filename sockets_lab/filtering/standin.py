"""A stand-in for the kernel's packet filter: the same rules, decided here over packets that are handed in.

It touches no socket and changes no packet. It explains which rule met a captured packet, and where a machine has no
network stacks of one's own, and so no filter that a learner may fill, the lesson's clients ask it.

What the kernel does more: sequence numbers of TCP, time after which a connection is forgotten, fragments, addresses
changed. Source: nft(8); conntrack(8).
"""

import time
from dataclasses import dataclass, replace

from sockets_lab.errors import BadInput
from sockets_lab.filtering.rules import PROTOCOLS, Ports, Rule
from sockets_lab.filtering.rulesets import Chain, Ruleset
from sockets_lab.headers import TCP, UDP, ICMPv4, IPv4, NotAPacket, Packet, dissect

ICMP_NUMBER, TCP_NUMBER, UDP_NUMBER = 1, 6, 17
ASKING = (8, 13, 15, 17)  # types of ICMP that ask for an answer, such as an echo. Source: RFC 792, RFC 950
ERRORS = (3, 4, 5, 11, 12)  # types that report on another packet, whose first bytes follow
Flow = tuple[int, str, int, str, int]  # protocol, source, its port, destination, its port


@dataclass(frozen=True)
class Decision:
    """What becomes of a packet: a verdict, the rule that gave it (None: the chain's policy), its connection's state."""

    verdict: str
    rule: Rule | None
    state: str


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
        and (rule.protocol is None or PROTOCOLS[rule.protocol] == ip.protocol)
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


class StandIn:
    """One node's filter: a ruleset, what its rules have counted, and the connections that it has seen."""

    def __init__(self, ruleset: Ruleset) -> None:
        for chain in ruleset.chains:
            if chain.kind == "nat":
                raise BadInput("the stand-in changes no addresses: pass chains for input, output and forward only.")
        self.ruleset = Ruleset(tuple(_from_zero(chain) for chain in ruleset.chains))
        self.logged: list[tuple[int, str, Packet]] = []  # when, in nanoseconds since 1970; the rule's label; the packet
        self._flows: dict[Flow, bool] = {}  # as the first packet went -> whether an answer was seen

    def pass_by(self, hook: str, packet: Packet) -> Decision:
        """Decide over a packet at a hook, count it, and remember its connection where it may pass."""
        state = self.state_of(packet)
        chain = self.ruleset.chain(hook)
        decision, met = decide(chain, packet, state)
        labels = [rule.log for place in met if isinstance(rule := chain.rules[place], Rule) and rule.log]
        self.logged += [(time.time_ns(), label, packet) for label in labels]
        self.ruleset = Ruleset(tuple(
            _counted(chain, met, packet) if chain.hook == hook else chain for chain in self.ruleset.chains
        ))  # fmt: skip
        flow = _flow(packet)
        if flow and state == "new" and decision.verdict == "accept":
            self._flows.setdefault(flow, False)
        return decision

    def state_of(self, packet: Packet) -> str:
        """Tell the state of a packet's connection, as the kernel's connection tracking names it; notice an answer."""
        icmp = packet.find(ICMPv4)
        if icmp and icmp.type in ERRORS:
            known = {*self._flows, *map(_back, self._flows)}
            return "related" if _quoted_flow(packet) in known else "invalid"
        flow = _flow(packet)
        if flow is None:
            return "invalid"
        if _back(flow) in self._flows:
            self._flows[_back(flow)] = True
            return "established"
        if flow in self._flows:
            return "established" if self._flows[flow] else "new"
        return "new" if _may_begin(packet) else "invalid"


def _from_zero(chain: Chain) -> Chain:
    return replace(chain, rules=tuple(replace(rule, packets=0, octets=0) for rule in chain.rules))


def _counted(chain: Chain, met: tuple[int, ...], packet: Packet) -> Chain:
    """Count a packet at the rules that it met: one packet, and the bytes from its IP header on."""
    ip = packet.find(IPv4)
    octets = ip.total_length if ip else 0
    rules = list(chain.rules)
    for place in met:
        rule = rules[place]
        rules[place] = replace(rule, packets=(rule.packets or 0) + 1, octets=(rule.octets or 0) + octets)
    return replace(chain, rules=tuple(rules))


def ports_of(packet: Packet) -> tuple[int, int] | tuple[None, None]:
    """Return source and destination port, also where of a header not more than these is there, as ICMP quotes it."""
    if header := packet.find(TCP) or packet.find(UDP):
        return header.source_port, header.destination_port
    ip = packet.find(IPv4)
    if ip and ip.protocol in (TCP_NUMBER, UDP_NUMBER) and not ip.fragment_offset and len(packet.payload) >= 4:
        return int.from_bytes(packet.payload[:2], "big"), int.from_bytes(packet.payload[2:4], "big")
    return None, None


def _within(port: int | None, ports: Ports) -> bool:
    if ports is None or port is None:
        return ports is None
    first, last = ports if isinstance(ports, tuple) else (ports, ports)
    return first <= port <= last


def _flow(packet: Packet) -> Flow | None:
    """Name the connection of a packet, as this packet goes. An echo has its identifier in the place of ports."""
    ip, icmp = packet.find(IPv4), packet.find(ICMPv4)
    if ip is None:
        return None
    if icmp:
        return (ICMP_NUMBER, ip.source, icmp.rest >> 16, ip.destination, icmp.rest >> 16)
    source_port, port = ports_of(packet)
    return (ip.protocol, ip.source, source_port or 0, ip.destination, port or 0)


def _back(flow: Flow) -> Flow:
    protocol, source, source_port, destination, port = flow
    return (protocol, destination, port, source, source_port)


def _quoted_flow(packet: Packet) -> Flow | None:
    """Name the connection of the packet that an ICMP error quotes. Source: RFC 792, RFC 1122 section 3.2.2."""
    try:
        return _flow(dissect(packet.payload, first=IPv4))
    except NotAPacket:
        return None


def _may_begin(packet: Packet) -> bool:
    """Tell whether a packet may be the first that is seen of a connection.

    Of TCP a segment with SYN alone; also one with ACK alone, as of a connection that is older than the filter. Of ICMP
    what asks for something. Source: nf_conntrack_proto_tcp.c and nf_conntrack_proto_icmp.c in the kernel's sources.
    """
    if tcp := packet.find(TCP):
        return (tcp.syn, tcp.ack, tcp.fin, tcp.rst) in ((1, 0, 0, 0), (0, 1, 0, 0))
    icmp = packet.find(ICMPv4)
    return icmp is None or icmp.type in ASKING
