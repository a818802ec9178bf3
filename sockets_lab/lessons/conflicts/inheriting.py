"""One listening socket in two processes: no second bind takes place, so there is nothing to conflict with."""

import base64
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.kernel.linger import reset_on_close
from sockets_lab.lessons.conflicts.bind_requests import BindRequest
from sockets_lab.lessons.conflicts.subprocess_peer import SecondProgram
from sockets_lab.model import Endpoint, SocketRow

DEADLINE = 2.0  # seconds for one connection over the loopback


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
