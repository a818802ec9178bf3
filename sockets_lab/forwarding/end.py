"""One of the two sockets of a pair: what is waited for at it, and how it is closed."""

import os
import selectors
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class End:
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
        """Close the socket; with `reset`, tell the other end so. Source: socket(7), SO_LINGER with zero seconds."""
        self.wait_for(0)
        if reset:
            linger = "HH" if os.name == "nt" else "ii"  # the two fields of struct linger: on, and seconds
            with suppress(OSError):  # it may have been reset already
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(linger, 1, 0))
        self.sock.close()
