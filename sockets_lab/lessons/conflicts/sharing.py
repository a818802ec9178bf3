"""One port that several share: sockets that all set SO_REUSEPORT or SO_REUSEADDR, and one socket in two processes."""

import base64
import os
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import takewhile

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.kernel.connecting import reset_on_close
from sockets_lab.lessons.conflicts.bind_requests import BindRequest, Requester
from sockets_lab.lessons.conflicts.subprocess_peer import SecondProgram
from sockets_lab.lessons.conflicts.trials import CallStep, Trial, play
from sockets_lab.model import Endpoint, SocketRow

OPTIONS = ("SO_REUSEPORT", "SO_REUSEADDR")
MAX_SOCKETS, MAX_SENDERS = 8, 1000
DEADLINE = 2.0  # seconds for one connection or datagram over the loopback
TRIES = 5


@dataclass(frozen=True, kw_only=True)
class Shared(Trial):
    """Who got what arrived at a port that several sockets of one process share.

    senders: the endpoints it came from, in order. went_to: for each, the number of the socket that got it, from 1 in
    the order they were bound; None where none of ours did before the deadline. copies: datagrams that a
    second socket got too. steps: up to the first refusal.
    """

    protocol: str
    option: str
    sockets: int
    port: int | None = None
    senders: tuple[Endpoint, ...] = ()
    went_to: tuple[int | None, ...] = ()
    copies: int = 0

    @property
    def counts(self) -> tuple[int, ...]:
        """How many each socket got, in the order they were bound."""
        return tuple(self.went_to.count(number) for number in range(1, self.sockets + 1))


def share(protocol: str = "tcp", option: str = "SO_REUSEPORT", sockets: int = 2, senders: int = 40) -> Shared:
    """Bind several sockets to one port, let every sender come once, and see which socket the kernel gave it to.

    Args: protocol: "tcp" (a sender is a connection) or "udp" (a datagram); option: one of OPTIONS, set on all;
        sockets: 2-8; senders: 1-1000, one after the other, each from a port of its own.
    Returns: a refusal (SO_REUSEADDR does not let two sockets listen) in `steps`.
    Raises: BadInput.
    Source: socket(7), SO_REUSEPORT.
    """
    if option not in OPTIONS:
        raise BadInput(f"{option!r} is not an option that shares a port: pass {' or '.join(OPTIONS)}.")
    if not 2 <= sockets <= MAX_SOCKETS:
        raise BadInput(f"{sockets} sockets cannot share a port here: pass 2 to {MAX_SOCKETS}.")
    if not 1 <= senders <= MAX_SENDERS:
        raise BadInput(f"{senders} senders are too few or too many: pass 1 to {MAX_SENDERS}.")
    claim = BindRequest(
        protocol=protocol,
        reuse_port=option == "SO_REUSEPORT",
        reuse_address=option == "SO_REUSEADDR",
        listens="before" if protocol == "tcp" else "no",
    )
    for _ in range(TRIES):
        result = _share_once(claim, option, sockets, senders)
        if None not in result.went_to:  # else a stranger shares the port too: a number from 0 may be one of those
            break
    return result


def _share_once(claim: BindRequest, option: str, sockets: int, senders: int) -> Shared:
    with ExitStack() as stack:
        parties = [stack.enter_context(Requester()) for _ in range(sockets)]
        steps, port = play(parties, [claim] * sockets)
        result = Shared(protocol=claim.protocol, option=option, sockets=sockets, port=port, steps=steps)
        if result.refused or port is None:
            return result
        ready = stack.enter_context(selectors.DefaultSelector())
        for number, party in enumerate(parties, 1):
            party.sock.setblocking(False)
            ready.register(party.sock, selectors.EVENT_READ, number)
        target = guard.destination(Endpoint(claim.address, port))
        visit = _connect if claim.protocol == "tcp" else _send
        visits: list[tuple[Endpoint, int | None]] = []
        mark = os.urandom(16)  # so that no other program's datagram is taken for ours
        while len(visits) < senders and (not visits or visits[-1][1]):  # a stranger's share: no use in going on
            visited = attempt(visit, target, ready, mark)
            if isinstance(visited, Refused):
                return replace(result, steps=(*steps, CallStep(visit.__name__.strip("_"), sockets + 1, visited)))
            visits.append(visited)
        copies = 0 if claim.protocol == "tcp" else sum(_left(party.sock, mark) for party in parties)
    return replace(result, senders=tuple(v[0] for v in visits), went_to=tuple(v[1] for v in visits), copies=copies)


