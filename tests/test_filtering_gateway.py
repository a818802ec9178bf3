"""The kernel's port forwarding between nodes: four-tuples on both sides, by tables, cables and the kernel's list."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from labs import filtered_lab

from sockets_lab.errors import BadInput, Refused
from sockets_lab.headers import TCP, UDP, IPv4, Packet, dissect
from sockets_lab.lab import Lab, Node
from sockets_lab.lab.capture import Capture
from sockets_lab.lab.firewall import Ruleset, Service, apply, ask, held, port_forward
from sockets_lab.lessons import filtering
from sockets_lab.lessons.filtering import Forwarded
from sockets_lab.model import Endpoint, FourTuple

PLAN = {"A": "10.20.30.40", "B": "50.60.70.80", "C": "90.100.110.120"}
SOON = 5.0  # seconds; a deadline for what is otherwise done at once
QUIET = 0.3  # seconds after which silence is believed
PORT = 8080


@pytest.fixture
def lab() -> Iterator[Lab]:
    with filtered_lab(**PLAN) as lab:
        yield lab


def played(lab: Lab, **how: Any) -> Forwarded:
    found = filtering.forwarded(lab, **how)
    assert isinstance(found, Forwarded), found
    return found


def forwarding(lab: Lab, stack: ExitStack, protocol: str = "tcp", **service: Any) -> Endpoint:
    """Let B forward its port to a program in C. Returns: where that is."""
    program = stack.enter_context(Service(lab.C, protocol=protocol, **service))
    assert isinstance(program.endpoint, Endpoint)
    assert apply(lab.B, port_forward(PORT, program.endpoint, protocol)) is None
    assert filtering.be_gateway(lab.B) is None
    return program.endpoint


def pairs(cable: Capture) -> set[tuple[str, str]]:
    """List who sent to whom, of what crossed a cable."""
    found: list[Packet] = [dissect(one.octets) for one in cable.packets()]
    return {(ip.source, ip.destination) for one in found if (ip := one.find(IPv4)) and (one.find(TCP) or one.find(UDP))}


def kernels_list(node: Node) -> list[dict[str, str]]:
    """Read what a node's kernel tracks from its text file. Each line names source and destination twice."""

    def read() -> list[str]:
        with open("/proc/net/nf_conntrack") as file:
            return file.read().splitlines()

    try:
        lines = node.run(read)
    except OSError:
        pytest.skip("this kernel has no /proc/net/nf_conntrack")
    found = []
    for line in lines:
        parts: dict[str, str] = {"state": line.split()[5]}
        for name, equals, value in (word.partition("=") for word in line.split()):
            if equals:
                parts[name if name not in parts else f"reply {name}"] = value
        found.append(parts)
    return found


def test_two_connections_in_appearance_one_in_the_gateways_list(lab: Lab) -> None:
    a, b, c = (node.address for node in lab.nodes[:3])
    with lab.A.capture() as at_a, lab.C.capture() as at_c:
        found = played(lab)
        assert (pairs(at_a), pairs(at_c)) == ({(a, b), (b, a)}, {(b, c), (c, b)})
    assert found.answer.outcome == "connected"
    assert found.client.four_tuple == found.answer.four_tuple
    assert (found.client.local.address, found.client.remote) == (a, Endpoint(b, PORT))
    assert (found.server.local, found.server.remote.address) == (found.target, b)
    assert {found.client.state, found.server.state, found.tracked.state} == {"ESTABLISHED"}
    assert found.gateway == (), "no socket of the gateway has a part in it"
    assert found.tracked.original == found.client.four_tuple
    assert found.tracked.reply == found.server.four_tuple
    assert found.tracked.reply != found.tracked.original.reversed()
    assert found.tracked.answered
    assert found.seen_by_server == b
    assert [rule.packets for chain in found.rules.chains for rule in chain.rules] == [1, 1], "only the first packet"
    assert held(lab.B) == Ruleset()
    assert lab.B.run(lambda: open("/proc/sys/net/ipv4/ip_forward").read()) == "0\n"  # noqa: SIM115
    assert not any(row.remote.port for row in lab.A.table(("tcp",)) if row.state == "ESTABLISHED")


