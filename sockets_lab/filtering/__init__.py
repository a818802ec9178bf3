"""Filtering: the kernel's own packet filter in a node of a lab, and what its rules do to clients.

A ruleset is a value. `apply` gives it to a node, `held` reads it back with what each rule has counted, `ask` lets a
client find out; `try_rules`, `behind_ports`, `try_replies` and `forwarded` are the lesson's experiments.
"""

from sockets_lab.filtering.answers import Answer
from sockets_lab.filtering.asking import ask
from sockets_lab.filtering.connections import Tracked
from sockets_lab.filtering.firewall import add, apply, clear, delete, differs, held, set_policy
from sockets_lab.filtering.gateway import Forwarded, be_gateway, forwarded, three_nodes, tracked
from sockets_lab.filtering.logs import Log
from sockets_lab.filtering.programs import Behind, behind_ports
from sockets_lab.filtering.replies import Replies, try_replies
from sockets_lab.filtering.rules import Rule
from sockets_lab.filtering.rulesets import Chain, Ruleset, Unread, incoming, outgoing, port_forward
from sockets_lab.filtering.services import SSH, WEB, Service
from sockets_lab.filtering.standin import Decision, Logged, StandIn, decide, matches
from sockets_lab.filtering.trials import Trial, try_rules, verdicts

__all__ = [
    "SSH", "WEB", "Answer", "Behind", "Chain", "Decision", "Forwarded", "Log", "Logged", "Replies", "Rule", "Ruleset",
    "Service", "StandIn", "Tracked", "Trial", "Unread", "add", "apply", "ask", "be_gateway", "behind_ports", "clear",
    "decide", "delete", "differs", "forwarded", "held", "incoming", "matches", "outgoing", "port_forward", "set_policy",
    "three_nodes", "tracked", "try_replies", "try_rules", "verdicts",
]  # fmt: skip
