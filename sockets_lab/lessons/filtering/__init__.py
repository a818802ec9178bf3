"""Lesson 11: what a firewall's rules do to clients, and what port forwarding does to addresses.

Rules and rulesets are in `sockets_lab.lab.firewall`; these are the experiments with them.
"""

from sockets_lab.lessons.filtering.gateway import Forwarded, be_gateway, forwarded, three_nodes, tracked
from sockets_lab.lessons.filtering.trials import Behind, Replies, Trial, behind_ports, try_replies, try_rules
