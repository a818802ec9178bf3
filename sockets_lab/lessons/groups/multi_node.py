"""Multicast between nodes: who gets what a node sends to a group, and what each node's cable carries meanwhile.

Between nodes a membership is what it is meant to be: it belongs to one network stack, and another stack, which is no
member, throws the datagram away, whatever came along its cable. Source: ip(7), RFC 1112, RFC 3376, RFC 919 section 7.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace

from sockets_lab.errors import BadInput, Refused, refusal
from sockets_lab.headers import UDP, Ethernet, IPv4, Packet, dissect
from sockets_lab.kernel import machine
from sockets_lab.lab import Lab, Node
from sockets_lab.lessons.datagrams.sending import QUIET, Datagram
from sockets_lab.lessons.groups import ends, rounds
from sockets_lab.lessons.groups.rounds import BetweenNodes, Round
from sockets_lab.model import Endpoint, whole_number

COUNT, FEW, MOST = 40, 5, 100  # datagrams in the first round, in each later one, and at most in the first
MEMBERS = 2  # nodes that join
RING = 1 << 19  # bytes of what is kept of a cable's packets: 256 of them
IGMP = 2  # IPv4's number for the protocol in which a host names its groups. Source: RFC 3376 section 4
Frames = dict[str, list[tuple[bool, Packet]]] | None  # node -> whether it went out, and what


def four_nodes() -> Lab:
    """Open a lab of a sender, two nodes that will join, and a bystander; on loopback addresses where need be."""
    return Lab(A="10.20.30.40", B="50.60.70.80", C="90.100.110.120", D="130.140.150.160", fallback=True)


def between(lab: Lab, count: int = COUNT, group: str | None = None, port: int = 0) -> BetweenNodes | Refused:
    """Let the first node of a lab send to a group that the second and the third have joined, and others have not.

    Args: lab: of three nodes or more; count: datagrams in the first round, 1-100; group: one of `machine.home_group`,
        None = the first; port: 0 = the kernel chooses.
    Returns: Refused where groups cannot be had. Source: ip(7).
    """
    if len(lab.nodes) <= MEMBERS:
        raise BadInput(f"{len(lab.nodes)} nodes are too few: pass a lab of three or more.")
    whole_number(count, 1, MOST, "a number of datagrams")
    try:
        with ExitStack() as stack:
            return _Play(lab, stack, Endpoint(group or machine.home_group(), port)).run(count)
    except OSError as error:
        return refusal(error)


class _Play:
    """The nodes with a receiver in each, and what they have got so far."""

    def __init__(self, lab: Lab, stack: ExitStack, group: Endpoint) -> None:
        self.lab, self.stack, self.sender = lab, stack, lab.nodes[0]
        # With less memory than a capture has that shall last long.
        self.cables = {one.name: stack.enter_context(one.capture(RING)) for one in lab.nodes if one.own_stack}
        self.came: dict[str, list[Datagram]] = {node.name: [] for node in lab.nodes}
        self.receivers: dict[str, int] = {}
        self.next_number = 1
        port = group.port
        for place, node in enumerate(lab.nodes):
            joins, bystander = 0 < place <= MEMBERS, place > MEMBERS
            opened = self._open(node, ends.open_member, group.address, port, joins, None if bystander else False)
            self.receivers[node.name], port = opened
        self.group = Endpoint(group.address, port)

    def run(self, count: int) -> BetweenNodes:
        """Play all rounds, and only then sort out by the numbers what came of which."""
        second, last = self.lab.nodes[1 : MEMBERS + 1]
        played = [self._to_group(rounds.JOINED, count)]
        self._collect(last, played[-1].sent)  # all of it must be there before the node leaves
        self._set_membership(last, False)
        played.append(self._to_group(rounds.LEFT))
        played.append(self._to_group(rounds.NEAR, ttl=0))
        self._set_membership(self.sender, True)
        played.append(self._to_group(rounds.OWN))
        played.append(self._to_group(rounds.OWN_NEAR, ttl=0))
        played.append(self._to_group(rounds.NO_LOOP, loop=False))
        self._collect(second, played[-1].sent)
        for node in self.lab.nodes:
            self._collect(node, quiet=0)  # it has waited as long as the second one
        played.append(self._to_everyone())
        frames = self._frames()
        ttl = next((one.ttl for one in self.came[second.name]), None)
        names = tuple(node.name for node in self.lab.nodes)
        return BetweenNodes(self.group, names, tuple(self._sorted_out(one, frames) for one in played), ttl,
                            _announced(frames), self.lab.differs)  # fmt: skip

    def _to_group(self, what: str, count: int = FEW, ttl: int = 1, loop: bool = True) -> Round:
        told = {node.name: node.run(ends.in_group, self.group.address) for node in self.lab.nodes}
        members = None if None in told.values() else tuple(name for name, member in told.items() if member)
        numbers = self._numbers(count)
        sent, refused = self.sender.run(ends.send_to_members, self.sender.address, self.group, numbers, ttl, loop)
        return Round(what, sent, refused, members)

    def _to_everyone(self) -> Round:
        port = 0
        try:
            for node in self.lab.nodes:
                self.receivers[node.name], port = self._open(node, ends.open_for_everyone, port)
        except OSError as error:
            return Round(rounds.EVERYONE, refused=refusal(error))
        sent, refused = self.sender.run(ends.send_to_everyone, self.sender.address, port, self._numbers(FEW))
        for node in self.lab.nodes:
            self._collect(node, sent, QUIET if node is self.sender else 0)
        return Round(rounds.EVERYONE, sent, refused)

    def _open(self, node: Node, function: Callable, *args: object) -> tuple[int, int]:
        number, port = node.run(function, *args)
        self.stack.callback(node.run, ends.close, number)
        return number, port

    def _set_membership(self, node: Node, joined: bool) -> None:
        node.run(ends.set_membership, self.receivers[node.name], self.group.address, joined)

    def _collect(self, node: Node, expected: tuple[int, ...] = (), quiet: float = QUIET) -> None:
        last = b"%d" % expected[-1] if expected else None
        self.came[node.name] += node.run(ends.collect, self.receivers[node.name], last, quiet)

    def _numbers(self, count: int) -> range:
        first, self.next_number = self.next_number, self.next_number + count
        return range(first, self.next_number)

    def _frames(self) -> Frames:
        """Return what crossed each node's cable, and whether it went out; None where there are no cables."""
        if not self.cables:
            return None
        return {
            name: [(bool(one.outgoing), dissect(one.octets, first=Ethernet)) for one in cable.packets()]
            for name, cable in self.cables.items()
        }

    def _sorted_out(self, one: Round, frames: Frames) -> Round:
        """Fill in what came of a round, and what the cables carried of it."""
        came = {name: _of_round(one, (each.data for each in got)) for name, got in self.came.items()}
        carried = None
        if frames is not None:
            payloads = {name: [p.payload for _, p in seen if p.find(UDP)] for name, seen in frames.items()}
            carried = {name: _of_round(one, got) for name, got in payloads.items()}
        return replace(one, came=came, carried=carried)


def _announced(frames: Frames) -> tuple[str, ...] | None:
    """Name the nodes that sent a message about their groups."""
    if frames is None:
        return None
    sent = {name: [packet.find(IPv4) for out, packet in seen if out] for name, seen in frames.items()}
    return tuple(name for name, headers in sent.items() if any(ip and ip.protocol == IGMP for ip in headers))


def _of_round(one: Round, came: Iterable[bytes]) -> tuple[int, ...]:
    """Keep the numbers of one round. Whatever else came, from whomever, is none of ours."""
    ours = {b"%d" % number: number for number in one.sent}
    return tuple(ours[data] for data in came if data in ours)
