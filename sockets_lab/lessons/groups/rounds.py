"""What came of numbered datagrams between nodes, round by round. See `between`."""

from collections.abc import Mapping
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused
from sockets_lab.model import Endpoint

JOINED = "two nodes have joined"
LEFT = "one of them has left"
NEAR = "with time to live 0"
OWN = "the sender has joined too"
OWN_NEAR = "again with time to live 0"
NO_LOOP = "IP_MULTICAST_LOOP is off"
EVERYONE = "a broadcast instead"


@dataclass(frozen=True)
class Round:
    """Some numbered datagrams from the first node, under one condition. Names are those of nodes.

    what: the condition, JOINED, ... or EVERYONE; sent: the numbers that `sendto` took; refused: what refused more.
    members: whose kernel had the group then, None where kernels do not tell; came: name -> numbers, as they came out.
    carried: name -> numbers that crossed that node's cable, None where cables cannot be watched.
    """

    what: str
    sent: tuple[int, ...] = ()
    refused: Refused | None = None
    members: tuple[str, ...] | None = None
    came: Mapping[str, tuple[int, ...]] | None = None
    carried: Mapping[str, tuple[int, ...]] | None = None

    def missing(self, name: str) -> tuple[int, ...]:
        """Return the numbers that were sent and did not come to that node."""
        return tuple(sorted(set(self.sent) - set((self.came or {})[name])))


@dataclass(frozen=True)
class BetweenNodes:
    """All rounds. names: of the nodes, the sender first, then those that joined, then those that never do.

    ttl: the time to live with which the first datagram came, None where none came or it is not told.
    announced: the nodes that told the switch of a group (IGMP), None where cables cannot be watched.
    differs: "" where the nodes have network stacks of their own, else what differs here.
    """

    group: Endpoint
    names: tuple[str, ...]
    rounds: tuple[Round, ...]
    ttl: int | None
    announced: tuple[str, ...] | None
    differs: str

    def round(self, what: str) -> Round:
        """Return one round by its name. Raises: BadInput."""
        for one in self.rounds:
            if one.what == what:
                return one
        raise BadInput(f"{what!r} was not tried: pass one of {', '.join(one.what for one in self.rounds)}.")
