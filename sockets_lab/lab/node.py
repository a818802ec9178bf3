"""One node of a lab, as the notebook holds it: a network stack of its own, and a process that works in it."""

import socket
import weakref
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import cloudpickle

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.kernel.table.owners import owners_of
from sockets_lab.lab.capture import OCTETS, Capture, make_socket
from sockets_lab.lab.execution import Reply, Work
from sockets_lab.lab.rpc import Questions
from sockets_lab.model import TRANSPORTS, SocketRow, whole_number
from sockets_lab.netns import cables
from sockets_lab.netns.cables import INTERFACE
from sockets_lab.netns.channel import Channel

PATIENCE = 60.0  # seconds that a node's code may take, if nobody says otherwise
P = ParamSpec("P")
T = TypeVar("T")

Control = Callable[..., Refused | None]  # tell the switch: the name of a function in `netns.cables`, its arguments


def hardware_address(address: str) -> bytes:
    """Return the hardware address of the node with this IPv4 address: six bytes, of which it is the last four.

    02 marks one that nobody has been given, made by whoever uses it (IEEE 802, locally administered).
    """
    return b"\x02\x00" + socket.inet_aton(address)


class Node:
    """A node. Its methods run nothing in the notebook's own network.

    own_stack: whether it has a network stack of its own. firewall: what filters its packets; `filtering` finds it out.
    """

    own_stack = True
    firewall: Any = None

    def __init__(self, place: int, name: str, address: str, work: Channel, service: Channel, cable: Control) -> None:
        self.place, self.name, self.address = place, name, address
        self.process = 0  # its process id as the notebook sees it
        self._cable = cable
        self._lines, self._service = (work, service), service
        self._work = Work(name, work, service)
        self._questions = Questions(name, service)
        self._given: weakref.WeakSet[socket.socket | Capture] = weakref.WeakSet()

    def socket(
        self, family: int = socket.AF_INET, type: int = socket.SOCK_STREAM, proto: int = 0
    ) -> socket.socket:
        """Make a socket in this node's network stack, and hand it over: an ordinary socket object of the notebook.

        A socket belongs for life to the stack in which it was made; who holds a descriptor of it is another matter.
        It is closed with the lab at the latest. Raises: OSError, what the kernel refused.
        Source: network_namespaces(7); unix(7), SCM_RIGHTS.
        """
        made = self.call(socket.socket, int(family), int(type), int(proto))
        self._given.add(made)
        return made

    def run(self, function: Callable[..., T], *arguments: Any, patience: float = PATIENCE) -> T:
        """Call a function in the node's process and return its value; an exception comes back as it was.

        Args: function and arguments travel as values (cloudpickle); patience, in seconds.
        Raises: BadInput, for what cannot travel; what the function raised, with the node's traceback as a note.
        """
        __tracebackhide__ = True
        try:
            packed = cloudpickle.dumps((function, arguments))
        except Exception as error:  # noqa: BLE001  what can go wrong there has no common kind
            raise BadInput(
                f"This cannot travel to {self.name} ({error}): pass plain values, and make sockets and files inside "
                "the function."
            ) from None
        reply = self._work.do("run", packed, patience)
        if reply.output:
            print(reply.output, end="")
        if reply.error is not None:
            reply.error.add_note(f"In node {self.name}:\n{reply.traceback}")
            raise reply.error
        return reply.value

    def execute(self, code: str, patience: float = PATIENCE) -> Reply:
        """Run a cell's code in the node's process. Its names stay for the next cell."""
        return self._work.do("execute", code, patience)

    def start(self, code: str) -> None:
        """Run a cell's code in the background; `result` waits for it. Sockets and tables can be had meanwhile."""
        self._work.start("execute", code)

    def result(self, patience: float = PATIENCE) -> Reply:
        """Wait for what was started. Raises: BadInput, where nothing was; NodeError."""
        return self._work.result(patience)

    def interrupt(self) -> None:
        """Interrupt the code that runs, as the stop button does to a cell; nothing happens where none runs."""
        self._work.interrupt()

    def table(self, protocols: Iterable[str] = TRANSPORTS, owners: bool = False) -> list[SocketRow]:
        """Read the socket table of this node's network stack, as `table.snapshot` does.

        Owners are looked for from outside, so that also a descriptor of the notebook is found.
        """
        rows = self.call(table.snapshot, tuple(protocols))
        if not owners:
            return rows
        holders = owners_of({row.inode for row in rows if row.inode})
        return [replace(row, owners=holders.get(row.inode or 0, ())) for row in rows]

    def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a short function of a module in the node, also while its code runs. Its value must be picklable.

        The function travels as its name: the node imports its module, and finds there its own one.
        A socket comes back as a socket. Raises: what the function raised; NodeError, where the node has ended.
        """
        __tracebackhide__ = True
        with self.called(function, *arguments, **named) as answer:
            return answer()

    def called(
        self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs
    ) -> AbstractContextManager[Callable[[], T]]:
        """As `call`, but go on at once: the `with` has a function that waits for the value, to be called once."""
        return self._questions.asked("call", function.__module__, function.__name__, arguments, named)

    def capture(self, octets: int = OCTETS) -> Capture:
        """Begin to keep a copy of every packet that crosses this node's end of its cable; use it in a `with`.

        Args: octets, of the kernel's memory, in which packets wait to be read; each takes 2048, a multiple of 65536.
            What a host sends at its full speed fills the default in some milliseconds: 64 << 20 is for that.
        Raises: LabUnavailable, where nodes share this machine's own network stack.
        """
        capture = Capture(self.call(make_socket, INTERFACE, octets), octets)
        self._given.add(capture)
        return capture

    def cut(self) -> Refused | None:
        """Pull this node's cable out of the switch. Returns: None, or what the kernel refused; so do the next three."""
        return self._cable("cut", f"p{self.place}")

    def mend(self) -> Refused | None:
        """Plug the cable in again, fast and without loss."""
        return self._cable("mend", f"p{self.place}") or self._at_this_end(cables.mend, INTERFACE)

    def slow(self, rate: int) -> Refused | None:
        """Let the cable carry no more than `rate` bits a second each way, from 8,000 to 1,000,000,000."""
        whole_number(rate, 8_000, 10**9, "a rate of a cable in bits a second")
        return self._cable("slow", f"p{self.place}", rate) or self._at_this_end(cables.slow, INTERFACE, rate)

    def lose(self, share: float) -> Refused | None:
        """Let the cable lose this share of the packets, by chance, each way; 0.0 to 1.0."""
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise BadInput(f"{share!r} is no share of packets: pass a number from 0.0 (none) to 1.0 (all).")
        return self._cable("lose", f"p{self.place}", float(share))

    def at_switch(self, function: str, *arguments: Any) -> Refused | None:
        """Do something with the switch's end of this cable, by the name of the function in `netns.cables`."""
        return self._cable(function, f"p{self.place}", *arguments)

    def close(self) -> None:
        """Close what this node gave out, and the ways to it. The lab does this."""
        for given in list(self._given):
            given.close()
        for line in self._lines:
            line.close()

    @property
    def closed(self) -> bool:
        """Whether the lab has closed this node."""
        return self._service.sock.fileno() < 0

    def _at_this_end(self, function: Callable[..., None], *arguments: Any) -> Refused | None:
        return attempt(self.call, function, *arguments)
