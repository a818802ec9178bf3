"""What a playground holds, and what it writes down: sockets by name, the log, the last look at the kernel's table."""

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.playground import naming
from sockets_lab.playground.log import Line, answer_text, changes, printed, script
from sockets_lab.playground.places import Place, Places, Seat
from sockets_lab.playground.views import Pair, View, nearest, read

REMEMBERED = 100  # closed connections that are followed until the kernel has forgotten them


class Table:
    """Live sockets under the names of variables, and what the kernel's table says of them."""

    def __init__(self) -> None:
        self.places = Places()
        self.seats: dict[str, Seat] = {}
        self.left: dict[str, Seat] = {}  # closed: what the kernel may still keep of their connections
        self.log: list[Line] = []
        self.chosen: str | None = None
        self.lock = threading.RLock()
        self.names = naming.Names(self.places, self.seats)
        self.seen, self._facts = View(), dict[str, tuple]()  # the last look, and what was told of it
        self._near: list[Pair] = []
        self._near_to: tuple = ()  # for which socket, among which, that was found
        self._written = ""  # the script of what was closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_all()

    def __getitem__(self, name: str) -> socket.socket:
        """Return the socket itself. Raises: BadInput."""
        return self._seat(name).sock

    def view(self, chosen: str | None = None) -> View:
        """Look at the neighbourhood of a socket now, the latest's without a name; write down what changed by itself."""
        with self.lock:
            if chosen is not None and chosen in self.seats:
                self.chosen = chosen
            if changed := self._changed():
                self.log.append(Line("", changes=changed))
            return self.seen

    def again(self) -> bool:
        """Look, and tell whether anything is different from the last look."""
        with self.lock:
            before = self.seen
            return self.view() != before

    def wait(self, name: str, state: str, seconds: float = 2.0) -> str:
        """Wait until a socket's row shows this state, "gone" for no row; return the state in which it is."""
        deadline = time.monotonic() + seconds
        while (now := self.state(name)) != state and time.monotonic() < deadline:
            time.sleep(0.002)
        return now

    def state(self, name: str) -> str:
        """Read a socket's state in the kernel's table, also after its descriptor is closed; "gone" = no row."""
        with self.lock:
            if name not in self.seats and name not in self.left and name in self.names.used:
                return "gone"
            self.places.look_anew()
            seat = self.left[name] if name in self.left else self._seat(name)
            seat.look()
            row = seat.row()
            return row.state if row else "gone"

    def script(self) -> str:
        """Return the log as a program for the standard library (and for a lab, where one was used)."""
        with self.lock:
            return script(self.log, self.seats, self.places.lab is not None) if self.log else self._written

    def close_all(self) -> bool:
        """Close everything; tell whether there was anything. `script` still tells what was done until then."""
        with self.lock:
            held = bool(self.seats or self.places.lab or self.left)
            self._written = self.script()
            for seat in self.seats.values():
                seat.sock.close()
            self.places.close()
            self.seats.clear()
            self.left.clear()
            self.names.forget()
            self.log, self.chosen, self.seen, self._facts = [], None, View(), {}
            return held

    def _seat(self, name: str) -> Seat:
        if name not in self.seats:
            there = ", ".join(list(self.seats)[-8:]) or "none yet: create a socket first"
            raise BadInput(f"{name!r} is not open on the playground: choose one of {there}.")
        self.chosen = name
        return self.seats[name]

    def _seat_it(self, name: str, place: Place, sock: socket.socket, protocol: str, serves: bool = False) -> None:
        """Put a socket on the playground, where it never waits."""
        sock.setblocking(False)
        self.seats[name] = Seat(name, place, sock, protocol, os.fstat(sock.fileno()).st_ino, serves)
        self.names.used.add(name)
        self.chosen = name

    def _name_it(self, seat: Seat) -> None:
        """Keep, in a variable, the name that the kernel has just chosen: others connect to it, also from a script."""
        seat.look()
        answer: Any = attempt(seat.sock.getsockname)
        self._write(f"{self.names.keep(seat)} = {seat.name}.getsockname()", answer, f"{answer[:2]}", prints="")

    def _do(self, code: str, call: Callable[..., Any], *arguments: Any) -> Any:
        return self._write(code, attempt(call, *arguments))

    def _write(self, code: str, answer: Any, said: str = "", after: str = "", prints: str | None = None) -> Any:
        """Write one line into the log, with what is different in the kernel's table now."""
        said = said if said and not isinstance(answer, Refused) else answer_text(answer)
        if prints is None or isinstance(answer, Refused):
            prints = printed(answer)
        self.log.append(Line(code, answer, said, self._changed(), after, prints))
        return answer

    def _changed(self) -> tuple[str, ...]:
        """Look at the table, and tell what is different."""
        self.places.look_anew()
        seat = self.seats.get(self.chosen or "")
        renamed = seat is not None and seat.look()
        for _ in range(2):
            to = (seat, len(self.seats), *self.left, next(reversed(self.seats), None))
            if renamed or to != self._near_to:
                self._near, self._near_to = nearest([*self.seats.values(), *self.left.values()], seat), to
            # A connect that was on its way may have got its name meanwhile.
            renamed = any([half.look() for pair in self._near for half in pair if half])  # noqa: C419
        try:
            self.seen = read(self._near, self.seats, self.chosen, self.places.at)
        except OSError:  # there is no descriptor left to ask with: what was seen last still stands
            return ()
        for name in (*self.seen.gone, *list(self.left)[:-REMEMBERED]):
            self.left.pop(name, None)
        return changes(self._facts, self.seen)
