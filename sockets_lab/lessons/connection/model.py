"""One live connection between two nodes, and the state that each node's kernel has it in.

A state is never computed here: it is read from the socket table of the node. Source: RFC 9293 section 3.3.2, tcp(7).
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel.connecting import Owner, closed_on_failure, reset_on_close, until
from sockets_lab.lab import Lab
from sockets_lab.lessons.connection.tcp_info import TcpInfo, tcp_info
from sockets_lab.model import Endpoint, SocketRow

CLOSED = "CLOSED"  # RFC 9293's name for: there is no such row
CLIENT, SERVER = "A", "B"
SOON = 3.0  # seconds: a segment that was lost is sent again after one, and after two more
ROOM = 65536  # bytes read at once


@dataclass(frozen=True)
class Moment:
    """What was done, and the state of each end after it, as the tables of the two nodes said."""

    did: str
    client: str
    server: str


class ConnectionModel(Owner):
    """A listener at B, and at most one connection from A to it; a lab of its own unless one is given.

    Where nodes share this machine's stack, both ends are in one table, and no cable can be cut.
    Raises: OSError, where the listener cannot be had.
    """

    def __init__(self, lab: Lab | None = None) -> None:
        self.lab = lab or Lab(A="10.20.30.40", B="50.60.70.80", fallback=True, aside=True)
        self._own_lab = lab is None
        self.ends: dict[str, socket.socket] = {}
        with closed_on_failure(self):
            self.listener = self.lab[SERVER].socket()
            self.listener.bind((self.lab[SERVER].address, 0))
            self.place = Endpoint.of(self.listener.getsockname())
            self.listener.listen(1)
            self.listener.setblocking(False)
            self.names: tuple[Endpoint, Endpoint] | None = None  # of the connection: A's, B's

    def close(self) -> None:
        """Close all sockets, and the lab if it was made here. Calling it again does no harm."""
        for sock in self.ends.values():
            attempt(reset_on_close, sock)
            sock.close()
        self.ends.clear()
        getattr(self, "listener", self.lab).close()
        if self._own_lab:
            self.lab.close()

    def connect(self) -> Refused | None:
        """Begin a connection from A, and accept it at B as soon as it is there. Returns: what the kernel refused."""
        if CLIENT in self.ends or SERVER in self.ends:
            raise BadInput("The connection still has an open end: close both, or reset it, and connect again.")
        sock = self.ends[CLIENT] = self.lab[CLIENT].socket()
        sock.setblocking(False)
        sock.bind((self.lab[CLIENT].address, 0))
        self.names = (Endpoint.of(sock.getsockname()), self.place)
        answer = attempt(sock.connect, self.place.sockaddr)
        until(self.accept, 0.05)
        return answer if isinstance(answer, Refused) and answer.name != "EINPROGRESS" else None

    def accept(self) -> bool:
        """Take the connection that waits at B's listener, if one does. Returns: whether B has its end."""
        if SERVER not in self.ends:
            answer = attempt(self.listener.accept)
            if not isinstance(answer, Refused):
                self.ends[SERVER], _ = answer
                self.ends[SERVER].setblocking(False)
        return SERVER in self.ends

    def send(self, name: str, data: bytes) -> int | Refused:
        """Hand data to one end. Returns: the bytes that its kernel took."""
        return attempt(self._end(name).send, data)

    def receive(self, name: str) -> bytes | Refused:
        """Take what has come to one end; b"" = the other end sends no more."""
        came: list[bytes | Refused] = [attempt(self._end(name).recv, ROOM)]
        while _nothing_yet(came[-1]) and len(came) < 10:
            time.sleep(0.005)
            came.append(attempt(self._end(name).recv, ROOM))
        return came[-1]

    def shut_down(self, name: str) -> Refused | None:
        """Say at one end that it will send no more, and go on receiving. Source: shutdown(2), SHUT_WR."""
        return attempt(self._end(name).shutdown, socket.SHUT_WR)

    def close_end(self, name: str, reset: bool = False) -> Refused | None:
        """Close one end, or reset the connection there (SO_LINGER, on, 0 seconds: socket(7))."""
        sock = self._end(name)
        answer: Refused | None = attempt(reset_on_close, sock) if reset else None
        self.ends.pop(name).close()
        return answer

    def cable(self, dead: bool) -> Refused | None:
        """Let B's cable lose every packet, or none. Returns: Refused where there is no cable.

        A cable that is cut does the same to packets; but when it is plugged in again, the link needs a second to be up.
        """
        return self.lab[SERVER].lose(1.0) if dead else self.lab[SERVER].mend()

    def states(self) -> tuple[str, str]:
        """Read the state of A's end and of B's end in the nodes' socket tables."""
        self.accept()
        tables = [node.table(("tcp",)) for node in (self.lab[CLIENT], self.lab[SERVER])]
        listens = any(row.state == "LISTEN" and row.local == self.place for row in tables[1])
        if self.names is None:
            return CLOSED, "LISTEN" if listens else CLOSED
        client, server = self.names
        at_a, at_b = _state(tables[0], client, server), _state(tables[1], server, client)
        before = at_b == CLOSED and SERVER not in self.ends and at_a in (CLOSED, "SYN_SENT")
        return at_a, "LISTEN" if before and listens else at_b

    def settled(self, *wanted: tuple[str, str]) -> tuple[str, str]:
        """Wait until the tables show one of these pairs, at most three seconds. Returns: what they show then."""
        until(lambda: self.states() in wanted, SOON)
        return self.states()

    def info(self) -> TcpInfo | Refused | None:
        """Ask A's kernel what it knows of the connection; None where A has no open end."""
        return tcp_info(self.ends[CLIENT]) if CLIENT in self.ends else None

    def _end(self, name: str) -> socket.socket:
        if name not in self.ends:
            raise BadInput(f"{name} has no open end of a connection: connect first.")
        return self.ends[name]


