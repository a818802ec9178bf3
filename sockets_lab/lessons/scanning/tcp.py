"""A connect scan: ask each TCP port by a plain `connect`, which needs no special rights.

One socket that never blocks goes from port to port: `connect` starts asking, and a second `connect` brings the verdict,
which on loopback is there already. A socket that was refused may connect elsewhere. One whose answer is not there yet
(EALREADY) waits aside, all side by side, while a new one goes on. Where that works, all of them ask from one port, so
that the kernel need not look for a free one 65,535 times. Source: connect(2); RFC 9293 section 3.10.7; socket(7).
"""

import errno
import selectors
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from threading import Event

from sockets_lab import guard
from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel.connecting import reset_on_close
from sockets_lab.lessons.scanning.outcome import Progress, Run, Scan
from sockets_lab.lessons.scanning.scan_options import ALL, Ports
from sockets_lab.lessons.scanning.waiting import Waiting
from sockets_lab.model import Endpoint

UNDER_WAY = (errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK)
# ECONNRESET, EPIPE: there was a connection, and the other end threw it away before we looked.
THERE = (0, errno.EISCONN, errno.ECONNRESET, errno.EPIPE)


def scan(
    address: str, ports: Ports = ALL, deadline: float = 0.5, order: str = "shuffled", rate: float | None = None,
    progress: Callable[[Progress], object] | None = None, stop: Event | None = None,
) -> Scan | Refused:  # fmt: skip
    """Ask TCP ports of one address whether somebody listens there.

    Args:
        address: a loopback address; in a node also a node's.
        ports: 1-65535, as for `chosen_ports`. order: as for `in_order`.
        deadline: seconds to wait for an answer, 0.01-60; all that wait do so side by side.
        rate: ports asked a second; None: as fast as it goes.
        progress: called with a `Progress` 20 times a second and at the end. stop: ends the scan within 0.1 seconds.
    Returns: the scan; Refused, where not even a socket could be had.
    Raises: BadInput.
    """
    run = Run(address, ports, deadline, order, rate, progress, stop)
    with Waiting(selectors.EVENT_WRITE, run.deadline) as waiting:
        refused: Refused | None = attempt(_Scanner(run, waiting).scan)
    return refused or run.result("tcp")


def can_reuse(family: int) -> bool:
    """Try whether one socket may connect again after it was refused, and whether a second call brings the verdict."""
    try:
        with socket.socket(family) as nobody, socket.socket(family) as somebody, socket.socket(family) as sock:
            for other in (nobody, somebody):
                other.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
            somebody.listen(1)
            sock.setblocking(False)
            codes = [sock.connect_ex(other.getsockname()[:2]) for other in (nobody,) * 4 + (somebody,) * 2]
            met = sock.getpeername() == somebody.getsockname()
    except OSError:
        return False
    return met and codes[1] == codes[3] == errno.ECONNREFUSED and codes[5] in THERE


def source_towards(address: str) -> str:
    """Return the address from which this process's packets to another leave. Nothing is sent. Raises: OSError."""
    there = guard.destination(Endpoint(address, 9))
    with socket.socket(there.family, socket.SOCK_DGRAM) as sock:
        sock.connect(there.sockaddr)
        name: str = sock.getsockname()[0]
        return name


def _held_port(target: Endpoint) -> socket.socket:
    """Hold a port that other sockets of ours may share. Raises: OSError, where no way leads to the target."""
    sock = socket.socket(target.family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((source_towards(target.address), 0))
    except BaseException:
        sock.close()
        raise
    return sock


class _Scanner:
    """The sockets of one scan."""

    def __init__(self, run: Run, waiting: Waiting) -> None:
        self.target, self.run, self.waiting = run.target, run, waiting
        self.reuses = can_reuse(run.target.family)
        self.own: tuple | None = None  # the address and port from which all ask; None: the kernel chooses each time
        self.again: deque[int] = deque()  # ports with a false open
        self.held = ExitStack()  # the port from which all ask; sockets that were connected to themselves or each other

    def scan(self) -> None:
        """Ask every port; ask again where there was a false open. Raises: OSError, where there is no socket."""
        with self.held:
            if self.reuses:
                with suppress(OSError):  # where no way leads there, the scan will find so
                    self.own = self.held.enter_context(_held_port(self.target)).getsockname()
            self.sweep(self.run.todo)
            self.own = None  # from its own port nobody can ask there
            while self.again and not self.run.is_over:
                self.sweep([self.again.popleft() for _ in range(len(self.again))])

    def sweep(self, ports: Sequence[int]) -> None:
        """Ask each port once, and wait until all are decided, or the scan is stopped."""
        address, reuses, refused = self.target.address, self.reuses, self.run.refused.append
        sock = self.fresh()
        try:
            for port in self.run.paced(ports, self.attend):
                there = (address, port)
                code = sock.connect_ex(there)
                if code == errno.EINPROGRESS and reuses:
                    code = sock.connect_ex(there)
                if code == errno.ECONNREFUSED and reuses:
                    refused(port)  # nearly all ports go this way, so it is short
                    continue
                self.settle(sock, port, code)
                sock = self.fresh()
                while self.waiting.is_full and self.run.goes_on(self.attend):
                    continue
                if self.run.is_over:
                    break
        finally:
            sock.close()
        while self.waiting and self.run.goes_on(self.attend):
            continue

    def fresh(self) -> socket.socket:
        """Make a socket. Raises: OSError."""
        sock = self.waiting.new_socket(self.target.family, socket.SOCK_STREAM, self.attend)
        reset_on_close(sock)  # or thousands of ports would be in TIME_WAIT afterwards
        if self.own:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):  # somebody listens there by now: then the kernel chooses
                sock.bind(self.own)
        return sock

    def attend(self, seconds: float) -> None:
        """Wait so long at most for sockets that wait, and settle them."""
        answered, expired = self.waiting.wait(seconds)
        for sock in expired:
            self.run.silent.append(self.waiting.take(sock))
            sock.close()
        for sock in answered:
            if sock in self.waiting:  # and has not been found to be another one's mirror just now
                self.settle(sock, self.waiting.take(sock), sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def settle(self, sock: socket.socket, port: int, code: int) -> None:
        """Note what came of a port, and close the socket unless it has to wait, or to hold a port."""
        if code in UNDER_WAY:
            self.waiting.add(sock, port)
        elif code in THERE and self.met_ourselves(sock, port):
            self.held.enter_context(sock)  # as long as it has the port, the next socket to ask there gets another
        else:
            sock.close()
            self.run.decided(port, None if code in THERE else code)

    def met_ourselves(self, sock: socket.socket, port: int) -> bool:
        """Tell whether a connection is a false open, and if so have the port asked again.

        A free port may be just the one that the kernel gave the asking socket, or another one that asks: SYN meets
        SYN, and both are connected without anybody who listens. Source: RFC 9293 section 3.5 (simultaneous open).
        """
        name, there = sock.getsockname()[:2], (self.target.address, port)
        other = self.waiting.asking(name[1], there) if name[0] == there[0] else None
        if other is not None:
            self.false_open(self.waiting.take(other))
            self.held.enter_context(other)
        if other is not None or name == there:
            self.false_open(port)
            return True
        return False

    def false_open(self, port: int) -> None:
        self.run.met_itself.append(port)
        self.again.append(port)
