"""What can be known of one forwarded connection: two TCP connections, which only the forwarder knows to be one."""

from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.model import FourTuple

CONNECTING, OPEN, ENDED, BROKEN = STATES = ("connecting", "open", "ended", "broken")


@dataclass(frozen=True)
class Forwarded:
    """A client's connection and the one that the forwarder made to the target for it, both as the forwarder has them.

    number: 1, 2, ... in the order accepted.
    client: local is the forwarder's listening endpoint, remote the client.
    target: local is the port that the kernel gave the forwarder for this, remote the target; None where the kernel
        refused before it gave one.
    to_target, to_client: bytes taken from the one side and handed to the kernel for the other.
    client_finished, target_finished: whether that side has said that it sends no more, and the other was told so.
    state: "connecting" to the target, "open", "ended" in order, or "broken": both ends were reset.
    because: what refused or broke it; None otherwise.
    """

    number: int
    client: FourTuple
    target: FourTuple | None
    to_target: int
    to_client: int
    client_finished: bool
    target_finished: bool
    state: str
    because: Refused | None
