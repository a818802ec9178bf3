"""When a socket gets its names: the local one by bind, or in passing; the remote one by connect or accept."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.lessons.binding.trials import ANY_PORT, DEADLINE, Names, bound, names, resolved
from sockets_lab.model import PROTOCOLS, Endpoint

BINDING_CALLS = {"connect": "tcp", "listen": "tcp", "sendto": "udp"}  # they bind a socket that nobody has bound


@dataclass(frozen=True)
class Conversation:
    """The names of all sockets of one conversation, call by call; it ends early where a call is refused."""

    protocol: str
    names: tuple[Names, ...]
    refused: Refused | None = None

    def of(self, who: str, after: str) -> Names:
        """Return one socket's names after one call. Raises: BadInput, where this conversation had no such call."""
        for step in self.names:
            if (step.who, step.after) == (who, after):
                return step
        had = ", ".join(f"({step.who!r}, {step.after!r})" for step in self.names)
        raise BadInput(f"There is no {who!r} after {after!r} here: pass one of {had}.")


def bind_by(call: str) -> Conversation:
    """Let "connect", "listen" or "sendto" bind a socket that nobody has bound; read its names before and after.

    Returns: the steps ("socket", "socket") and ("socket", call). Refused: EINVAL, for listen on Windows.
    Source: ip(7) ("automatically bound to a random free port"), for each of the three calls.
    """
    if call not in BINDING_CALLS:
        raise BadInput(f"{call!r} binds no socket: pass one of {', '.join(map(repr, BINDING_CALLS))}.")
    protocol = BINDING_CALLS[call]
    kind = PROTOCOLS[protocol].type
    with bound(ANY_PORT, protocol, listening=True) as (server, trial), socket.socket(type=kind) as sock:
        if server is None:
            return Conversation(protocol, (), trial.refused)
        to = guard.destination(Endpoint.of(server.getsockname())).sockaddr
        sock.settimeout(DEADLINE)
        before = names(sock, "socket", "socket")
        calls: dict[str, Callable[[], object]] = {
            "connect": lambda: sock.connect(to),
            "listen": lambda: sock.listen(),
            "sendto": lambda: sock.sendto(b"", to),
        }
        done = attempt(calls[call])
        refused = done if isinstance(done, Refused) else None
        return Conversation(protocol, (before, names(sock, "socket", call)), refused)


def conversation(
    protocol: str = "tcp", server_at: str = "127.0.0.1", client_at: Endpoint | None = None
) -> Conversation:
    """Let a client speak to a server over loopback, and read every socket's names after every call.

    Args: server_at: a loopback or wildcard address; the kernel chooses the port. client_at: bind the client to this
        first; None = leave that to the kernel.
    Returns: the calls of "server" (socket, bind; TCP: listen, accept), "client" (socket; bind if asked; UDP: sendto;
        connect), and TCP's third socket, "accepted" (accept).
    Source: ip(7), connect(2), accept(2).
    """
    destination = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server_at, server_at)
    guard.destination(Endpoint(destination, 0))
    with ExitStack() as stack:
        server, trial = stack.enter_context(bound(Endpoint(server_at, 0), protocol, listening=True))
        steps = [replace(step, who="server") for step in trial.names]
        if server is None:
            return Conversation(protocol, tuple(steps), trial.refused)
        to = guard.destination(Endpoint(destination, server.getsockname()[1]))
        client = stack.enter_context(socket.socket(to.family, PROTOCOLS[protocol].type))
        for sock in (server, client):
            sock.settimeout(DEADLINE)
        steps.append(names(client, "client", "socket"))
        try:
            if client_at is not None:
                client.bind(resolved(client_at))
                steps.append(names(client, "client", "bind"))
            if protocol == "udp":
                client.sendto(b"", to.sockaddr)
                steps.append(names(client, "client", "sendto"))
            client.connect(to.sockaddr)
            steps.append(names(client, "client", "connect"))
            if protocol == "tcp":
                accepted = stack.enter_context(_accept_from(client, server))
                steps += [names(accepted, "accepted", "accept"), names(server, "server", "accept")]
        except OSError as error:
            return Conversation(protocol, tuple(steps), refusal(error))
        return Conversation(protocol, tuple(steps))


def _accept_from(client: socket.socket, server: socket.socket) -> socket.socket:
    """Accept our client, and drop whoever else came before it: a program that tries out ports, perhaps."""
    while True:
        accepted, peer = server.accept()
        if peer == client.getsockname():
            return accepted
        accepted.close()
