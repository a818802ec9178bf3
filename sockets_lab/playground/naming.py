"""Names on the playground: of its sockets, and of the endpoints to which they are bound, connected or sent.

A port that the kernel chose is another one on the next run, so the log never has its number: it has a variable.
"""

import itertools
import keyword
import re
import socket

from sockets_lab.errors import BadInput
from sockets_lab.model import Endpoint, checked_port
from sockets_lab.playground.places import Place, Places, Seat

TAKEN = ("socket", "struct", "time", "select", "errno", "contextlib", "nodes", "lab", "name", "short", "pause",
         "outcome", "refused", "peer", "data", "sender", "print")  # fmt: skip
MAPPED = "::ffff:"  # IPv4 inside IPv6


class Names:
    """Which names are in use, and which endpoint each kept variable stands for."""

    def __init__(self, places: Places, seats: dict[str, Seat]) -> None:
        self.places, self.seats = places, seats
        self.forget()

    def forget(self) -> None:
        self.used: set[str] = set()
        self.kept: dict[str, tuple[str, Endpoint]] = {}  # variable -> place, endpoint
        self._number = 1  # of the next socket without a name of its own

    def new(self, wanted: str = "") -> str:
        """Return a name that is free: the one wanted, or it with a number, or the next of s1, s2, ..."""
        if wanted and (not re.fullmatch(r"[a-z]\w{0,11}", wanted) or keyword.iskeyword(wanted) or wanted in TAKEN
                       or wanted.startswith("at_")):  # fmt: skip
            raise BadInput(f"{wanted!r} cannot be a socket's name here: pass up to 12 letters such as 'server'.")
        if wanted:
            numbered = itertools.chain([wanted], (f"{wanted}{number}" for number in itertools.count(2)))
            return next(name for name in numbered if name not in self.used)
        while f"s{self._number}" in self.used:
            self._number += 1
        return f"s{self._number}"

    def keep(self, seat: Seat) -> str:
        """Make a variable for the name of a socket."""
        assert seat.local is not None
        variable = f"at_{seat.name}"
        self.kept[variable] = (seat.place.name, seat.local)
        return variable

    def own(self, seat: Seat, address: str, port: int | str) -> tuple[Endpoint, str]:
        """Return the endpoint to which a socket is to be bound, and how the log writes it. Raises: BadInput."""
        wanted = address.strip() or (seat.place.address if seat.sock.family == socket.AF_INET else "::1")
        spelled = str(port)
        if isinstance(port, str) and f"at_{port.strip()}" in self.kept:
            variable = f"at_{port.strip()}"
            port, spelled = self.kept[variable][1].port, f"{variable}[1]"
        endpoint = Endpoint(wanted, checked_port(port))
        if spelled.strip().isdecimal():
            spelled = str(endpoint.port)
        _same_family(seat, endpoint)
        if not endpoint.is_wildcard:
            seat.place.destination(endpoint)
        return endpoint, f"({self.places.code(endpoint.address)}, {spelled})"

    def target(self, seat: Seat, to: str) -> tuple[Endpoint, str]:
        """Return the endpoint that is meant, and how the log writes it. Raises: BadInput, also where the guard does."""
        to = str(to).strip()
        if to in self.seats:
            endpoint, code = self._of(self.seats[to])
        elif f"at_{to}" in self.kept:
            endpoint, code = self.kept[f"at_{to}"][1], f"at_{to}"
        else:
            endpoint = self._parsed(seat.place, to)
            known = [kept for kept, (_, one) in self.kept.items() if one == endpoint]
            code = known[-1] if known else f"({self.places.code(endpoint.address)}, {endpoint.port})"
        if endpoint.is_wildcard:
            other = self.seats[to].place.address if to in self.seats else seat.place.address
            endpoint = Endpoint(other if endpoint.family == socket.AF_INET else "::1", endpoint.port)
            code = f"({self.places.code(endpoint.address)}, {code}[1])"
        _same_family(seat, endpoint)
        return seat.place.destination(endpoint), code

    def admitted(self, listener: Seat, sock: socket.socket, peer: tuple) -> None:
        """Close what came from outside, as to a wildcard address anybody may. Raises: BadInput."""
        try:
            listener.place.destination(Endpoint(peer[0].removeprefix(MAPPED), peer[1]))
        except BadInput as stranger:
            sock.close()
            raise BadInput(f"A stranger had connected, and was closed at once: {stranger}") from None

    def _of(self, seat: Seat) -> tuple[Endpoint, str]:
        if seat.local is None:
            raise BadInput(f"{seat.name} has no name yet, so nobody can reach it: bind it first.")
        kept = f"at_{seat.name}"
        known = kept in self.kept and self.kept[kept] == (seat.place.name, seat.local)
        return seat.local, kept if known else f"{seat.name}.getsockname()"

    def _parsed(self, place: Place, to: str) -> Endpoint:
        """Read an endpoint; a port alone is one of this place."""
        if not to:
            there = ", ".join(list(self.seats)[:8]) or "no socket yet"
            raise BadInput(f"Say whom you mean: a socket of the playground ({there}), or an endpoint, 127.0.0.1:8080.")
        if to.isdecimal():
            return Endpoint(place.address, checked_port(to))
        if ":" not in to:
            raise BadInput(f"{to!r} is neither a socket of the playground nor an endpoint such as 127.0.0.1:8080.")
        return Endpoint.parse(to)


def _same_family(seat: Seat, endpoint: Endpoint) -> None:
    if seat.sock.family != endpoint.family:
        speaks = "IPv6" if seat.sock.family == socket.AF_INET6 else "IPv4"
        usual = "::1" if speaks == "IPv6" else "127.0.0.1"
        raise BadInput(
            f"{seat.name} is a socket for {speaks}, and {endpoint.address} is no {speaks} address: create one of the "
            f"other family, or write {usual}."
        )

