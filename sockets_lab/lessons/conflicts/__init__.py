"""Port conflicts: who may share a port with whom, tried for real; and what sharing does."""

from sockets_lab.lessons.conflicts.bind_requests import BindRequest, Requester
from sockets_lab.lessons.conflicts.pairs import (
    LISTENING,
    PAIRS,
    PROTOCOLS,
    SIDES,
    Cell,
    Outcome,
    matrix,
    requests_of,
    stage,
    vary_options,
    who_holds,
)
from sockets_lab.lessons.conflicts.reasons import ELSEWHERE, Elsewhere, overlap, reason
from sockets_lab.lessons.conflicts.sharing import OPTIONS, Inherited, Shared, inherit, share
from sockets_lab.lessons.conflicts.subprocess_peer import Party, SecondProgram
from sockets_lab.lessons.conflicts.trials import CallStep, Trial, in_use, play, settled
