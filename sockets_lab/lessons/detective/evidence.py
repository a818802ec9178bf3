"""What can be seen of a machine from outside, without touching it: programs, sockets, rules, a customer's packets."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.headers import IPv4, dissect
from sockets_lab.lab import firewall
from sockets_lab.lab.capture import Captured
from sockets_lab.lab.firewall import Ruleset
from sockets_lab.lab.firewall.reaching import word
from sockets_lab.lessons.detective.case import Case, Fault
from sockets_lab.lessons.detective.case_assignment import example
from sockets_lab.lessons.detective.customers import Visit
from sockets_lab.model import Endpoint, SocketRow

AT_ONCE = 3  # machines that are made at one time
VIEWS = ("the machine", "A's sockets", "B's sockets", "programs and logs", "B's rules", "packets", "kernels",
         "the gateway")  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """A program as it is now. pid, descriptors: None where its process has ended; log: its lines since its start."""

    node: str
    name: str
    pid: int | None
    descriptors: int | None
    settings: dict[str, object]
    log: tuple[str, ...]
    suspended: bool = False


@dataclass(frozen=True)
class Scene:
    """A machine at one moment. addresses, rows: by the name of the node. rules: of B's filter; gateway: of G's."""

    protocol: str
    endpoint: Endpoint
    addresses: dict[str, str]
    programs: tuple[Seen, ...]
    rows: dict[str, tuple[SocketRow, ...]]
    rules: Ruleset | Refused
    range: tuple[int, int] | None
    visit: Visit | None = None
    kernels: tuple[Seen, ...] = ()
    gateway: Ruleset | Refused | None = None


@dataclass(frozen=True)
class Symptom:
    """What a fault looks like. came: the first packet back, "" = none, None = not captured; log: its last line."""

    fault: Fault
    missing: str = ""
    visit: Visit | None = None
    came: str | None = None
    log: str = ""


def look(case: Case, visit: Visit | None = None) -> Scene:
    """Look at a machine. Args: visit: a customer's, that belongs into the picture."""
    programs = [
        Seen(one.node.name, one.name, one.pid if runs else None, one.descriptors if runs else None, one.yours, one.log,
             runs and one.suspended)
        for one in case.programs.values() for runs in [one.running]
    ]  # fmt: skip
    rows = {node.name: tuple(case.sockets(node)) for node in (case.A, case.B)}
    kernels = tuple(Seen(one.node.name, name, one.node.process, None, one.settings, one.log)
                    for name, one in case.others.items())  # fmt: skip
    gateway = firewall.held(case.lab["G"]) if "G" in case.lab.addresses else None
    return Scene(case.protocol, case.endpoint, case.lab.addresses, tuple(programs), rows, firewall.held(case.B),
                 case.ephemeral_range, visit, kernels, gateway)  # fmt: skip


def ask_and_listen(case: Case, patience: float = 1.0) -> tuple[Visit, tuple[Captured, ...]]:
    """Let a customer ask, and return with the visit the packets that crossed A's cable meanwhile; on loopback none."""
    if case.shares_stack:
        return case.come(patience), ()
    with case.A.capture() as cable:
        visit = case.come(patience)
        return visit, tuple(cable.packets())


def symptoms(faults: Iterable[Fault]) -> tuple[Symptom, ...]:
    """Make each of these faults once, and write down what it looks like. Takes some seconds."""
    with ThreadPoolExecutor(AT_ONCE) as workers:
        return tuple(workers.map(_symptom, faults))


def _symptom(fault: Fault) -> Symptom:
    if fault.missing():
        return Symptom(fault, fault.missing())
    with example(fault.key, aside=True) as case:
        visit, packets = ask_and_listen(case)
        seen = [(one.outgoing, word(packet)) for one in packets if (packet := dissect(one.octets)).find(IPv4)]
        asked = next((place for place, (out, said) in enumerate(seen) if out and "ACK" not in said), len(seen))
        came = [said for out, said in seen[asked:] if not out]  # others at A may have connections, too
        first = None if case.shares_stack else (came or [""])[0]
        return Symptom(fault, "", visit, first, (case.service.log or ("",))[-1])
