"""The filter of a node: give it rules, read back which it holds and what they have counted, take them away.

In a lab of network stacks the filter is the kernel's own, nf_tables. A node is root over its own stack, so that no
right and no program are needed for it. On loopback nodes the stand-in decides, over those who ask it: `ask` does.
"""

import weakref
from collections.abc import Callable
from typing import Any

from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.lab import Node
from sockets_lab.lab.firewall import kernel
from sockets_lab.lab.firewall.rules import Rule
from sockets_lab.lab.firewall.rulesets import Chain, Ruleset
from sockets_lab.lab.firewall.simulated import StandIn
from sockets_lab.lab.loopback import LoopbackNode

NO_TRANSLATION = Refused("EOPNOTSUPP", "the stand-in of nodes on loopback changes no addresses and no ports")
NOTHING = Ruleset()

_stand_ins: weakref.WeakKeyDictionary[Node, StandIn] = weakref.WeakKeyDictionary()


def apply(node: Node, ruleset: Ruleset) -> Refused | None:
    """Give a node this ruleset in the place of the one before; its counters begin at 0.

    Connections that are known stay known. Returns: None, or what the kernel refused, and all is as before.
    Raises: BadInput.
    """
    if not isinstance(ruleset, Ruleset):
        raise BadInput(f"{ruleset!r} is no ruleset: pass such as incoming(Rule('drop', 'tcp', port=80)).")
    if not isinstance(node, LoopbackNode):
        return _by_kernel(node, kernel.install, ruleset)
    if any(chain.kind == "nat" for chain in ruleset.chains):
        return NO_TRANSLATION
    stand_in(node).take(ruleset)
    return None


def add(node: Node, rule: Rule, hook: str = "input") -> Refused | None:
    """Put a rule behind those of a chain that a node has; what these have counted stays.

    Returns: None, or what the kernel refused (ENOENT: no ruleset with such a chain). Raises: BadInput.
    """
    alone = Chain(hook, (rule,))
    if not isinstance(node, LoopbackNode):
        return _by_kernel(node, kernel.append, hook, rule)
    refused: Refused | None = attempt(stand_in(node).add, alone)
    return refused


def delete(node: Node, place: int, hook: str = "input") -> Refused | None:
    """Take one rule away from a chain that a node has; what the others have counted stays.

    Args: place: 1 = the first. Returns: None, or what the kernel refused (ENOENT: no such rule).
    """
    if not isinstance(node, LoopbackNode):
        return _by_kernel(node, kernel.delete, hook, place)
    refused: Refused | None = attempt(stand_in(node).delete, hook, place)
    return refused


def set_policy(node: Node, policy: str, hook: str = "input") -> Refused | None:
    """Say what becomes of packets that no rule of a node's chain decides: "accept" or "drop". All else stays.

    Returns: None, or what the kernel refused (ENOENT: no ruleset). Raises: BadInput.
    """
    if not isinstance(node, LoopbackNode):
        Chain(hook, policy=policy)
        return _by_kernel(node, kernel.set_policy, hook, policy)
    refused: Refused | None = attempt(stand_in(node).set_policy, hook, policy)
    return refused


def held(node: Node) -> Ruleset | Refused:
    """Read which rules a node holds, and what each has counted. An empty ruleset: none."""
    if isinstance(node, LoopbackNode):
        return stand_in(node).ruleset
    ruleset: Ruleset | Refused | None = _by_kernel(node, kernel.installed)
    return NOTHING if ruleset is None else ruleset


def clear(node: Node) -> Refused | None:
    """Take a node's ruleset away, so that everything passes. Returns: None, or what the kernel refused."""
    if not isinstance(node, LoopbackNode):
        return _by_kernel(node, kernel.remove)
    stand_in(node).take(NOTHING)
    return None


def stand_in(node: Node) -> StandIn:
    """Return what decides for a node on loopback."""
    return _stand_ins.setdefault(node, StandIn())


def stand_in_at(address: str, but: Node) -> StandIn | None:
    """Return what decides for the node on loopback with that address, another one than `but`; None: nobody."""
    for node, one in list(_stand_ins.items()):
        if node.address == address and node is not but and not node.closed:
            return one
    return None


def _by_kernel(node: Node, function: Callable[..., Any], *arguments: Ruleset | Rule | str | int) -> Any:
    try:
        return node.call(function, *arguments)
    except OSError as error:
        return refusal(error, "nftables")


def differs(node: Node) -> str:
    """Say in a sentence who decides here, where it is not the kernel; else ""."""
    if not isinstance(node, LoopbackNode):
        return ""
    return (
        "Nodes on loopback share this machine's own filter, which is not yours to change: here a stand-in in Python "
        "decides over packets made up like those that a client sends, and only the course's clients ask it."
    )
