"""Lead a client's question, and its answer, past the stand-ins of both nodes: where the kernel's filter is not ours."""

import errno
import os
import time

from sockets_lab.errors import refusal
from sockets_lab.headers import TCP, UDP, IPv4, Packet, compose
from sockets_lab.lab import Node
from sockets_lab.lab.firewall import control
from sockets_lab.lab.firewall.answers import OUTCOMES, Answer
from sockets_lab.lab.firewall.rules import RESET
from sockets_lab.lab.firewall.simulated import Decision, StandIn
from sockets_lab.model import FourTuple

SILENCE = 0  # instead of an errno: nothing comes


def walk(client: Node, name: FourTuple, protocol: str, say: bytes, deadline: float) -> Answer | None:
    """Ask the stand-ins. Returns: how the question ends, after the wait that it costs; None, where it passes.

    Args: as for `ask`. The answer is taken to be one of the same protocol, whether or not anybody listens there.
    """
    begin = time.monotonic()
    here, there = control.stand_in(client), control.stand_in_at(name.remote.address, client)
    number = _stopped(here, there, name, protocol, say)
    if number is None:
        return None
    if number == SILENCE:
        time.sleep(deadline)
    refused = refusal(OSError(number, os.strerror(number)) if number else TimeoutError())
    return Answer(OUTCOMES[refused.name], name, refused, b"", time.monotonic() - begin, by="stand-in")


def decides(client: Node, name: FourTuple) -> str:
    """Name who lets a question pass: the stand-in, where it has rules for one of both nodes."""
    both = (control.stand_in(client), control.stand_in_at(name.remote.address, client))
    return "stand-in" if any(one and one.ruleset.chains for one in both) else "kernel"


def _stopped(here: StandIn | None, there: StandIn | None, name: FourTuple, protocol: str, say: bytes) -> int | None:
    """Return what the client is told, as an errno or SILENCE, where its question or the answer is stopped."""
    question, answer = _packet(name, protocol, say), _packet(name.reversed(), protocol, b"", ack=1)
    if decision := _denied(here, "output", question):
        return errno.EPERM if protocol == "udp" else _told(decision)  # UDP's caller is told that nothing was sent
    if decision := _denied(there, "input", question):
        return _told(decision)
    if _denied(there, "output", answer) or _denied(here, "input", answer):
        return SILENCE  # a reject tells the one who sent the answer
    return None


def _packet(name: FourTuple, protocol: str, payload: bytes, ack: int = 0) -> Packet:
    """Put together the first packet that the local end of a connection sends."""
    ip = IPv4(source=name.local.address, destination=name.remote.address)
    if protocol == "tcp":
        return compose(ip, TCP(source_port=name.local.port, destination_port=name.remote.port, syn=1, ack=ack))
    return compose(ip, UDP(source_port=name.local.port, destination_port=name.remote.port), payload=payload)


def _denied(stand_in: StandIn | None, hook: str, packet: Packet) -> Decision | None:
    decision = stand_in.pass_by(hook, packet) if stand_in else None
    return decision if decision and decision.verdict != "accept" else None


def _told(decision: Decision) -> int:
    if decision.verdict == "drop" or decision.rule is None:
        return SILENCE
    return errno.ECONNREFUSED if decision.rule.answer in (RESET, "port") else errno.EHOSTUNREACH
