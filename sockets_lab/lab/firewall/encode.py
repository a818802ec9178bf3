"""A rule in the kernel's words: the expressions that it becomes.

They stand in the order in which `nft` puts them, so that it lists the rules as they were meant.
"""

import socket
import sys
from collections.abc import Iterator

from sockets_lab.lab.firewall.expressions import Expression
from sockets_lab.lab.firewall.rules import ANSWERS, LOG_GROUP, NUMBERS, RESET, STATES, Ports, Rule

NETWORK, TRANSPORT = 1, 2  # headers from whose begin an offset counts
LOADS = {  # what a rule asks for -> the expression that loads it into register 1
    "state": Expression("ct", {"dreg": 1, "key": 0}),
    "source": Expression("payload", {"dreg": 1, "base": NETWORK, "offset": 12, "len": 4}),
    "destination": Expression("payload", {"dreg": 1, "base": NETWORK, "offset": 16, "len": 4}),
    "protocol": Expression("meta", {"dreg": 1, "key": 16}),
    "source_port": Expression("payload", {"dreg": 1, "base": TRANSPORT, "offset": 0, "len": 2}),
    "port": Expression("payload", {"dreg": 1, "base": TRANSPORT, "offset": 2, "len": 2}),
}
NEIGHBORS = ((LOADS["source"], LOADS["destination"]), (LOADS["source_port"], LOADS["port"]))
COUNTER = Expression("counter", {"bytes": 0, "packets": 0})
EQUAL, NOT_EQUAL, AT_MOST, AT_LEAST = 0, 1, 3, 5  # NFT_CMP_...
VERDICTS = {"drop": 0, "accept": 1}  # NF_DROP, NF_ACCEPT
BY_ICMP, BY_RESET, DESTINATION, IPV4 = 0, 1, 1, 2  # NFT_REJECT_..., NFT_NAT_DNAT, NFPROTO_IPV4
ADDRESS, PORT = 1, 2  # registers for a new destination


def expressions(rule: Rule) -> tuple[Expression, ...]:
    """Spell a rule in expressions. Source: what `nft --debug=netlink` shows for its text."""
    return (*_tests(rule), COUNTER, *_deeds(rule))


def _tests(rule: Rule) -> Iterator[Expression]:
    if rule.state:
        bits = sum(STATES[state] for state in rule.state)
        yield LOADS["state"]
        yield Expression("bitwise", {"sreg": 1, "dreg": 1, "len": 4, "mask": _word(bits), "xor": _word(0)})
        yield _compare(NOT_EQUAL, _word(0))
    for name in ("source", "destination"):
        if address := getattr(rule, name):
            yield LOADS[name]
            yield _compare(EQUAL, socket.inet_aton(address))
    if rule.protocol:
        yield LOADS["protocol"]
        yield _compare(EQUAL, bytes([NUMBERS[rule.protocol]]))
    for name in ("source_port", "port"):
        ports: Ports = getattr(rule, name)
        if ports is not None:
            yield LOADS[name]
        if isinstance(ports, tuple):
            yield _compare(AT_LEAST, ports[0].to_bytes(2, "big"))
            yield _compare(AT_MOST, ports[1].to_bytes(2, "big"))
        elif ports is not None:
            yield _compare(EQUAL, ports.to_bytes(2, "big"))


def _deeds(rule: Rule) -> Iterator[Expression]:
    if rule.log:
        yield Expression("log", {"group": LOG_GROUP, "prefix": rule.log})
    if rule.verdict in VERDICTS:
        yield Expression("immediate", {"dreg": 0, "data": VERDICTS[rule.verdict]})
    elif rule.verdict == "masquerade":
        yield Expression("masq")
    elif rule.to:
        yield Expression("immediate", {"dreg": ADDRESS, "data": socket.inet_aton(rule.to.address)})
        yield Expression("immediate", {"dreg": PORT, "data": rule.to.port.to_bytes(2, "big")})
        yield Expression("nat", {"type": DESTINATION, "family": IPV4, "address": ADDRESS, "last_address": ADDRESS,
                                 "port": PORT, "last_port": PORT})  # fmt: skip
    elif rule.answer == RESET:
        yield Expression("reject", {"type": BY_RESET})
    elif rule.answer:
        yield Expression("reject", {"type": BY_ICMP, "code": ANSWERS[rule.answer][0]})


def _compare(op: int, data: bytes) -> Expression:
    return Expression("cmp", {"sreg": 1, "op": op, "data": data})


def _word(bits: int) -> bytes:
    """A connection's state is no field of a packet: it stands in the register as this machine writes integers."""
    return bits.to_bytes(4, sys.byteorder)
