"""Lead a client's question, and its answer, past the simulated firewalls of both nodes."""

import errno
import os
import time

from sockets_lab.errors import refusal
from sockets_lab.headers import TCP, UDP, IPv4, Packet, compose
from sockets_lab.lab import Node
from sockets_lab.lab.firewall import control
from sockets_lab.lab.firewall.answers import OUTCOMES, Answer
from sockets_lab.lab.firewall.rules import RESET
from sockets_lab.lab.firewall.simulated import Decision, SimulatedFirewall
from sockets_lab.lab.lab import neighbor
from sockets_lab.model import FourTuple

SILENCE = 0  # instead of an errno: nothing comes


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


def decides(client: Node, name: FourTuple) -> str:
    """Name what lets a question pass: the simulated firewall, where it has rules for one of both nodes."""
    return "simulated" if any(one and one.ruleset.chains for one in _both(client, name)) else "kernel"


def _both(client: Node, name: FourTuple) -> tuple[SimulatedFirewall | None, SimulatedFirewall | None]:
    """Return the simulated firewalls of the client and the server; None: it has none."""
    return _simulated(client), _simulated(neighbor(client, name.remote.address))


def _simulated(node: Node | None) -> SimulatedFirewall | None:
    found = control.of(node) if node else None
    return found if isinstance(found, SimulatedFirewall) else None


def _stopped(here: SimulatedFirewall | None, there: SimulatedFirewall | None, name: FourTuple, protocol: str,
             say: bytes) -> int | None:  # fmt: skip
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


def _denied(simulated: SimulatedFirewall | None, hook: str, packet: Packet) -> Decision | None:
    decision = simulated.pass_by(hook, packet) if simulated else None
    return decision if decision and decision.verdict != "accept" else None


def _told(decision: Decision) -> int:
    if decision.verdict == "drop" or decision.rule is None:
        return SILENCE
    return errno.ECONNREFUSED if decision.rule.answer in (RESET, "port") else errno.EHOSTUNREACH
