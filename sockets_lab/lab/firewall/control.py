"""The filter of a node: give it rules, read back which it holds and what they have counted, take them away.

In a network stack of its own a node has the kernel's filter, nf_tables. It is root over its stack, so that no right and
no program are needed for it. Where nodes share a stack, or where this kernel refuses the rules, a simulated firewall
decides, over those who ask it: `ask` does.
"""

import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sockets_lab.errors import BadInput, Refused, refusal
from sockets_lab.lab import Node
from sockets_lab.lab.firewall import kernel
from sockets_lab.lab.firewall.rules import Rule
from sockets_lab.lab.firewall.rulesets import Chain, Ruleset
from sockets_lab.lab.firewall.simulated import Logged, SimulatedFirewall

NO_PART = "this kernel has no packet filter (nf_tables), or lacks this part of it"
LACKING = {"EOPNOTSUPP", "EPROTONOSUPPORT", "EAFNOSUPPORT", "EINVAL"}  # what a kernel answers that lacks it
PASSING = {"EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EAGAIN", "DEADLINE"}  # says nothing of the next time
WHOLE = (kernel.install, kernel.try_out)  # they make all that they need: ENOENT too says that a part is missing
SIMULATED = (
    "here a simulated firewall in Python decides over packets made up like those that a client sends, and only the "
    "course's clients ask it."
)


class KernelFirewall:
    """The filter of a node's own network stack; what it refuses it returns, and all is as before.

    by: "kernel" or "simulated". differs: a sentence, where it is not the kernel; else "". listen: begins to log, into
    the list or to the socket that it returns; None: no more. A simulated firewall has the same methods.
    """

    by, differs = "kernel", ""

    def __init__(self, node: Node) -> None:
        self._node = node

    def apply(self, ruleset: Ruleset) -> Refused | None:
        return self.ask(kernel.install, ruleset)

    def add(self, hook: str, rule: Rule) -> Refused | None:
        return self.ask(kernel.append, hook, rule)

    def delete(self, hook: str, place: int) -> Refused | None:
        return self.ask(kernel.delete, hook, place)

    def set_policy(self, hook: str, policy: str) -> Refused | None:
        return self.ask(kernel.set_policy, hook, policy)

    def held(self) -> Ruleset | Refused:
        found: Ruleset | Refused = self.ask(kernel.installed)
        return found

    def listen(self, heard: list[Logged] | None) -> socket.socket | None:
        return None if heard is None else self._node.call(kernel.open_log)

    def ask(self, function: Callable[..., Any], *arguments: Ruleset | Rule | str | int) -> Any:
        """Call a function of `kernel` in the node. Returns: its value, or what that kernel refused."""
        try:
            return self._node.call(function, *arguments)
        except OSError as error:
            refused = refusal(error, "nftables")
        lacking = {*LACKING, "ENOENT"} if function in WHOLE else LACKING
        return replace(refused, because=NO_PART) if refused.name in lacking else refused


Firewall = KernelFirewall | SimulatedFirewall


def of(node: Node) -> Firewall:
    """Return what filters a node's packets: the kernel, if it takes rules there; found out at the first call."""
    if node.firewall is None and not node.own_stack:
        why = "Nodes on loopback share this machine's own filter, which is not yours to change"
        node.firewall = SimulatedFirewall(f"{why}: {SIMULATED}")
    elif node.firewall is None:
        own = KernelFirewall(node)
        refused = own.ask(kernel.try_out)
        if refused and refused.name in PASSING:
            return own
        why = f"The kernel's packet filter cannot be had ({refused})"
        node.firewall = SimulatedFirewall(f"{why}: {SIMULATED}") if refused else own
    found: Firewall = node.firewall
    return found


def apply(node: Node, ruleset: Ruleset) -> Refused | None:
    """Give a node this ruleset in the place of the one before; its counters begin at 0.

    Connections that are known stay known. Returns: None, or what was refused, and all is as before. Raises: BadInput.
    """
    if not isinstance(ruleset, Ruleset):
        raise BadInput(f"{ruleset!r} is no ruleset: pass such as incoming(Rule('drop', 'tcp', port=80)).")
    return of(node).apply(ruleset)


def add(node: Node, rule: Rule, hook: str = "input") -> Refused | None:
    """Put a rule behind those of a chain that a node has; what these have counted stays.

    Returns: None, or what was refused (ENOENT: no ruleset with such a chain). Raises: BadInput.
    """
    Chain(hook, (rule,))  # raises
    return of(node).add(hook, rule)


def delete(node: Node, place: int, hook: str = "input") -> Refused | None:
    """Take one rule away from a chain that a node has; what the others have counted stays.

    Args: place: 1 = the first. Returns: None, or what was refused (ENOENT: no such rule).
    """
    return of(node).delete(hook, place)


def set_policy(node: Node, policy: str, hook: str = "input") -> Refused | None:
    """Say what becomes of packets that no rule of a node's chain decides: "accept" or "drop". All else stays.

    Returns: None, or what was refused (ENOENT: no ruleset). Raises: BadInput.
    """
    Chain(hook, policy=policy)  # raises
    return of(node).set_policy(hook, policy)


def held(node: Node) -> Ruleset | Refused:
    """Read which rules a node holds, and what each has counted. An empty ruleset: none."""
    return of(node).held()


def clear(node: Node) -> Refused | None:
    """Take a node's ruleset away, so that everything passes. Returns: None, or what was refused."""
    return of(node).apply(Ruleset())


def differs(node: Node) -> str:
    """Say in a sentence what decides here, where it is not the kernel; else ""."""
    return of(node).differs


def decides(node: Node) -> str:
    """Name what filters a node's packets: "kernel", or "simulated", a firewall that only the course's clients ask."""
    return of(node).by
