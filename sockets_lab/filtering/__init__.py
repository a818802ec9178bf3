"""Filtering: the kernel's own packet filter in a node of a lab, and what its rules do to clients."""

from sockets_lab.filtering.asking import ask
from sockets_lab.filtering.firewall import apply, clear, differs, held
from sockets_lab.filtering.reaching import Answer
from sockets_lab.filtering.rules import Rule
from sockets_lab.filtering.rulesets import Chain, Ruleset, Unread, incoming, outgoing, port_forward
from sockets_lab.filtering.services import SSH, WEB, Service
from sockets_lab.filtering.standin import Decision, StandIn, decide, matches

__all__ = [
    "SSH", "WEB", "Answer", "Chain", "Decision", "Rule", "Ruleset", "Service", "StandIn", "Unread", "apply", "ask",
    "clear", "decide", "differs", "held", "incoming", "matches", "outgoing", "port_forward",
]  # fmt: skip
