"""Programs behind a port, in a node's process and network: each says its greeting to whoever comes."""

import contextlib
import selectors
import socket
import threading
from typing import Any

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel.connecting import Owner, closed_on_failure
from sockets_lab.lab import Node
from sockets_lab.model import PROTOCOLS, TRANSPORTS, Endpoint

WEB = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"  # RFC 9112 section 4
SSH = b"SSH-2.0-course\r\n"  # RFC 4253 section 4.2: a server that speaks SSH says this first
TICK = 0.05  # seconds after which a program looks whether it is to stop
MOST = 4096  # bytes of a request that are looked at

running: dict[int, Any] = {}  # in the node's process: what has a `close`


class Service(Owner):
    """A program in a node that greets every client, until the end of `with`.

    Args:
        port: 0 = the kernel chooses; protocol: "tcp" or "udp", where every datagram is answered by the greeting.
        greeting: bytes; waits: TCP, whether it greets only after the client has said something, as a web server.
    endpoint: where it is reached; Refused, where the port cannot be had. Raises: BadInput.
    """

    def __init__(self, node: Node, port: int = 0, protocol: str = "tcp", greeting: bytes = SSH, waits: bool = False):
        if protocol not in TRANSPORTS:
            raise BadInput(f"{protocol!r} has no ports: pass 'tcp' or 'udp'.")
        self._node, self._number = node, 0
        opened = attempt(node.run, start, Endpoint(node.address, port), protocol, greeting, waits)
        self.endpoint: Endpoint | Refused = opened
        if not isinstance(opened, Refused):
            self._number, self.endpoint = opened

    def close(self) -> None:
        if self._number:
            self._node.run(stop, self._number)
            self._number = 0


def start(endpoint: Endpoint, protocol: str, greeting: bytes, waits: bool) -> tuple[int, Endpoint]:
    """Start a program in this process. Returns: a number to stop it by, and where it is reached. Raises: OSError."""
    program = _Program(endpoint, protocol, greeting, waits)
    return keep(program), Endpoint.of(program.sock.getsockname())


def keep(program: Any) -> int:
    """Keep what runs in this process. Returns: a number to stop it by."""
    number = max(running, default=0) + 1
    running[number] = program
    return number


def stop(number: int) -> None:
    """Stop a program, and wait until its sockets are closed."""
    running.pop(number).close()


class _Program:
    """One thread with one listening or datagram socket, and the clients that it has greeted."""

    def __init__(self, endpoint: Endpoint, protocol: str, greeting: bytes, waits: bool) -> None:
        self.greeting, self.waits, self.ending = greeting, waits, threading.Event()
        tcp = protocol == "tcp"
        self.sock = socket.socket(socket.AF_INET, PROTOCOLS[protocol].type)
        self.selector = selectors.DefaultSelector()
        with closed_on_failure(self.sock), closed_on_failure(self.selector):
            # The port may be in TIME_WAIT. Where SO_REUSEPORT is missing, this option lets others take a live port.
            if tcp and hasattr(socket, "SO_REUSEPORT"):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.setblocking(False)
            self.sock.bind(guard.destination(endpoint).sockaddr)
            if tcp:
                self.sock.listen()
        self.selector.register(self.sock, selectors.EVENT_READ, self.accept if tcp else self.answer)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while not self.ending.is_set():
            for key, _ in self.selector.select(TICK):
                with contextlib.suppress(OSError):  # a client that is gone again
                    key.data(key.fileobj)

    def accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        client.setblocking(False)
        self.selector.register(client, selectors.EVENT_READ, self.attend)
        if not self.waits:
            client.send(self.greeting)

    def attend(self, client: socket.socket) -> None:
        """Greet a client that has spoken, and close when it has closed."""
        try:
            if client.recv(MOST):
                if self.waits:
                    client.send(self.greeting)
                return
        except OSError:
            pass
        self.selector.unregister(client)
        client.close()

    def answer(self, sock: socket.socket) -> None:
        _, sender = sock.recvfrom(MOST)
        sock.sendto(self.greeting, guard.destination(Endpoint.of(sender)).sockaddr)

    def close(self) -> None:
        self.ending.set()
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self.selector.close()
