"""How `close` ends a TCP connection: in order as usual, or by a reset, which leaves nothing in TIME_WAIT."""

import os
import socket
import struct

_NOT_AT_ALL = struct.pack("HH" if os.name == "nt" else "ii", 1, 0)  # struct linger: it is on, and zero seconds


def reset_on_close(sock: socket.socket) -> None:
    """Let `close` throw the connection away; what a listener accepts inherits this.

    Raises: OSError, where it has been reset already. Source: socket(7), SO_LINGER.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOT_AT_ALL)
