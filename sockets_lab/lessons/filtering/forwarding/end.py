"""One of the two sockets of a pair: what is waited for at it, and how it is closed."""

import selectors
import socket
from collections.abc import Callable
from contextlib import suppress

from sockets_lab.kernel.connecting import reset_on_close

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class RelayEnd:
    """One of the two sockets, and what is waited for there. Raises: OSError, where it cannot be made ready.

    serve: is called with the events that came; another one may take its place whenever others are waited for.
    """

    def __init__(self, sock: socket.socket, selector: selectors.BaseSelector, serve: Callable[[int], None]) -> None:
        self.sock, self._selector, self.serve = sock, selector, serve
        self._events = 0

    def wait_for(self, events: int) -> None:
        """Have `serve` called when one of these can be done; 0 = leave this socket alone."""
        if events == self._events:
            return
        if not events:
            self._selector.unregister(self.sock)
        elif self._events:
            self._selector.modify(self.sock, events, self.serve)
        else:
            self._selector.register(self.sock, events, self.serve)
        self._events = events

    def close(self, reset: bool) -> None:
        """Close the socket; with `reset`, tell the other end so."""
        self.wait_for(0)
        if reset:
            with suppress(OSError):  # it may have been reset already
                reset_on_close(self.sock)
        self.sock.close()
