"""A forwarder: whoever connects to it is connected to its target, and cannot tell. In the background, until closed."""

import socket
import threading
import weakref

from sockets_lab import guard
from sockets_lab.errors import BadInput
from sockets_lab.kernel.connecting import Owner, closed_on_failure
from sockets_lab.lessons.filtering.forwarding.pair import Forwarded
from sockets_lab.lessons.filtering.forwarding.relay import Relay
from sockets_lab.model import Endpoint

BACKLOG = 4096  # connections that may wait to be accepted; the kernel may allow fewer
STOPPING = 10.0  # seconds in which its thread surely ends


class Forwarder(Owner):
    """A TCP forwarder, in a thread of its own. Use it in a `with`, or close it.

    Args:
        listen: where to take connections; port 0 = the kernel chooses one.
        target: where to take them on to; port 1-65535. Nobody has to listen there yet.
        source: the address from which to connect to the target; None = the kernel chooses.
        splice: let the kernel move what is much, where it can; False = all of it passes through this process.
    Urgent bytes (MSG_OOB) arrive as ordinary ones.
    endpoint: where it listens.
    Raises: BadInput; OSError (EADDRINUSE, EADDRNOTAVAIL, EACCES), where it cannot listen.
    """

    def __init__(self, listen: Endpoint, target: Endpoint, source: str | None = None, splice: bool = True) -> None:
        origin = None if source is None else Endpoint(source, 0)
        for endpoint in (listen, target, origin or listen):
            if not isinstance(endpoint, Endpoint):
                raise BadInput(f"{endpoint!r} is no endpoint: pass such as Endpoint('127.0.0.1', 8080).")
            guard.destination(endpoint)
        if not target.port:
            raise BadInput("Port 0 is nobody's: pass the target's port, from 1 to 65535.")
        if listen == target:
            raise BadInput(f"A forwarder from {listen} to itself would never end: pass another target.")
        if origin and origin.family != target.family:
            raise BadInput(f"From {source} no way leads to {target.address}: pass addresses of one family.")
        listener = _listening(listen)
        if Endpoint.of(listener.getsockname()) == target:  # of all ports the kernel chose that one: have another
            with listener:
                listener = _listening(listen)
        with closed_on_failure(listener):
            self.endpoint = Endpoint.of(listener.getsockname())
            self.target = target
            self._relay = Relay(listener, target, origin, splice)
        self._thread = threading.Thread(target=self._relay.run, name=f"forwarder at {self.endpoint}", daemon=True)
        self._dropped = weakref.finalize(self, self._relay.stop)  # also at the end of the program
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it has stopped."""
        return not self._dropped.alive

    def close(self) -> None:
        """Stop: nobody listens any more, and connections that are still open are reset at both ends."""
        if self._dropped.detach():
            self._relay.stop()
            self._thread.join(STOPPING)

    def connections(self) -> tuple[Forwarded, ...]:
        """Return all connections that are open, and the last thousand that are over, in the order accepted.

        Its thread answers when it has served what was ready before: what a client or the target has seen is counted.
        """
        return self._relay.values()


def _listening(endpoint: Endpoint) -> socket.socket:
    """Listen; also where an earlier connection is still in TIME_WAIT, but never at a port that somebody else has."""
    return socket.create_server(endpoint.sockaddr, family=endpoint.family, backlog=BACKLOG)
