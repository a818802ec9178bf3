"""The filter of a node: give it rules, read back which it holds and what they have counted, take them away.

In a lab of network stacks the filter is the kernel's own, nf_tables. A node is root over its own stack, so that no
right and no program are needed for it. On loopback nodes the stand-in decides, over those who ask it: `ask` does.
"""

import weakref

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.filtering.rulesets import Ruleset
from sockets_lab.filtering.standin import StandIn
from sockets_lab.nodes import Node
from sockets_lab.nodes.loopback import LoopbackNode

KERNEL = "sockets_lab.filtering.kernel"
NO_TRANSLATION = Refused("EOPNOTSUPP", "the stand-in of nodes on loopback changes no addresses and no ports")
NOTHING = Ruleset()

_stand_ins: weakref.WeakKeyDictionary[Node, StandIn] = weakref.WeakKeyDictionary()


def apply(node: Node, ruleset: Ruleset) -> Refused | None:
    """Give a node this ruleset in the place of the one before; its counters begin at 0.

    Connections that the kernel knows stay known. Returns: None, or what the kernel refused, and all is as before.
    Raises: BadInput.
    """
    if not isinstance(ruleset, Ruleset):
        raise BadInput(f"{ruleset!r} is no ruleset: pass such as incoming(Rule('drop', 'tcp', port=80)).")
    if isinstance(node, LoopbackNode):
        if any(chain.kind == "nat" for chain in ruleset.chains):
            return NO_TRANSLATION
        _stand_ins[node] = StandIn(ruleset)
        return None
    refused: Refused | None = attempt(node.call, KERNEL, "install", ruleset)
    return refused


def held(node: Node) -> Ruleset | Refused:
    """Read which rules a node holds, and what each has counted. An empty ruleset: none."""
    if isinstance(node, LoopbackNode):
        return _stand_ins[node].ruleset if node in _stand_ins else NOTHING
    ruleset: Ruleset | Refused | None = attempt(node.call, KERNEL, "installed")
    return NOTHING if ruleset is None else ruleset


def clear(node: Node) -> Refused | None:
    """Take a node's ruleset away, so that everything passes. Returns: None, or what the kernel refused."""
    if isinstance(node, LoopbackNode):
        _stand_ins.pop(node, None)
        return None
    refused: Refused | None = attempt(node.call, KERNEL, "remove")
    return refused


def stand_in(node: Node) -> StandIn | None:
    """Return the stand-in that decides for a node on loopback; None where the kernel decides, or nobody."""
    return _stand_ins.get(node)


def stand_in_at(address: str) -> StandIn | None:
    """Return the stand-in of the node on loopback with that address, or None."""
    return next((one for node, one in _stand_ins.items() if node.address == address), None)


def differs(node: Node) -> str:
    """Say in a sentence who decides here, where it is not the kernel; else ""."""
    if not isinstance(node, LoopbackNode):
        return ""
    return (
        "Nodes on loopback share this machine's own filter, which is not yours to change: here a stand-in in Python "
        "decides over packets made up like those that a client sends, and only the course's clients ask it."
    )
