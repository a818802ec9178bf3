"""A case: a machine that is really broken, in a lab of its own, with a customer who complains; and its faults."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from random import Random
from typing import Any

from sockets_lab.errors import BadInput
from sockets_lab.kernel import table
from sockets_lab.kernel.machine import ephemeral_range, try_firewall
from sockets_lab.lab import Lab, LabUnavailable, Node, firewall
from sockets_lab.lab.firewall import Chain, Rule, Ruleset, probe
from sockets_lab.lab.loopback import LEASE
from sockets_lab.lessons.detective import customers
from sockets_lab.lessons.detective.customers import FAREWELL, PATIENCE, Visit
from sockets_lab.lessons.detective.programs import SERVICE, Cable, Kernel, Program
from sockets_lab.model import TRANSPORTS, Closing, Endpoint, FourTuple, SocketRow
from sockets_lab.netns.settings import are_read_only, set_forwarding

ADDRESSES = {"A": "10.20.30.40", "B": "50.60.70.80", "C": "50.60.70.90", "G": "50.60.70.1"}
ANY_PORT = 50000  # in the place of the customer's own, where a simulated firewall is asked before there is one
OUTCOMES = {"silence": "silence", "refused": "refused", "unreachable": "failed", "forbidden": "silence"}
VISIT = "a customer's visit"
Part = Program | Kernel | Cable


@dataclass
class Inquiry:
    """What the learner has done in a case. seen: views, and the words in them; wrong: what was changed in vain."""

    seen: list[tuple[str, str]] = field(default_factory=list)
    wrong: set[str] = field(default_factory=set)
    right: set[str] = field(default_factory=set)
    clues: int = 0
    before: dict[str, Any] = field(default_factory=dict)  # the machine, as it was when it was last looked at


class Case(Closing):
    """A broken machine: node B has a service, and customers come from node A. Use it in a `with`, or close it.

    Args: name: of the place, such as "bakery"; seed: of all that is drawn by lot: the same seed, the same machine;
    nodes: beside A and B: "C", one more machine; "G", a gateway, to which the customers come.
    programs: what runs, or should, by name. endpoint: where the customers come; inner: where the service has to be,
    behind a gateway another one. shut: endpoints that stay shut. level, faults, report: what is wrong, and what the
    operator writes. Where there are no namespaces, the lab falls back to loopback.
    """

    def __init__(self, name: str, seed: str, aside: bool = False, nodes: Iterable[str] = ()) -> None:
        self.name = self.service_name = name
        self.random = Random(seed)
        self.protocol, self.answer, self.size = "tcp", f"the {name} thanks you", 0
        self.programs: dict[str, Program] = {}
        self.shut: list[Endpoint] = []
        self.culprits: set[str] = set()
        self.level, self.faults, self.title, self.report = 1, (), name, ""  # type: tuple[int, tuple[Fault, ...], str, str]
        self.inquiry = Inquiry()
        names = ["A", "B", *sorted(set(nodes))]
        self.lab = Lab(**{one: ADDRESSES[one] for one in names}, fallback=True, aside=aside)
        self.A, self.B = self.lab["A"], self.lab["B"]
        self.cable = Cable(self.B, "cable of B")
        self.others: dict[str, Part] = {"cable of B": self.cable}
        self.others |= {name: Kernel(node, name) for node in self.lab.nodes for name in [f"kernel of {node.name}"]}
        self.inner = self.endpoint = Endpoint(self.B.address, self.random.randrange(5000, 9000))
        if "G" in names:
            self.endpoint = Endpoint(self.lab["G"].address, self.random.randrange(9000, 9900))
            self.lab["G"].call(set_forwarding, True)

    def side(self, name: str, port: int) -> "Case":
        """Return this machine, seen from another program that shall serve at another port."""
        other = copy.copy(self)
        other.service_name, other.inner = name, Endpoint(self.B.address, port)
        other.random, other.culprits = Random(f"{self.random.random()}"), set()
        return other

    @property
    def shares_stack(self) -> bool:
        """Whether A and B are loopback addresses of this machine's one stack."""
        return self.lab.kind == "loopback"

    @property
    def by_kernel(self) -> bool:
        """Whether B's kernel filters, or a simulated firewall."""
        return not self.shares_stack and try_firewall() is True

    @property
    def service(self) -> Program:
        """The program for which the customers come."""
        return self.programs[self.service_name]

    @property
    def parts(self) -> dict[str, Part]:
        """All that can be started again with other settings, by name: programs, kernels, a cable."""
        return {**self.programs, **self.others}

    def add(self, node: Node, name: str, **settings: Any) -> Program:
        """Start a program with these settings, as part of this machine."""
        program = self.programs[name] = Program(node, name, settings)
        program.start()
        return program

    def serve(self, name: str | None = None, **settings: Any) -> Program:
        """Start a service at B: a sound one, but for these settings. Where the customers' one is there, it stays."""
        if name is None and not settings and self.service_name in self.programs:
            return self.service
        sound = {"protocol": self.protocol, "address": self.B.address, "port": self.inner.port, **SERVICE}
        answer = self.answer if name is None else f"the {name} thanks you"
        return self.add(self.B, name or self.service_name, **sound | settings, answer=answer, size=self.size)

    def add_rules(self, *rules: Rule, hook: str = "input") -> None:
        """Put rules behind those that B has. Raises: BadInput, where they are refused."""
        held = firewall.held(self.B)
        chains = {chain.hook: chain for chain in held.chains} if isinstance(held, Ruleset) else {}
        before = chains.get(hook, Chain(hook))
        chains[hook] = replace(before, rules=(*before.rules, *rules))
        if refused := firewall.apply(self.B, Ruleset(tuple(chains.values()))):
            raise BadInput(f"This machine cannot be made: B's firewall refused its rules. {refused}.")

    def ask(self, patience: float = PATIENCE) -> Visit:
        """Be a customer: ask the service from A, really, and tell how that went. It counts as a look."""
        visit = self.come(patience)
        self.saw(VISIT, visit.outcome)
        return visit

    def saw(self, view: str, words: str) -> None:
        """Note a look at a view; to see the same once more is none."""
        if (view, words) not in self.inquiry.seen:
            self.inquiry.seen.append((view, words))

    def come(self, patience: float = PATIENCE) -> Visit:
        """Be a customer, without a note. Args: patience, in seconds."""
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

    def end(self, pid: int) -> None:
        """End a process of this machine, by its number, and wait until it is gone. Raises: BadInput, for any other."""
        found = next((program for program in self.programs.values() if program.pid == pid and program.running), None)
        if found is None:
            raise BadInput(f"No process {pid!r} runs on this machine: pass the pid of one that owns a socket there.")
        found.stop()

    def state(self) -> dict[str, Any]:
        """Return all that a repair may change, by the name of the part."""
        now: dict[str, Any] = {name: (one.pid, one.running, dict(one.settings)) for name, one in self.programs.items()}
        now |= {name: one.settings for name, one in self.others.items()} | {"cable of B": self.cable.changed}
        return now | {"rules of G" if node.name == "G" else "rules": firewall.held(node)
                      for node in self.lab.nodes if node.name in "BG"}  # fmt: skip

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
    from the case's lot. story: what the operator knows of it. clue: where to look. finds: what customers may find.
    signs: what is to be read of it in a view, as a regular expression over the view's words. kind: "service", "rules",
    or "whole": changes more than one service. touches: what a repair may change. missing: says why this machine cannot
    have it. nodes: beside A and B.
    """

    key: str
    diagnosis: str
    make: Callable[[Case], Any]
    story: str
    clue: str
    finds: tuple[str, ...]
    signs: Mapping[str, str] = field(hash=False)
    kind: str = "service"
    touches: tuple[str, ...] = ("service",)
    missing: Callable[[], str] = lambda: ""
    nodes: tuple[str, ...] = ()


@cache
def has_stacks() -> bool:
    """Tell whether nodes have network stacks of their own here, by making one."""
    try:
        with Lab(A=ADDRESSES["A"], aside=True):
            return True
    except LabUnavailable:
        return False


def no_stacks() -> str:
    """Say what is missing for a fault that changes a kernel or a cable."""
    return only_read() if has_stacks() else "its nodes share this machine's network stack, which stays as it is"


def only_read() -> str:
    """Say what is missing for a fault that changes a setting of a node's own kernel."""
    return "the settings of this machine's kernel may only be read" if has_stacks() and are_read_only() else ""


def no_translation() -> str:
    """Say what is missing for a rule that changes addresses."""
    return no_stacks() or ("" if try_firewall() is True else "this kernel's packet filter takes no rules")
