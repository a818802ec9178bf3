"""Messages between a notebook and the processes of its lab: a length, a pickled value, and descriptors beside it.

Both ends belong to one user, and the socket between them has no name: nobody else can write to it. A lab that cannot be
built says at which step the kernel refused.
"""

import pickle
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LENGTH = struct.Struct("=Q")
MOST_DESCRIPTORS = 4
CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)  # a program that is started later gets no copy


class RefusedStep(Exception):
    """The kernel refused at a step. message: what the notebook is told: "refused", the step, the errno, its words."""

    def __init__(self, step: str, error: OSError) -> None:
        super().__init__(step, error)
        self.message = ("refused", step, error.errno or 0, str(error))


@contextmanager
def step(name: str) -> Iterator[None]:
    """Do something under a name, in a word or two, so that an OSError leaves as RefusedStep."""
    try:
        yield
    except OSError as error:
        raise RefusedStep(name, error) from None


class Channel:
    """One end of a pair of connected stream sockets."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, message: Any, descriptors: tuple[int, ...] = ()) -> None:
        """Send a message, and copies of these descriptors. Raises: EOFError, where the other end is gone."""
        packed = pickle.dumps(message)
        whole = LENGTH.pack(len(packed)) + packed
        self.sock.settimeout(None)
        try:
            sent = socket.send_fds(self.sock, [whole], list(descriptors)) if descriptors else 0
            self.sock.sendall(whole[sent:])
        except (BrokenPipeError, ConnectionResetError):
            raise EOFError from None

    def wait(self, patience: float | None) -> None:
        """Wait until a message begins to come, and take nothing. Raises: as `receive`."""
        self.sock.settimeout(None if patience is None else max(0.001, patience))
        try:
            if not self.sock.recv(1, socket.MSG_PEEK):
                raise EOFError
        except ConnectionResetError:
            raise EOFError from None

    def receive(self, patience: float | None = None) -> tuple[Any, list[int]]:
        """Wait for one message, and the descriptors that came with it.

        Args: patience, in seconds; None: as long as it takes.
        Raises: EOFError, where the other end is gone; TimeoutError.
        """
        until = None if patience is None else time.monotonic() + patience
        try:
            head, descriptors = self._first(until)
            packed = self._exactly(LENGTH.unpack(head)[0], until)
        except ConnectionResetError:
            raise EOFError from None
        return pickle.loads(packed), descriptors

    def close(self) -> None:
        self.sock.close()

    def _first(self, until: float | None) -> tuple[bytes, list[int]]:
        self.sock.settimeout(_left(until))
        if hasattr(socket, "recv_fds"):
            head, descriptors, _, _ = socket.recv_fds(self.sock, LENGTH.size, MOST_DESCRIPTORS, CLOSE_ON_EXEC)
        else:  # Windows: there no descriptor comes along
            head, descriptors = self.sock.recv(LENGTH.size), []
        if not head:
            raise EOFError
        return head + self._exactly(LENGTH.size - len(head), until), descriptors

    def _exactly(self, count: int, until: float | None) -> bytes:
        parts = []
        while count:
            self.sock.settimeout(_left(until))
            part = self.sock.recv(min(count, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


def _left(until: float | None) -> float | None:
    return None if until is None else max(0.001, until - time.monotonic())
