"""One direction of a forwarded connection: what comes from one socket goes to another, and no more than it will take.

What the sink does not take at once is held here, and until it is gone nothing more is read. The source's kernel then
fills up, closes its window, and so the sender has to wait: a slow reader slows the sender, and memory does not grow.

An urgent byte (MSG_OOB) goes on as an urgent byte, at its place among the others: both sockets have SO_OOBINLINE, a
read ends before such a byte, and `at_mark` tells when it is next. Source: tcp(7), sockatmark(3), RFC 6093.
"""

import socket
import sys
from contextlib import suppress

from sockets_lab.lessons.filtering.forwarding.pipes import Pipe, Pipes

BUFFER = 65536  # bytes; when it was filled, there is much, and the next read goes through a pipe
LITTLE = 4096  # bytes; when a pipe got no more than this, the next read goes through the buffer again
NOTHING = memoryview(b"")
SIOCATMARK = {"linux": 0x8905, "darwin": 0x40047307}.get(sys.platform)  # asm/sockios.h, sys/sockio.h: Python names none


def at_mark(sock: socket.socket) -> bool:
    """Tell whether the next byte is urgent. Where the system does not tell, it passes as an ordinary one."""
    if SIOCATMARK is not None:
        import fcntl  # not on Windows

        with suppress(OSError):
            return any(fcntl.ioctl(sock, SIOCATMARK, bytes(4)))
    return False


class Direction:
    """What is on its way from `source` to `sink`. Neither socket may block.

    passed: bytes handed to the sink's kernel. holds: bytes that wait here for the sink; until they are gone, nothing
    more is wanted of the source. finished: the source has said that nothing more comes (FIN), and the sink was told so
    too. Because nothing is read while anything is held, everything before the FIN is gone by then.
    """

    def __init__(self, source: socket.socket, sink: socket.socket, buffer: bytearray, pipes: Pipes) -> None:
        self.passed = self.holds = 0
        self.finished = False
        self._source, self._sink = source, sink
        self._buffer, self._pipes = memoryview(buffer), pipes
        self._held, self._flags = NOTHING, 0  # what waits for the sink, and MSG_OOB where it is an urgent byte
        self._pipe: Pipe | None = None  # only while something is in it, so that few pipes serve many
        self._is_much = False

    def read(self) -> None:
        """Take what has come and hand it on; nothing may be held. Raises: OSError, where either end is broken."""
        urgent = at_mark(self._source)  # a pipe never gets past such a byte
        pipe = self._pipes.take() if self._is_much and not urgent else None
        try:
            count = self._splice(pipe) if pipe else self._source.recv_into(self._buffer, int(urgent))  # 0 = all
        except BlockingIOError:  # nothing was there after all
            return
        if not count:
            self._sink.shutdown(socket.SHUT_WR)  # only this direction is closed; the other one stays as it is
            self.finished = True
        elif not pipe:
            self._is_much = count == BUFFER
            self._send(self._buffer[:count], socket.MSG_OOB if urgent else 0)

    def write(self) -> None:
        """Hand on what is held, as far as the sink takes it. Raises: OSError, where the sink is broken."""
        if self._pipe:
            self._drain(self._pipe)
        elif self.holds:
            self._send(self._held, self._flags)

    def close(self) -> None:
        """Give up what is held."""
        self.holds, self._held = 0, NOTHING
        if self._pipe:
            self._pipes.give_back(self._pipe)
            self._pipe = None

    def _send(self, data: memoryview, flags: int) -> None:
        try:
            sent = self._sink.send(data, flags)
        except BlockingIOError:
            sent = 0
        self.passed += sent
        self.holds, self._flags = len(data) - sent, flags
        self._held = memoryview(bytes(data[sent:])) if self.holds else NOTHING  # the buffer is everybody's

    def _splice(self, pipe: Pipe) -> int:
        try:
            count = pipe.fill(self._source)
        except OSError:
            self._pipes.give_back(pipe)
            raise
        self._is_much = count > LITTLE
        self._pipe = pipe
        self._drain(pipe)
        return count

    def _drain(self, pipe: Pipe) -> None:
        self.passed += pipe.drain(self._sink)
        self.holds = pipe.holds
        if not self.holds:
            self._pipes.give_back(pipe)
            self._pipe = None
