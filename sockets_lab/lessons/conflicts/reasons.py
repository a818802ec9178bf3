"""Why a pair of claims ended as it did, in words, and what other systems are documented to do.

The words follow the outcome that was measured; they never stand in for it.
"""

from dataclasses import dataclass

from sockets_lab.lessons.conflicts.bind_requests import BindRequest
from sockets_lab.lessons.conflicts.pairs import Outcome
from sockets_lab.lessons.conflicts.trials import in_use
from sockets_lab.model import Endpoint


@dataclass(frozen=True)
class Elsewhere:
    """What another system is documented to do. Nothing here is measured or asserted: ask that system."""

    system: str
    says: str
    source: str


ELSEWHERE = (
    Elsewhere(
        "Linux",
        "SO_REUSEADDR counts only where the socket that was there before had it too, and never against a listener; "
        "SO_REUSEPORT must stand on every socket of the port, all of one user, and spreads connections among them.",
        "socket(7)",
    ),
    Elsewhere(
        "FreeBSD",
        "It is enough that the later socket sets SO_REUSEADDR. SO_REUSEPORT lets equal addresses be bound again, but "
        "does not spread connections; SO_REUSEPORT_LB does. macOS descends from BSD: measure before you rely on it.",
        "socket(7), section NOTES; setsockopt(2) of FreeBSD",
    ),
    Elsewhere(
        "Windows",
        "SO_REUSEADDR on both lets a second socket bind the very address on which the first one listens, and who then "
        "gets the connections is left open. With no option at all a wildcard and a specific address go together. A "
        "server that must keep its port for itself sets SO_EXCLUSIVEADDRUSE. There is no SO_REUSEPORT.",
        'Microsoft Learn, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE" and "Sharing Transport Addresses"',
    ),
)


def overlap(first: BindRequest, second: BindRequest) -> bool:
    """Tell whether a packet could be meant for both claims: one protocol, and an address that both cover."""

    def covers(wide: BindRequest, narrow: BindRequest) -> bool:
        here, there = Endpoint(wide.address, 0), Endpoint(narrow.address, 0)
        family = here.family == there.family or (here.address == "::" and not wide.ipv6_only)
        return here == there or (here.is_wildcard and family)

    return first.protocol == second.protocol and (covers(first, second) or covers(second, first))


def reason(outcome: Outcome) -> str:
    """Explain an outcome in a sentence or two, by the rules in socket(7). The outcome itself is the kernel's."""
    first, second, refused = outcome.first, outcome.second, outcome.refused
    shared = set(first.options) & set(second.options)
    claimed = {option for claim in (first, second) for option in claim.options if option.startswith("SO_")}
    if outcome.disturbed:
        return "Other programs held the number in every trial, so this says nothing about the two claims."
    if refused and refused.refused and not in_use(refused):
        return f"It never came to a conflict: {refused.refused.because}."
    if not overlap(first, second) and not refused:
        if first.protocol != second.protocol:
            return "TCP and UDP count their ports separately, so the two never meet."
        return "The two addresses have nothing in common, so no packet could be meant for both sockets."
    if not refused and "SO_REUSEPORT" in shared:
        return "Both set SO_REUSEPORT before they were bound, so the kernel lets them share the port."
    if not refused and "SO_REUSEADDR" in shared and "no" in (first.listens, second.listens):
        return "Both set SO_REUSEADDR, and no more than one of them listens, so the kernel lets both be bound."
    if not refused or not overlap(first, second) or "SO_REUSEPORT" in shared:
        return "That is a rule of this system, other than Linux's: see how systems differ."
    sentences = [f"A packet to {_common(first, second)} could be meant for both."]
    sentences += [f"{option} counts only where both sockets set it." for option in sorted(claimed - shared)]
    if "SO_REUSEADDR" in shared:
        sentences.append("SO_REUSEADDR lets both be bound, but gives no way past a socket that listens.")
    return " ".join(sentences)


def _common(first: BindRequest, second: BindRequest) -> str:
    narrow = next((claim for claim in (first, second) if not Endpoint(claim.address, 0).is_wildcard), None)
    if narrow:
        return narrow.address
    return "any IPv4 address of this machine" if "0.0.0.0" in (first.address, second.address) else "any address here"
