"""Lesson 09: what a firewall's rules do to clients, and what port forwarding does to addresses.

Rules and rulesets are in `sockets_lab.lab.firewall`; these are the experiments with them.
"""

from sockets_lab.lessons.filtering.gateway import Forwarded, be_gateway, forwarded, three_nodes, tracked
from sockets_lab.lessons.filtering.programs import Behind, behind_ports
from sockets_lab.lessons.filtering.stateful import Replies, try_replies
from sockets_lab.lessons.filtering.trials import Trial, try_rules, verdicts
