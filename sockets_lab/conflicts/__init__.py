"""Port conflicts: who may share a port with whom, tried for real; what sharing does; and the way back to a port."""

from sockets_lab.conflicts.claims import Claim, Claimant
from sockets_lab.conflicts.closing import CLOSES_FIRST, AfterClose, Defaults, after_close, rebinding, server_defaults
from sockets_lab.conflicts.inheriting import Inherited, inherit
from sockets_lab.conflicts.pairs import (
    LISTENING,
    PAIRS,
    PROTOCOLS,
    SIDES,
    Cell,
    Outcome,
    claims_of,
    matrix,
    stage,
    vary_options,
    who_holds,
)
from sockets_lab.conflicts.reasons import ELSEWHERE, Elsewhere, overlap, reason
from sockets_lab.conflicts.second_program import Party, SecondProgram
from sockets_lab.conflicts.sharing import OPTIONS, Shared, share
from sockets_lab.conflicts.trials import Step, Trial, in_use, play, settled

__all__ = [
    "CLOSES_FIRST", "ELSEWHERE", "LISTENING", "OPTIONS", "PAIRS", "PROTOCOLS", "SIDES", "AfterClose", "Cell",
    "Claim", "Claimant", "Defaults", "Elsewhere", "Inherited", "Outcome", "Party", "SecondProgram", "Shared", "Step",
    "Trial", "after_close", "claims_of", "in_use", "inherit", "matrix", "overlap", "play", "reason", "rebinding",
    "server_defaults", "settled", "share", "stage", "vary_options", "who_holds",
]  # fmt: skip