def test_without_masquerade_the_answer_takes_another_way_and_is_thrown_away(lab: Lab) -> None:
    a, b, c = (node.address for node in lab.nodes[:3])
    with lab.A.capture() as at_a:
        found = played(lab, masquerade=False, deadline=QUIET)
        packets = [dissect(one.octets) for one in at_a.packets()]
    assert found.answer.outcome == "silence"
    assert found.client.state == "SYN_SENT"
    assert (found.tracked.state, found.tracked.answered) == ("SYN_SENT", False)
    assert found.tracked.reply == FourTuple(found.target, found.client.local)
    said = [(p.layers[1].source, p.layers[1].destination, p.layers[2].flags) for p in packets if p.find(TCP)]  # type: ignore[attr-defined]
    assert (a, b, ("SYN",)) in said
    assert (c, a, ("ACK", "SYN")) in said, "C answers A directly"
    assert (a, c, ("RST",)) in said, "and A knows nothing of C"


def test_the_list_is_the_kernels_own(lab: Lab, stack: ExitStack) -> None:
    target = forwarding(lab, stack)
    client = stack.enter_context(lab.A.socket())
    client.settimeout(SOON)
    client.connect((lab.B.address, PORT))
    name = FourTuple.of(client)
    (line,) = (one for one in kernels_list(lab.B) if one["sport"] == str(name.local.port))
    ours = filtering.tracked(lab.B)
    assert not isinstance(ours, Refused)
    (mine,) = (one for one in ours if one.original == name)
    for end, source, destination in ((mine.original, "src", "dst"), (mine.reply, "reply src", "reply dst")):
        ports = (line[source.replace("src", "sport")], line[destination.replace("dst", "dport")])
        told = (line[source], line[destination], *map(int, ports))
        assert told == (end.local.address, end.remote.address, end.local.port, end.remote.port)
    assert (mine.reply.local, line["state"]) == (target, mine.state)


@pytest.mark.parametrize("masquerade", [True, False])
def test_a_target_that_nobody_listens_at_refuses_in_the_gateways_name(lab: Lab, masquerade: bool) -> None:
    assert apply(lab.B, port_forward(PORT, Endpoint(lab.C.address, 9), masquerade=masquerade)) is None
    assert filtering.be_gateway(lab.B) is None
    answer = ask(lab.A, Endpoint(lab.B.address, PORT), deadline=QUIET)
    assert (answer.outcome, answer.told) == (("refused", "RST, ACK") if masquerade else ("silence", ""))
    if masquerade:
        ip = answer.came[0].find(IPv4)
        assert ip.source == lab.B.address


def test_datagrams_are_forwarded_too(lab: Lab, stack: ExitStack) -> None:
    target = forwarding(lab, stack, "udp", greeting=b"from C")
    for _ in range(3):
        answer = ask(lab.A, Endpoint(lab.B.address, PORT), "udp", SOON, say=b"?")
        assert (answer.outcome, answer.said) == ("answered", b"from C")
    known = filtering.tracked(lab.B)
    assert not isinstance(known, Refused)
    assert {(one.protocol, one.reply.local, one.answered, one.state) for one in known} == {("udp", target, True, "")}
    assert len({one.original for one in known}) == 3


def test_who_does_not_forward_drops_what_it_has_addressed_anew(lab: Lab, stack: ExitStack) -> None:
    forwarding(lab, stack)
    assert filtering.be_gateway(lab.B, False) is None
    answer = ask(lab.A, Endpoint(lab.B.address, PORT), deadline=QUIET)
    assert answer.outcome == "silence"
    dnat, masquerade = (chain.rules[0] for chain in held(lab.B).chains)  # type: ignore[union-attr]
    assert (dnat.packets or 0) >= 1
    assert masquerade.packets == 0


def test_a_gateway_needs_a_real_port(lab: Lab) -> None:
    for port in (0, 70000):
        with pytest.raises(BadInput):
            filtering.forwarded(lab, port=port)
    assert held(lab.B) == Ruleset()
