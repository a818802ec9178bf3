"""A bench for rules: programs in two nodes, clients that ask for them, and node B's filter, which the learner fills."""

from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel.connecting import Owner
from sockets_lab.lab import Lab
from sockets_lab.lab.capture import Captured
from sockets_lab.lab.firewall import SSH, WEB, Answer, Log, Logged, Rule, Ruleset, Service, ask, control, incoming
from sockets_lab.lessons.filtering.trials import FREE_FOR_ALL, HEAR, every_error_told
from sockets_lab.model import Endpoint

PATIENCE = 1.3  # seconds of silence; TCP asks again after one second (RFC 6298 section 2)
GUARDED = "B"
SETTLING = 0.05  # seconds in which what is still on its way arrives


@dataclass(frozen=True)
class Question:
    """A client in one node that asks at a port of the other one, behind which a program is or not."""

    asker: str
    asked: str
    protocol: str
    port: int
    program: str

    def __str__(self) -> str:
        return f"{self.asker} asks at {self.asked}, {self.protocol} {self.port}: {self.program}"


@dataclass(frozen=True)
class Asked:
    """How a question ended; B's rules after it, what they logged, and what crossed B's cable (None: no cable)."""

    question: Question
    answer: Answer
    rules: Ruleset
    logged: tuple[Logged, ...]
    packets: tuple[Captured, ...] | None


class FilterModel(Owner):
    """A lab of two nodes with programs in both, and rules for what comes in to B. Use it in a `with`, or close it."""

    def __init__(self) -> None:
        with ExitStack() as held:
            self.lab = held.enter_context(Lab(A="10.20.30.40", B="50.60.70.80", fallback=True, aside=True))
            self._programs: dict[tuple[str, Endpoint], bool] = {}
            added = 0 if self.lab.kind == "namespaces" else FREE_FOR_ALL
            self.questions = tuple(one for one in questions(added) if self._start(one))
            self._guarded = self.lab[GUARDED]
            held.enter_context(every_error_told(self._guarded))
            self.clear()
            self._held = held.pop_all()

    def _start(self, one: Question) -> bool:
        """Start the program of a question, where its port can be had. It ends with the lab, whoever still waits."""
        web, there = one.program == "web", Endpoint(self.lab[one.asked].address, one.port)
        if one.program == "nobody":
            return True
        if (one.protocol, there) not in self._programs:  # all nodes have one address where a system has no more
            service = Service(self.lab[one.asked], one.port, one.protocol, WEB if web else SSH, waits=web)
            self._programs[one.protocol, there] = not isinstance(service.endpoint, Refused)
        return self._programs[one.protocol, there]

    def add(self, rule: Rule) -> None:
        """Put a rule behind those that are there. Raises: BadInput, also with what the kernel refused."""
        _done(control.add(self._guarded, rule))

    def remove(self, place: int) -> None:
        """Take away a rule. Args: place, 1 = the first. Raises: BadInput."""
        refused = control.delete(self._guarded, place)
        if refused and refused.name == "ENOENT":
            raise BadInput(f"B has no rule {place}: choose one of those that it has.")
        _done(refused)

    def clear(self) -> None:
        """Take away all rules, and let everything in."""
        _done(control.apply(self._guarded, incoming()))

    def set_policy(self, policy: str) -> None:
        """Say what becomes of whatever no rule decides: "accept" or "drop". Raises: BadInput."""
        _done(control.set_policy(self._guarded, policy))

    def held(self) -> Ruleset:
        """Read back what B's kernel holds, and what each rule has counted. Raises: BadInput."""
        found = control.held(self._guarded)
        if isinstance(found, Refused):
            raise BadInput(f"B's kernel does not tell its rules. {found}.")
        return found

    def ask(self, question: Question, source_port: int = 0) -> Asked:
        """Let a client ask, and look at B's cable meanwhile. It takes as long as a silence, at most.

        Args: source_port: the client's own; 0 = its kernel chooses. Raises: BadInput; OSError.
        """
        there = Endpoint(self.lab[question.asked].address, question.port)
        with ExitStack() as stack:
            log = stack.enter_context(Log(self._guarded))
            cable = stack.enter_context(self._guarded.capture()) if self.lab.kind == "namespaces" else None
            answer = ask(self.lab[question.asker], there, question.protocol, PATIENCE, b"hello", HEAR, source_port)
            if isinstance(answer, Refused):
                raise BadInput(f"The client cannot have port {source_port}. {answer}.")
            packets = cable.wait(1000, deadline=SETTLING) if cable else None
            return Asked(question, answer, self.held(), log.wait(1000, SETTLING), packets)

    def close(self) -> None:
        """End the lab, and all that goes on in it."""
        self._held.close()


def _done(refused: Refused | None) -> None:
    if refused:
        raise BadInput(f"B's kernel refused. {refused}.")


def questions(added: int) -> tuple[Question, ...]:
    """Return what a client may ask. Args: added, to each port, where those below 1024 are not every user's."""
    return (
        Question("A", "B", "tcp", 80 + added, "web"),
        Question("A", "B", "tcp", 22 + added, "SSH"),
        Question("A", "B", "tcp", 81 + added, "nobody"),
        Question("A", "B", "udp", 53 + added, "a program"),
        Question("B", "A", "tcp", 80 + added, "web"),
    )
