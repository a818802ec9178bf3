"""A case: a machine that is really broken, in a lab of its own, with a customer who complains; and its fault."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from random import Random
from typing import Any

from sockets_lab.errors import BadInput
from sockets_lab.kernel import table
from sockets_lab.kernel.machine import ephemeral_range
from sockets_lab.lab import Lab, LabUnavailable, Node, firewall
from sockets_lab.lab.firewall import probe
from sockets_lab.lab.loopback import LEASE
from sockets_lab.lessons.detective import customers
from sockets_lab.lessons.detective.customers import FAREWELL, PATIENCE, Visit
from sockets_lab.lessons.detective.programs import SERVICE, Program
from sockets_lab.model import TRANSPORTS, Closing, Endpoint, FourTuple, SocketRow
from sockets_lab.netns.settings import set_ephemeral_range

CUSTOMER, SERVER = "10.20.30.40", "50.60.70.80"
ANY_PORT = 50000  # in the place of the customer's own, where a simulated firewall is asked before there is one
OUTCOMES = {"silence": "silence", "refused": "refused", "unreachable": "failed", "forbidden": "silence"}


class Case(Closing):
    """A broken machine: node B has a service, and customers come from node A. Use it in a `with`, or close it.

    Args: name: of the place, such as "bakery"; seed: of all that is drawn by lot: the same seed, the same machine.
    lab, A, B: the lab and its nodes. programs: what runs on them, or should, by name. protocol, endpoint: what the
        customers use, and where they look for the service. shut: endpoints that nobody may reach, also after a repair.
    by_kernel: whether B's kernel filters, or a simulated firewall.
    Where there are no namespaces, the lab falls back to loopback.
    """

    def __init__(self, name: str, seed: str, aside: bool = False) -> None:
        self.name, self.random = name, Random(seed)
        self.protocol, self.answer = "tcp", f"the {name} thanks you"
        self.programs: dict[str, Program] = {}
        self.shut: tuple[Endpoint, ...] = ()
        self.lab = Lab(A=CUSTOMER, B=SERVER, fallback=True, aside=aside)
        self.A, self.B = self.lab["A"], self.lab["B"]
        self.by_kernel = firewall.decides(self.B) == "kernel"  # found out now, before anybody looks at a cable
        self.endpoint = Endpoint(self.B.address, self.random.randrange(5000, 9000))

    @property
    def complaint(self) -> str:
        """What is known at the beginning: who complains, and about what."""
        return (
            f"Customers at A ({self.A.address}) want something of the {self.name}'s service at B, over "
            f"{self.protocol.upper()}, at {self.endpoint}. It does not serve them."
        )

    @property
    def shares_stack(self) -> bool:
        """Whether A and B are loopback addresses of this machine's one stack."""
        return self.lab.kind == "loopback"

    @property
    def service(self) -> Program:
        """The program for which the customers come."""
        return self.programs[self.name]

    def add(self, node: Node, name: str, **settings: Any) -> Program:
        """Start a program with these settings, as part of this machine."""
        program = self.programs[name] = Program(node, name, settings)
        program.start()
        return program

    def serve(self, name: str | None = None, **settings: Any) -> Program:
        """Start a service at B: a sound one, but for these settings."""
        sound = {"protocol": self.protocol, "address": self.B.address, "port": self.endpoint.port, **SERVICE}
        answer = self.answer if name is None else f"the {name} thanks you"
        return self.add(self.B, name or self.name, **sound | settings, answer=answer + "\n")

    def ask(self, patience: float = PATIENCE) -> Visit:
        """Be a customer: ask the service from A, really, and tell how that went. Args: patience, in seconds."""
        return self.stopped(self.endpoint, patience) or self.A.run(self.asks(patience=patience))

    def asks(
        self, endpoint: Endpoint | None = None, patience: float = PATIENCE, farewell: float = FAREWELL
    ) -> Callable[[], Visit]:
        """Return what A's programs call to ask, past any simulated firewall. Args: as for `customers.visit`."""
        wanted = endpoint or self.endpoint
        return partial(customers.visit, wanted, self.protocol, self.answer, patience, self.source, farewell)

    def stopped(self, endpoint: Endpoint, patience: float) -> Visit | None:
        """Ask the simulated firewalls, where it is not the kernel that filters; None: they let a customer pass."""
        if self.by_kernel:
            return None
        name = FourTuple(Endpoint(self.A.address, ANY_PORT), endpoint)
        stopped = probe.walk(self.A, name, self.protocol, customers.WANTED, patience)
        return Visit(OUTCOMES[stopped.outcome], refused=stopped.refused) if stopped else None

    @property
    def source(self) -> str | None:
        """The address that customers have to take; None where A's kernel has but one."""
        return self.A.address if self.shares_stack else None

    def sockets(self, node: Node, protocols: Iterable[str] = TRANSPORTS) -> list[SocketRow]:
        """Read a node's socket table, with the processes that hold each; on loopback only the rows of its programs."""
        if not self.shares_stack:
            return node.table(protocols, owners=True)
        pids = {program.pid for program in self.programs.values() if program.node is node}
        rows = table.snapshot(protocols, owners=True)
        return [
            row for row in rows
            if pids & {owner.pid for owner in row.owners or ()} or (
                row.local.address == node.address and not row.owners and row.local.port != LEASE)
        ]  # fmt: skip

    @property
    def ephemeral_range(self) -> tuple[int, int] | None:
        """The first and the last port that A's kernel may choose for a customer; None where it does not tell."""
        return self.A.call(ephemeral_range)

    def let_choose(self, first: int, last: int) -> None:
        """Let A's kernel choose ports from first to last for customers.

        Raises: BadInput, where A and B share this machine's kernel, whose range is not ours to change.
        """
        if self.shares_stack:
            raise BadInput("A has no range of its own: it shares this machine's network stack, which stays as it is.")
        self.A.run(set_ephemeral_range, first, last)

    def end(self, pid: int) -> None:
        """End a process of this machine, as `os.kill(pid, signal.SIGTERM)` does, and wait until it is gone.

        Args: pid: its number, as an owner in the socket table has it. Raises: BadInput, for any other process.
        """
        found = next((program for program in self.programs.values() if program.pid == pid and program.running), None)
        if found is None:
            raise BadInput(f"No process {pid!r} runs on this machine: pass the pid of one that owns a socket there.")
        found.stop()

    @property
    def closed(self) -> bool:
        """Whether the machine is gone."""
        return self.lab.closed

    def close(self) -> None:
        """End the machine, with all its programs; harmless when done twice."""
        self.lab.close()


@dataclass(frozen=True)
class Fault:
    """One way to break a machine.

    key: a short name; diagnosis: a sentence. make: brings a case's machine up, broken; what is left to chance it draws
    from the case's lot. clues: for whoever is stuck: where to look, and then what to do. missing: why this machine
    cannot have the fault, in a sentence; "" where it can.
    """

    key: str
    diagnosis: str
    make: Callable[[Case], None]
    clues: tuple[str, str]
    missing: Callable[[], str] = lambda: ""


@cache
def has_stacks() -> bool:
    """Tell whether nodes have network stacks of their own here, by making one."""
    try:
        with Lab(A=CUSTOMER, aside=True):
            return True
    except LabUnavailable:
        return False
