"""Answers come in too: how a filter that lets nothing in lets them through, by the state of a connection or without."""

from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.lab import Lab
from sockets_lab.lab.firewall import control
from sockets_lab.lab.firewall.answers import Answer
from sockets_lab.lab.firewall.probe import ask
from sockets_lab.lab.firewall.rules import Rule
from sockets_lab.lab.firewall.rulesets import Ruleset, incoming
from sockets_lab.lab.firewall.services import Service
from sockets_lab.lessons.filtering.trials import DEADLINE, cleared, two_of


@dataclass(frozen=True)
class Replies:
    """One ruleset of the guarded node, and three questions under it.

    own: the guarded node asks the other one; stranger: the other one asks at the guarded node's port; disguised: the
    same, and the stranger's own port is the one from which the answers come to the guarded node.
    """

    rules: Ruleset
    own: Answer
    stranger: Answer
    disguised: Answer


def rulesets(port: int) -> tuple[Ruleset, ...]:
    """Return the rulesets that `try_replies` tries: no filter; nothing in; in from that source port; in by state."""
    return (
        incoming(),
        incoming(policy="drop"),
        incoming(Rule("accept", "tcp", source_port=port), policy="drop"),
        incoming(Rule("accept", state=("established", "related")), policy="drop"),
    )


def try_replies(lab: Lab, deadline: float = DEADLINE) -> tuple[Replies, ...] | Refused:
    """Guard a lab's first node with one ruleset after the other, and let it and the second node ask each other.

    Returns: Refused, where no filter can be had.
    """
    guarded, other = two_of(lab)
    found = []
    with Service(guarded) as inside, cleared(guarded):
        port = 0
        for number in range(len(rulesets(port))):
            with Service(other, port) as outside:
                if isinstance(outside.endpoint, Refused) or isinstance(inside.endpoint, Refused):
                    return next(one for one in (outside.endpoint, inside.endpoint) if isinstance(one, Refused))
                port = outside.endpoint.port
                results: list = [control.apply(guarded, rulesets(port)[number])]
                results.append(ask(guarded, outside.endpoint, deadline=deadline))
            for disguise in (0, port):
                results.append(ask(other, inside.endpoint, deadline=deadline, source_port=disguise))
            results.append(control.held(guarded))
            if refused := next((one for one in results if isinstance(one, Refused)), None):
                return refused
            _, own, stranger, disguised, held = results
            found.append(Replies(held, own, stranger, disguised))
    return tuple(found)