def _connect(target: Endpoint, ready: selectors.BaseSelector, mark: bytes) -> tuple[Endpoint, int | None]:
    """Connect once; answer the client's endpoint and the number of the listener that accepted it."""
    with socket.socket(target.family, socket.SOCK_STREAM) as client:
        client.settimeout(DEADLINE)
        reset_on_close(client)
        client.connect(target.sockaddr)
        name = client.getsockname()

        def taken(listener: socket.socket) -> bool:
            accepted, peer = listener.accept()
            accepted.close()
            return peer == name

        return Endpoint.of(name), _whose(ready, taken)


def _send(target: Endpoint, ready: selectors.BaseSelector, mark: bytes) -> tuple[Endpoint, int | None]:
    """Send one datagram; answer the sender's endpoint and the number of the socket that received it."""
    with socket.socket(target.family, socket.SOCK_DGRAM) as sender:
        sender.bind((target.address, 0))
        sender.sendto(mark, target.sockaddr)
        return Endpoint.of(sender.getsockname()), _whose(ready, lambda receiver: receiver.recv(64) == mark)


def _left(receiver: socket.socket, mark: bytes) -> int:
    """Count our datagrams that still wait in a socket: copies of what another one got."""
    came = iter(lambda: attempt(receiver.recv, 64), None)
    return sum(data == mark for data in takewhile(lambda data: not isinstance(data, Refused), came))


def _whose(ready: selectors.BaseSelector, taken: Callable[[socket.socket], bool]) -> int | None:
    """Wait until `taken` is true of a socket that has something; answer its number, or None at the deadline."""
    end = time.monotonic() + DEADLINE
    while (left := end - time.monotonic()) > 0:
        for key, _ in ready.select(left):
            if attempt(taken, key.fileobj) is True:
                return key.data
    return None


@dataclass(frozen=True)
class Inherited:
    """One listening socket in two processes.

    own_bind: what the second program got for binding the port itself, before it took over the socket.
    rows: the port's rows in the kernel's table, with the owners, while both held it.
    clients: in the order they connected; accepted: the same endpoints as (program, client), as they were accepted.
    The third client comes when the first program has closed its descriptor: the socket lives on in the second.
    """

    port: int
    first_pid: int
    second_pid: int
    own_bind: int | Refused
    rows: tuple[SocketRow, ...]
    clients: tuple[Endpoint, ...]
    accepted: tuple[tuple[str, Endpoint | Refused], ...]


def inherit() -> Inherited:
    """Give a listening socket to a second program: one socket, two processes, no second bind.

    On POSIX it inherits the descriptor, on Windows it gets what `socket.share` makes. The same happens in a fork.
    Returns: who accepted which client, in order. Source: fork(2); Python docs, socket.share.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4))
        place = guard.destination(Endpoint.of(listener.getsockname()))
        posix = not hasattr(listener, "share")
        second = stack.enter_context(SecondProgram((listener.fileno(),) if posix else ()))
        own_bind = _bound(second, place)
        second.adopt(listener.fileno() if posix else _shared(listener, second.pid))
        rows = tuple(table.holders(place))
        clients = [_client(stack, place) for _ in range(2)]  # both wait in the one queue of the one socket
        accepted = [("second", _endpoint(second.accept())), ("first", _accept(listener))]
        listener.close()
        clients.append(_client(stack, place))
        accepted.append(("second", _endpoint(second.accept())))
    return Inherited(place.port, os.getpid(), second.pid, own_bind, rows, tuple(clients), tuple(accepted))


def _shared(listener: socket.socket, pid: int) -> str:
    return base64.b64encode(listener.share(pid)).decode()  # type: ignore[attr-defined]


def _bound(program: SecondProgram, place: Endpoint) -> int | Refused:
    refused = program.open(BindRequest(address=place.address))
    return refused or program.bind(place.port)


def _client(stack: ExitStack, place: Endpoint) -> Endpoint:
    client = stack.enter_context(socket.create_connection(place.sockaddr, DEADLINE))
    reset_on_close(client)
    return Endpoint.of(client.getsockname())


def _accept(listener: socket.socket) -> Endpoint | Refused:
    listener.settimeout(DEADLINE)
    taken = attempt(listener.accept)
    if isinstance(taken, Refused):
        return taken
    taken[0].close()
    return Endpoint.of(taken[1])


def _endpoint(answer: list | Refused) -> Endpoint | Refused:
    return answer if isinstance(answer, Refused) else Endpoint(*answer)
