"""One direction of a forwarded connection: what comes from one socket goes to another, and no more than it will take.

What the sink does not take at once is held here, and until it is gone nothing more is read. The source's kernel then
fills up, closes its window, and so the sender has to wait: a slow reader slows the sender, and memory does not grow.

An urgent byte (MSG_OOB) goes on at its place among the others, as an ordinary one: both sockets have SO_OOBINLINE.
Source: tcp(7), RFC 6093.
"""

import socket

from sockets_lab.lessons.filtering.forwarding.pipes import Pipe, Pipes

BUFFER = 65536  # bytes; when it was filled, there is much, and the next read goes through a pipe
LITTLE = 4096  # bytes; when a pipe got no more than this, the next read goes through the buffer again
NOTHING = memoryview(b"")


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
        self._held = NOTHING  # what waits for the sink
        self._pipe: Pipe | None = None  # only while something is in it, so that few pipes serve many
        self._is_much = False

    def read(self) -> None:
        """Take what has come and hand it on; nothing may be held. Raises: OSError, where either end is broken."""
        pipe = self._pipes.take() if self._is_much else None
        try:
            count = self._splice(pipe) if pipe else self._source.recv_into(self._buffer)
        except BlockingIOError:  # nothing was there after all, or an urgent byte, past which no pipe ever gets
            self._is_much = False
            return
        if pipe:  # where it got nothing, at the end or at an urgent byte, the buffer tells which
            self._is_much = count > LITTLE
        elif count:
            self._is_much = count == BUFFER
            self._send(self._buffer[:count])
        else:
            self._sink.shutdown(socket.SHUT_WR)  # only this direction is closed; the other one stays as it is
            self.finished = True

    def write(self) -> None:
        """Hand on what is held, as far as the sink takes it. Raises: OSError, where the sink is broken."""
        if self._pipe:
            self._drain(self._pipe)
        elif self.holds:
            self._send(self._held)

    def close(self) -> None:
        """Give up what is held."""
        self.holds, self._held = 0, NOTHING
        if self._pipe:
            self._pipes.give_back(self._pipe)
            self._pipe = None

    def _send(self, data: memoryview) -> None:
        try:
            sent = self._sink.send(data)
        except BlockingIOError:
            sent = 0
        self.passed += sent
        self.holds = len(data) - sent
        self._held = memoryview(bytes(data[sent:])) if self.holds else NOTHING  # the buffer is everybody's

    def _splice(self, pipe: Pipe) -> int:
        try:
            count = pipe.fill(self._source)
        except OSError:
            self._pipes.give_back(pipe)
            raise
        self._pipe = pipe
        self._drain(pipe)
        return count

    def _drain(self, pipe: Pipe) -> None:
        self.passed += pipe.drain(self._sink)
        self.holds = pipe.holds
        if not self.holds:
            self._pipes.give_back(pipe)
            self._pipe = None
