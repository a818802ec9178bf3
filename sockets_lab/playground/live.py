"""The playground itself: every method is one real call on one socket, made at once, and written down.

No call waits: all sockets are told not to. A connect that is on its way is asked for its outcome, and what a socket is
to read or to accept is given a moment to arrive.
"""

import os
import selectors
import socket

from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.kernel.connecting import ready
from sockets_lab.model import PROTOCOLS, TRANSPORTS, Endpoint, whole_number
from sockets_lab.playground import opening, options
from sockets_lab.playground.holding import Table
from sockets_lab.playground.log import spelled
from sockets_lab.playground.places import HERE, mirrored

TYPES = {PROTOCOLS[name].title: PROTOCOLS[name].type for name in TRANSPORTS}
FAMILIES = {"IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}
DIRECTIONS = ("SHUT_WR", "SHUT_RD", "SHUT_RDWR")
MOMENT = 0.03  # seconds for what is on its way to this socket; on loopback it comes at once
LARGEST = 1 << 24  # bytes of one send or receive
QUEUED = 65535  # connections


class Playground(Table):
    """A playground for as long as the `with` lasts, or until `close_all`."""

    def create(self, protocol: str = "TCP", family: str = "IPv4", place: str = HERE, name: str = "") -> str | Refused:
        """Make a socket. Args: protocol: "TCP" or "UDP"; family: "IPv4" or "IPv6"; place: HERE, or a node, "A" or "B".

        Returns: its name on the playground; without one asked for, the next of s1, s2, ...
        """
        for what, choices in ((protocol, TYPES), (family, FAMILIES)):
            if what not in choices:
                raise BadInput(f"{what!r} cannot be made here: pass {' or '.join(map(repr, choices))}.")
        with self.lock:
            where, name = self.places[place], self.names.new(name)
            kind = f"socket.{FAMILIES[family].name}, socket.{TYPES[protocol].name}"
            made = attempt(where.socket, FAMILIES[family], TYPES[protocol])
            if isinstance(made, Refused):
                return self._write(f"{name} = {where.code}.socket({kind})", made)
            self._seat_it(name, where, made, protocol)
            self._write(f"{name} = {where.code}.socket({kind})", name, f"descriptor {made.fileno()}",
                        f"{name}.setblocking(False)", prints="")  # fmt: skip
            return name

    def pair(self, client_at: str = HERE, server_at: str = HERE) -> tuple[str, str, str]:
        """Make a whole connection by the usual calls.

        Returns: the names of listener, client and accepted socket. Raises: BadInput, where one could not be made.
        """
        with self.lock:
            server = _made(self.create(place=server_at, name="server"))
            self.bind(server)
            self.listen(server)
            client = _made(self.create(place=client_at, name="client"))
            self.connect(client, server)
            return server, client, _made(self.accept(server, "served"))

    def set_option(self, name: str, option: str, value: int) -> int | Refused:
        """Set a socket option. Returns: what the kernel says when it is asked for it again."""
        known = options.found(option)
        packed, code = options.packed(known, value)
        with self.lock:
            seat = self._seat(name)
            done = attempt(options.apply, seat.sock, known, packed)
            said = f"done; it now reads {done}"
            return self._write(f"{name}.setsockopt({known.code}, {code})", done, said, prints="")

    def bind(self, name: str, address: str = "", port: int | str = 0) -> Refused | None:
        """Name a socket. Args: address: "" = where its place is; port: 0 = the kernel chooses, or a name in the log."""
        with self.lock:
            seat = self._seat(name)
            endpoint, code = self.names.own(seat, address, port)
            answer = self._do(f"{name}.bind({code})", seat.sock.bind, endpoint.sockaddr)
            if answer is None and endpoint.port == 0:
                self._name_it(seat)
            return answer

    def listen(self, name: str, backlog: int = 5) -> Refused | None:
        """Let others connect. Args: backlog: connections that may wait for `accept`, 0-65535."""
        whole_number(backlog, 0, QUEUED, "a backlog")
        with self.lock:
            seat = self._seat(name)
            nameless = seat.local is None
            answer = attempt(seat.sock.listen, backlog)
            if answer is None:
                seat.listens = seat.serves = True
            self._write(f"{name}.listen({backlog})", answer)
            if answer is None and nameless:
                self._name_it(seat)
            return answer

    def connect(self, name: str, to: str) -> str | Refused:
        """Connect, without waiting. Args: to: the name of a socket on the playground, or an endpoint, 127.0.0.1:8080.

        Returns: for TCP "connected" or "still on its way", for UDP "connected"; or what refused it.
        """
        with self.lock:
            seat = self._seat(name)
            endpoint, code = self.names.target(seat, to)
            answer = self._do(f"{name}.connect({code})", seat.sock.connect, endpoint.sockaddr)
            if answer is None:
                return "connected"
            return self.outcome(name) if answer.name == "EINPROGRESS" else answer

    def outcome(self, name: str) -> str | Refused:
        """Ask how a connect came out that was on its way. Returns: as `connect`."""
        with self.lock:
            seat = self._seat(name)
            answer: str | Refused = "still on its way"
            if ready([seat.sock], selectors.EVENT_WRITE, MOMENT):
                code = seat.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                # What was refused is told once, and a socket that never asked has no error either: has it a peer?
                peer = refusal(OSError(code, os.strerror(code))) if code else attempt(seat.sock.getpeername)
                answer = peer if isinstance(peer, Refused) else "connected"
            return self._write(f"outcome({name})", answer)

    def accept(self, name: str, new: str = "") -> str | Refused:
        """Take in the connection that has waited longest. Returns: the new socket's name on the playground."""
        with self.lock:
            seat, new = self._seat(name), self.names.new(new)
            ready([seat.sock] * seat.listens, selectors.EVENT_READ, MOMENT)
            made = attempt(seat.sock.accept)
            if isinstance(made, Refused):
                return self._write(f"{new}, peer = {name}.accept()", made)
            self.names.admitted(seat, *made)
            self._seat_it(new, seat.place, made[0], "TCP", serves=True)
            self._write(f"{new}, peer = {name}.accept()", new, f"descriptor {made[0].fileno()}, peer {made[1][:2]}",
                        f"{new}.setblocking(False)", prints="")  # fmt: skip
            return new

    def send(self, name: str, data: bytes, times: int = 1, to: str = "") -> int | Refused:
        """Send. Args: data, repeated `times`, handed over in one call; to: for a datagram to somebody named.

        Returns: how many bytes the kernel took.
        """
        if not isinstance(data, bytes) or not isinstance(times, int) or not 0 <= len(data) * times <= LARGEST:
            raise BadInput(f"pass bytes to send, such as b'hello', and how often, up to {LARGEST} bytes in all.")
        with self.lock:
            seat, code = self._seat(name), spelled(data, times)
            if to:
                endpoint, target = self.names.target(seat, to)
                return self._do(f"{name}.sendto({code}, {target})", seat.sock.sendto, data * times, endpoint.sockaddr)
            return self._do(f"{name}.send({code})", seat.sock.send, data * times)

    def fill(self, name: str, data: bytes = b"x" * 10_000, patience: float = MOMENT) -> int:
        """Send again and again until the kernel takes no more. Returns: the bytes that it took.

        Args: patience: seconds in which what it holds may move on; a busy machine needs more of them.
        """
        if not isinstance(data, bytes) or not 0 < len(data) <= LARGEST:
            raise BadInput("pass some bytes, such as b'hello', with which to fill what holds them.")
        with self.lock:
            seat = self._seat(name)
            taken, refused = opening.fill(seat.sock, data, patience)
            self._write(f"taken, why = fill({name}, {spelled(data)})", refused, f"{taken:,} bytes, then {refused}",
                        "print(why)", refused)  # fmt: skip
            return int(taken)

    def receive(self, name: str, size: int = 65536) -> bytes | Refused:
        """Take what has come, at most `size` bytes. b"" from TCP = the other end sends no more."""
        whole_number(size, 1, LARGEST, "a number of bytes")
        with self.lock:
            seat = self._seat(name)
            if seat.local is not None and not seat.listens:
                ready([seat.sock], selectors.EVENT_READ, MOMENT)
            if seat.protocol == "TCP":
                return self._do(f"{name}.recv({size})", seat.sock.recv, size)
            code, answer = f"data, sender = {name}.recvfrom({size})", attempt(seat.sock.recvfrom, size)
            if isinstance(answer, Refused):
                return self._write(code, answer)
            data, sender = answer
            said = opening.short(data)
            self._write(code, data, f"{said} from {Endpoint.of(sender)}", "print(short(data))", said)
            return data

    def shut_down(self, name: str, direction: str = "SHUT_WR") -> Refused | None:
        """End one direction, or both: SHUT_WR sends no more, SHUT_RD reads no more, SHUT_RDWR is both."""
        if direction not in DIRECTIONS:
            raise BadInput(f"{direction!r} is no direction: pass {', '.join(map(repr, DIRECTIONS))}.")
        with self.lock:
            sock = self._seat(name).sock
            return self._do(f"{name}.shutdown(socket.{direction})", sock.shutdown, getattr(socket, direction))

    def close(self, name: str) -> Refused | None:
        """Give the descriptor back. What the kernel keeps of a connection is followed until it is gone."""
        with self.lock:
            seat = self._seat(name)
            seat.look()
            if seat.key:
                self.left[name] = seat
            del self.seats[name]
            others = (one.name for one in self.seats.values() if seat.key and one.key == mirrored(seat.key))
            self.chosen = next(others, next(reversed(self.seats), None))
            return self._do(f"{name}.close()", seat.sock.close)


def _made(name: str | Refused) -> str:
    if isinstance(name, Refused):
        raise BadInput(f"No whole connection can be made here now. {name}.")
    return name