def _nothing_yet(answer: bytes | Refused) -> bool:
    return isinstance(answer, Refused) and answer.name in ("EAGAIN", "EWOULDBLOCK")


def _state(rows: list[SocketRow], local: Endpoint, remote: Endpoint) -> str:
    return next((row.state for row in rows if (row.local, row.remote) == (local, remote)), CLOSED)


def lifetime(lab: Lab | None = None) -> tuple[Moment, ...]:
    """Lead one connection through its life, and read both tables after each step.

    Before some steps B's cable is made to lose every packet: what is on its way then cannot arrive, so the state stays
    long enough to be read. Without a cable these steps are left out. Takes two seconds, for what has to be sent again.
    """
    moments: list[Moment] = []
    with ConnectionModel(lab) as bench:
        def note(did: str, *wanted: tuple[str, str]) -> None:
            moments.append(Moment(did, *bench.settled(*wanted)))

        def lost(did: str, step: Callable[[], object], *wanted: tuple[str, str]) -> None:
            """Do a step, and read the tables while nothing of it arrives."""
            dead = bench.cable(dead=True) is None
            step()
            if dead:
                note(f"{did}; nothing arrives", *wanted)
                bench.cable(dead=False)

        note("B listens", (CLOSED, "LISTEN"))
        lost("A connects", bench.connect, ("SYN_SENT", "LISTEN"))
        note("the handshake is done", ("ESTABLISHED", "ESTABLISHED"))
        for sender, reader in ((CLIENT, SERVER), (SERVER, CLIENT)) * 2:  # from then on both know the round trip
            bench.send(sender, b"hello")
            bench.receive(reader)
        lost("A shuts down", lambda: bench.shut_down(CLIENT), ("FIN_WAIT1", "ESTABLISHED"))
        note("A's FIN has come", ("FIN_WAIT2", "CLOSE_WAIT"))
        lost("B closes", lambda: bench.close_end(SERVER), ("FIN_WAIT2", "LAST_ACK"))
        note("B's FIN has come", ("TIME_WAIT", CLOSED))
    return tuple(moments)
