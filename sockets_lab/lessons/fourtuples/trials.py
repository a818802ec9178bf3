"""What makes two TCP connections two: change one of the four parts of a name at a time, and connect for real.

A client may bind to an address and port that another client has, if both ask for that; the kernel then compares the
whole four-tuples. Source: RFC 9293 section 3.4 (a connection is defined by a pair of sockets), socket(7).
"""

import socket
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel.connecting import WAIT, listening, start_connect
from sockets_lab.model import Endpoint, FourTuple

PARTS = ("nothing", "local address", "local port", "remote address", "remote port")
# Systems differ in which of the two lets clients share a port; Windows has no SO_REUSEPORT.
SHARING = (socket.SO_REUSEADDR, getattr(socket, "SO_REUSEPORT", None))
STRANGERS = 4  # how often to start again because another program has just one of the names that are needed
BACKLOG = 8
HOME, OTHER = "127.0.0.1", "127.0.0.2"


@dataclass(frozen=True)
class TupleTrial:
    """A second connection that differs from the first in one part (of PARTS): its name, or what refused it.

    asked: its name as asked for; local port 0 = the kernel was to choose another one.
    """

    changed: str
    asked: FourTuple
    outcome: FourTuple | Refused

    @property
    def made(self) -> bool:
        return isinstance(self.outcome, FourTuple)


@dataclass(frozen=True)
class TupleTrials:
    """The first connection, and one trial for each part while all connections before it stay open."""

    first: FourTuple
    trials: tuple[TupleTrial, ...]

    def trial(self, changed: str) -> TupleTrial:
        """Return the trial that changed this part. Raises: BadInput."""
        for trial in self.trials:
            if trial.changed == changed:
                return trial
        raise BadInput(f"{changed!r} is no part of a four-tuple: pass one of {', '.join(PARTS)}.")


def tuple_trials() -> TupleTrials | Refused:
    """Make a connection; then try another that differs in nothing, and others that differ in one part each.

    Returns: the trials in the order of PARTS; Refused where not even the first connection could be made. The two that
        need a second loopback address are refused (EADDRNOTAVAIL) where this machine has one only.
    """
    for _ in range(STRANGERS):
        found = attempt(_tuple_trials)
        if isinstance(found, Refused) or not any(_is_taken(trial) for trial in found.trials):
            break
    return found


def connect_to_itself() -> FourTuple | Refused:
    """Connect one socket to its own name: the only connection whose two ends have the same name.

    Source: RFC 9293 section 3.5 (simultaneous open: both ends send SYN, and here both are one).
    """
    with socket.socket() as sock:
        bound = attempt(sock.bind, (HOME, 0))
        if isinstance(bound, Refused):
            return bound
        return attempt(_connect, sock, None, Endpoint.of(sock.getsockname()))


def _is_taken(trial: TupleTrial) -> bool:
    """Tell whether somebody else had a name that this trial needed: only "nothing" may be refused like that."""
    return trial.changed != "nothing" and isinstance(trial.outcome, Refused) and trial.outcome.name == "EADDRINUSE"


def _tuple_trials() -> TupleTrials:
    with ExitStack() as stack:

        def listen(endpoint: Endpoint) -> Endpoint:
            sock = stack.enter_context(listening(endpoint, BACKLOG))
            return Endpoint.of(sock.getsockname())

        def connect(local: Endpoint, remote: Endpoint) -> FourTuple:
            sock = stack.enter_context(socket.socket(remote.family, socket.SOCK_STREAM))
            for option in SHARING:
                if option is not None:
                    sock.setsockopt(socket.SOL_SOCKET, option, 1)
            return _connect(sock, local, remote)

        anywhere = Endpoint(HOME, 0)
        first = connect(anywhere, listen(anywhere))
        local, remote = first.local, first.remote
        names = {
            "nothing": (local, remote),
            "local address": (Endpoint(OTHER, local.port), remote),
            "local port": (anywhere, remote),
            "remote address": (local, Endpoint(OTHER, remote.port)),
            "remote port": (local, listen(anywhere)),
        }
        trials = []
        for changed, asked in names.items():
            no_listener = attempt(listen, asked[1]) if changed == "remote address" else None
            outcome = no_listener if isinstance(no_listener, Refused) else attempt(connect, *asked)
            trials.append(TupleTrial(changed, FourTuple(*asked), outcome))
        return TupleTrials(first, tuple(trials))


def _connect(sock: socket.socket, local: Endpoint | None, remote: Endpoint) -> FourTuple:
    """Raises: OSError, TimeoutError."""
    if not start_connect(sock, remote, WAIT, local):
        raise TimeoutError
    return FourTuple.of(sock)
