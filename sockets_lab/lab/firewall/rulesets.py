"""Chains of rules, and a ruleset: all chains of one filter."""

from dataclasses import dataclass, field

from sockets_lab.errors import BadInput
from sockets_lab.lab.firewall.rules import HOOKS, NAT, Rule
from sockets_lab.model import Endpoint, checked_port

TABLE = "sockets_lab"  # what a ruleset is called in the kernel


@dataclass(frozen=True)
class Unread:
    """A rule in the kernel that says more than a `Rule` can. expressions: the kernel's names of its parts."""

    expressions: tuple[str, ...]
    packets: int | None = field(default=None, compare=False)
    octets: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"# {' '.join(self.expressions)}"


@dataclass(frozen=True)
class Chain:
    """The rules that a packet meets at one point of its way, one after the other, until one decides.

    Args:
        hook: the point: "input", "output" (to and from this node's programs), "forward" (through this node),
            "prerouting" (as it comes in), "postrouting" (as it goes out).
        rules: in their order. policy: what becomes of a packet that no rule decided, "accept" or "drop".
    Raises: BadInput. Source: nft(8), "Chains".
    """

    hook: str = "input"
    rules: tuple[Rule | Unread, ...] = ()
    policy: str = "accept"

    def __post_init__(self) -> None:
        if self.hook not in HOOKS:
            raise BadInput(f"{self.hook!r} is no place for rules: pass one of {', '.join(HOOKS)}.")
        if self.policy not in ("accept", "drop"):
            raise BadInput(f"{self.policy!r} is no policy: pass 'accept' or 'drop'.")
        object.__setattr__(self, "rules", tuple(self.rules))
        for rule in self.rules:
            if not isinstance(rule, Rule | Unread):
                raise BadInput(f"{rule!r} is no rule: pass such as Rule('drop', 'tcp', port=80).")
            if isinstance(rule, Rule) and rule.verdict not in HOOKS[self.hook]:
                allowed = ", ".join(HOOKS[self.hook])
                raise BadInput(f"{rule.verdict!r} cannot stand in {self.hook}: there pass one of {allowed}.")

    @property
    def kind(self) -> str:
        """"nat" where addresses are changed, so that only a connection's first packet comes by; else "filter"."""
        return "nat" if self.hook in NAT else "filter"

    def __str__(self) -> str:
        head = f"type {self.kind} hook {self.hook} priority {NAT.get(self.hook, 'filter')}; policy {self.policy};"
        return "\n".join([f"\tchain {self.hook} {{", *(f"\t\t{line}" for line in (head, *self.rules)), "\t}"])


@dataclass(frozen=True)
class Ruleset:
    """All chains of one filter, one for each hook at most. `nft -f` takes its text. Raises: BadInput."""

    chains: tuple[Chain, ...] = ()

    def __post_init__(self) -> None:
        hooks = [chain.hook for chain in self.chains]
        if len(set(hooks)) < len(hooks):
            raise BadInput("two chains have one hook: put their rules into one chain, in the order that you want.")
        object.__setattr__(self, "chains", tuple(sorted(self.chains, key=lambda chain: [*HOOKS].index(chain.hook))))

    def chain(self, hook: str) -> Chain:
        """Return the chain at a hook; where there is none, one that accepts all."""
        return next((chain for chain in self.chains if chain.hook == hook), Chain(hook))

    def __add__(self, other: "Ruleset") -> "Ruleset":
        return Ruleset(self.chains + other.chains)

    def __str__(self) -> str:
        return "\n".join([f"table ip {TABLE} {{", "\n\n".join(map(str, self.chains)), "}"])


def incoming(*rules: Rule, policy: str = "accept") -> Ruleset:
    """Make the ruleset with these rules for what comes in to a node's programs."""
    return Ruleset((Chain("input", rules, policy),))


def outgoing(*rules: Rule, policy: str = "accept") -> Ruleset:
    """Make the ruleset with these rules for what a node's programs send."""
    return Ruleset((Chain("output", rules, policy),))


def port_forward(port: int, to: Endpoint, protocol: str = "tcp", masquerade: bool = True) -> Ruleset:
    """Make the ruleset of a gateway: what comes to its port goes on to another endpoint.

    Args: masquerade: the gateway also puts its own address in the place of the client's, so that the answers come back
        to it; needed wherever the target's way to the client does not lead through the gateway.
    Raises: BadInput.
    """
    if checked_port(port) == 0:
        raise BadInput("port 0 cannot be asked for, so it cannot be forwarded: pass one from 1 to 65535.")
    ingoing = Chain("prerouting", (Rule("dnat", protocol, port, to=to),))
    hides = Chain("postrouting", (Rule("masquerade", protocol, to.port, destination=to.address),))
    return Ruleset((ingoing, hides) if masquerade else (ingoing,))
