"""A client's question: does anybody answer there? How it ends, and what crosses the client's cable meanwhile."""

import errno
import os
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace

from sockets_lab.errors import BadInput, Refused, refusal
from sockets_lab.headers import TCP, UDP, ICMPv4, IPv4, NotAPacket, Packet, compose, dissect
from sockets_lab.lab import Node
from sockets_lab.lab.capture import Capture, Captured, make_socket
from sockets_lab.lab.firewall import control
from sockets_lab.lab.firewall.flows import ports_of
from sockets_lab.lab.firewall.reaching import OUTCOMES, Answer, bound, reach_from
from sockets_lab.lab.firewall.rules import RESET
from sockets_lab.lab.firewall.simulated import Decision, SimulatedFirewall
from sockets_lab.lab.lab import neighbor
from sockets_lab.model import TRANSPORTS, Endpoint, FourTuple, checked_port
from sockets_lab.netns.cables import INTERFACE

DEADLINE = 1.0  # seconds
SHORTEST, LONGEST = 0.05, 30.0  # seconds
RING = 1 << 19  # bytes of what is kept of the cable's packets: 256 of them
SILENCE = 0  # instead of an errno: nothing comes


def ask(
    client: Node, server: Endpoint, protocol: str = "tcp", deadline: float = DEADLINE, say: bytes = b"",
    hear: float = 0.0, source_port: int = 0,
) -> Answer | Refused:  # fmt: skip
    """Let a node ask at another's port, as any program may, and find out how that ends.

    Args: deadline: seconds, 0.05-30, after which silence counts as silence; say: what the client sends (UDP: in one
        datagram); hear: seconds to wait for a TCP server's first bytes; source_port: 0 = the kernel chooses.
    Returns: Refused, where the client cannot have its port. Raises: BadInput.
    """
    if protocol not in TRANSPORTS:
        raise BadInput(f"{protocol!r} has no ports to ask at: pass 'tcp' or 'udp'.")
    for seconds, least in ((deadline, SHORTEST), (hear, 0)):
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not least <= seconds <= LONGEST:
            raise BadInput(f"{seconds!r} is no deadline: pass seconds from {SHORTEST} to {LONGEST:g}.")
    port = checked_port(source_port)
    question = server, protocol, deadline, say, hear
    if control.decides(client) == "kernel":
        return _reached(client, port, *question)
    try:
        with bound(client.address, port, protocol, client.socket) as sock:
            name = FourTuple(Endpoint.of(sock.getsockname()), server)
    except OSError as error:
        return refusal(error)
    if stopped := walk(client, name, protocol, say, deadline):
        return stopped
    answer = _reached(client, name.local.port, *question)  # what the simulated firewalls let pass is really sent
    return answer if isinstance(answer, Refused) else replace(answer, by=decider(client, name))


def _reached(
    client: Node, source_port: int, server: Endpoint, protocol: str, deadline: float, say: bytes, hear: float
) -> Answer | Refused:  # fmt: skip
    with ExitStack() as stack:
        cable = None
        if client.own_stack:
            ring = client.call(make_socket, INTERFACE, RING)
            cable = stack.enter_context(Capture(ring, RING))
        answer: Answer | Refused = client.run(
            reach_from, client.address, source_port, server, protocol, deadline, say, hear,
            patience=2 * LONGEST + deadline,
        )  # fmt: skip
        return answer if isinstance(answer, Refused) or not cable else _with_packets(answer, cable.packets())


def _with_packets(answer: Answer, captured: Iterable[Captured]) -> Answer:
    crossed = [(bool(one.outgoing), dissect(one.octets)) for one in captured]
    sent, came = (
        tuple(packet for out, packet in crossed if out is way and _is_about(packet, answer.four_tuple, out))
        for way in (True, False)
    )
    return replace(answer, sent=sent, came=came)


def _is_about(packet: Packet, name: FourTuple, outgoing: bool) -> bool:
    """Tell whether a packet is one of this conversation, or an ICMP error about one of its packets."""
    if packet.find(ICMPv4):
        try:
            return not outgoing and _is_about(dissect(packet.payload, first=IPv4), name, outgoing=True)
        except NotAPacket:
            return False
    ip = packet.find(IPv4)
    source, destination = (name.local, name.remote) if outgoing else (name.remote, name.local)
    return ip is not None and (ip.source, ip.destination, *ports_of(packet)) == (
        source.address, destination.address, source.port, destination.port
    )  # fmt: skip


def walk(client: Node, name: FourTuple, protocol: str, say: bytes, deadline: float) -> Answer | None:
    """Ask the simulated firewalls. Returns: how the question ends, after the wait that it costs; None: it passes.

    Args: as for `ask`. The answer is taken to be one of the same protocol, whether or not anybody listens there.
    """
    begin = time.monotonic()
    here, there = _both(client, name)
    number = _stopped(here, there, name, protocol, say)
    if number is None:
        return None
    if number == SILENCE:
        time.sleep(deadline)
    refused = refusal(OSError(number, os.strerror(number)) if number else TimeoutError())
    return Answer(OUTCOMES[refused.name], name, refused, b"", time.monotonic() - begin, by="simulated")


def decider(client: Node, name: FourTuple) -> str:
    """Name what lets a question pass: the simulated firewall, where it has rules for one of both nodes."""
    return "simulated" if any(one and one.ruleset.chains for one in _both(client, name)) else "kernel"


def _both(client: Node, name: FourTuple) -> tuple[SimulatedFirewall | None, SimulatedFirewall | None]:
    """Return the simulated firewalls of the client and the server; None: it has none."""
    server = neighbor(client, name.remote.address)
    here, there = control.of(client), control.of(server) if server else None
    simulated = [one if isinstance(one, SimulatedFirewall) else None for one in (here, there)]
    return simulated[0], simulated[1]


def _stopped(here: SimulatedFirewall | None, there: SimulatedFirewall | None, name: FourTuple, protocol: str,
             say: bytes) -> int | None:  # fmt: skip
    """Return what the client is told, as an errno or SILENCE, where its question or the answer is stopped."""
    question, answer = _first_packet(name, protocol, say), _first_packet(name.reversed(), protocol, b"", ack=1)
    if decision := _denied(here, "output", question):
        return errno.EPERM if protocol == "udp" else _told(decision)  # UDP's caller is told that nothing was sent
    if decision := _denied(there, "input", question):
        return _told(decision)
    if _denied(there, "output", answer) or _denied(here, "input", answer):
        return SILENCE  # a reject tells the one who sent the answer
    return None


def _first_packet(name: FourTuple, protocol: str, payload: bytes, ack: int = 0) -> Packet:
    """Put together the first packet that the local end of a connection sends."""
    ip = IPv4(source=name.local.address, destination=name.remote.address)
    if protocol == "tcp":
        return compose(ip, TCP(source_port=name.local.port, destination_port=name.remote.port, syn=1, ack=ack))
    return compose(ip, UDP(source_port=name.local.port, destination_port=name.remote.port), payload=payload)


def _denied(simulated: SimulatedFirewall | None, hook: str, packet: Packet) -> Decision | None:
    decision = simulated.pass_by(hook, packet) if simulated else None
    return decision if decision and decision.verdict != "accept" else None


def _told(decision: Decision) -> int:
    if decision.verdict == "drop" or decision.rule is None:
        return SILENCE
    return errno.ECONNREFUSED if decision.rule.answer in (RESET, "port") else errno.EHOSTUNREACH
