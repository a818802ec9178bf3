"""Pipes for `splice`: bytes go from socket to socket inside the kernel, and are never copied into this process.

A pipe in the kernel is a list of pages. `splice` hangs the pages in which a socket's data arrived into that list, and
from there on to another socket. Linux only; elsewhere nothing here is used. Source: splice(2), pipe(7).
"""

import os
import socket
from contextlib import ExitStack, suppress
from functools import cache

SIZE = 1 << 20  # bytes; what an unprivileged user may ask for. Source: pipe(7), /proc/sys/fs/pipe-max-size
MOST = 64  # pipes at once: what lies in them is the kernel's memory, and each takes two descriptors
SPARE = 8  # pipes that are kept for the next one


class Pipe:
    """A pipe that never blocks, and how many bytes are in it. Raises: OSError (EMFILE, ENFILE)."""

    def __init__(self) -> None:
        import fcntl  # not on Windows, which has no splice either

        self.holds = 0  # bytes
        self._out, self._in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        with suppress(OSError):  # EPERM: this user's pipes hold enough already, and this one is a small one
            fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, SIZE)

    def fill(self, sock: socket.socket) -> int:
        """Take what has arrived at a socket, while the pipe is empty.

        Returns: bytes; 0 = the other end has finished. Raises: OSError (EAGAIN: nothing is there yet).
        """
        count = os.splice(sock.fileno(), self._in, SIZE, flags=os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK)
        self.holds += count
        return count

    def drain(self, sock: socket.socket) -> int:
        """Hand what is in the pipe to a socket, as far as it takes it now. Returns: bytes. Raises: OSError."""
        before = self.holds
        with suppress(BlockingIOError):
            while self.holds:
                flags = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
                self.holds -= os.splice(self._out, sock.fileno(), self.holds, flags=flags)
        return before - self.holds

    def close(self) -> None:
        os.close(self._out)
        os.close(self._in)


class Pipes:
    """The pipes of one forwarder. None is given where `splice` cannot be used, or is not wanted."""

    def __init__(self, splice: bool = True) -> None:
        self._splice = splice and can_splice()
        self._given = 0
        self._spare: list[Pipe] = []

    def take(self) -> Pipe | None:
        """Return an empty pipe, or None where there are no more."""
        if not self._splice or self._given == MOST:
            return None
        try:
            pipe = self._spare.pop() if self._spare else Pipe()
        except OSError:
            return None
        self._given += 1
        return pipe

    def give_back(self, pipe: Pipe) -> None:
        """Take a pipe back. One that still holds bytes is closed: they are nobody else's."""
        self._given -= 1
        if pipe.holds or len(self._spare) == SPARE:
            pipe.close()
        else:
            self._spare.append(pipe)

    def close(self) -> None:
        while self._spare:
            self._spare.pop().close()


@cache
def can_splice() -> bool:
    """Tell whether this system can splice from a socket to a pipe and on to a socket, by doing so."""
    if not hasattr(os, "splice"):
        return False
    with ExitStack() as stack:
        near, near_end, far, far_end = (stack.enter_context(one) for _ in range(2) for one in socket.socketpair())
        try:
            near.send(b"x")
            pipe = Pipe()
            stack.callback(pipe.close)
            far_end.setblocking(False)
            return pipe.fill(near_end) == 1 and pipe.drain(far) == 1 and far_end.recv(2) == b"x"
        except OSError:
            return False
