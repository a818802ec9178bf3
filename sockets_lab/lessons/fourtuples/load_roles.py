"""The two roles of a crowd: a host takes clients in at one port, guests connect to it; each gets its one byte back.

Both wait for all of their sockets at once, with a deadline. Source: epoll(7), accept(2), connect(2).
"""

import errno
import os
import selectors
import socket
import time
from typing import Self

from sockets_lab import guard
from sockets_lab.errors import attempt, refusal
from sockets_lab.kernel.connecting import UNDER_WAY
from sockets_lab.lessons.fourtuples.exhaustion import IP_BIND_ADDRESS_NO_PORT
from sockets_lab.model import Endpoint

AT_ONCE = 256  # clients that are taken in before others have a turn, or that are under way to a host at most
QUIET = 5.0  # seconds in which something surely happens, as long as all who take part go on
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
NOT_YET = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOTCONN)  # what `send` answers before the connection is there
BYTES = [bytes([number]) for number in range(256)]


class Role:
    """What both have: sockets that are held until the `with` ends, and waits with a deadline.

    done: clients that a host has answered; guests that have their own byte back.
    ended_early: "DEADLINE", or what refused to go on, by its errno name; "" where nothing did.
    """

    def __init__(self) -> None:
        self.done, self.ended_early = 0, ""
        self._selector = selectors.DefaultSelector()  # it holds the sockets, and nothing else does

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        sockets = [key.fileobj for key in self._selector.get_map().values()]
        self._selector.close()
        for sock in sockets:
            sock.close()  # type: ignore[union-attr]

    def play(self, share: int, until: float) -> None:
        """Serve so many clients, or be so many. Args: until: seconds of the monotonic clock."""
        try:
            self._play(share, until)
        except OSError as error:
            self.ended_early = refusal(error).name

    def _play(self, share: int, until: float) -> None:
        raise NotImplementedError

    def _ready(self, until: float) -> list[tuple[selectors.SelectorKey, int]]:
        found = self._selector.select(max(0.0, min(QUIET, until - time.monotonic())))
        if not found:
            raise TimeoutError
        return found


class Host(Role):
    """Takes clients in at a listener, which other hosts may share, and sends each one's byte back.

    Args: listener: one that never blocks; the host closes it with all else.
    """

    def __init__(self, listener: socket.socket) -> None:
        super().__init__()
        self.listener = listener

    def __exit__(self, *about: object) -> None:
        super().__exit__(*about)
        self.listener.close()

    def _play(self, share: int, until: float) -> None:
        left = share
        self._selector.register(self.listener, READ)
        while self.done < share:
            for key, _ in self._ready(until):
                if key.fileobj is not self.listener:
                    self._answer(key.fileobj)  # type: ignore[arg-type]
                elif left:
                    left -= self._take_in(min(left, AT_ONCE))
                else:
                    self._selector.unregister(self.listener)  # who comes now is for the other hosts

    def _take_in(self, most: int) -> int:
        for count in range(most):
            try:
                client, _ = self.listener.accept()
            except (BlockingIOError, ConnectionAbortedError):  # nobody is left; or somebody, and has gone
                return count
            client.setblocking(False)
            self._selector.register(client, READ)
        return most

    def _answer(self, client: socket.socket) -> None:
        if not client.send(client.recv(1)):  # no byte came: it has hung up
            raise _os_error(errno.ECONNRESET)
        self.done += 1


class Guests(Role):
    """Connect to a host, each with a byte, and wait until it comes back.

    Args: sources: the loopback addresses to come from, in turns; none: the kernel chooses. at_once: how many may be
        under way; for more than fit into the accept queue the kernel would drop, and ask again a second later.
    """

    def __init__(self, host: Endpoint, sources: list[str], at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._family, self._host = host.family, guard.destination(host).sockaddr
        self._sources = [guard.destination(Endpoint(source, 0)).sockaddr for source in sources]
        super().__init__()

    def _play(self, share: int, until: float) -> None:
        begun = 0
        while self.done < share:
            while begun < min(share, self.done + self._at_once):
                self._begin(begun)
                begun += 1
            for key, events in self._ready(until):
                self._go_on(key.fileobj, key.data, events)  # type: ignore[arg-type]

    def _begin(self, number: int) -> None:
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        byte = BYTES[number % 256]
        self._selector.register(sock, READ, byte)
        sock.setblocking(False)
        if self._sources:
            attempt(sock.setsockopt, socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)  # else `bind` finds a free port
            sock.bind(self._sources[number % len(self._sources)])
        if (code := sock.connect_ex(self._host)) not in UNDER_WAY:
            raise _os_error(code)
        try:
            sock.send(byte)  # on loopback the connection is mostly there by now
        except OSError as error:
            if error.errno not in NOT_YET:
                raise
            self._selector.modify(sock, WRITE, byte)

    def _go_on(self, sock: socket.socket, byte: bytes, events: int) -> None:
        if events & WRITE:
            sock.send(byte)
            self._selector.modify(sock, READ, byte)
        elif sock.recv(1) == byte:
            self.done += 1
        else:
            raise _os_error(errno.ECONNRESET)


def _os_error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
