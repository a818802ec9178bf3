"""The kernel's own packet filter in a node of a lab, and a simulated one where there is none.

A ruleset is a value. `apply` gives it to a node, `held` reads it back with what each rule has counted, `ask` lets a
client find out.
"""

from sockets_lab.lab.firewall.connections import Tracked
from sockets_lab.lab.firewall.control import add, apply, clear, decides, delete, differs, held, set_policy
from sockets_lab.lab.firewall.logs import Log
from sockets_lab.lab.firewall.probe import ask
from sockets_lab.lab.firewall.reaching import Answer
from sockets_lab.lab.firewall.rules import Rule
from sockets_lab.lab.firewall.rulesets import Chain, Ruleset, Unread, incoming, outgoing, port_forward
from sockets_lab.lab.firewall.services import SSH, WEB, Service
from sockets_lab.lab.firewall.simulated import Decision, Logged, SimulatedFirewall, decide, matches
