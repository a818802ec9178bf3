"""Whether a repaired machine works: customers come, many of them, also silent ones, and the service starts again."""

from collections.abc import Callable
from dataclasses import dataclass

from sockets_lab.errors import BadInput
from sockets_lab.kernel.connecting import until
from sockets_lab.lab import NodeError
from sockets_lab.lessons.detective import customers, inquiry
from sockets_lab.lessons.detective.case import Case

CROWD = 12  # customers at once
MANY = 60  # customers one after the other: more than the descriptors of a service that leaks
SILENT = 3  # clients who connect and say nothing
LONG = 8.0  # seconds that a customer waits who comes after the silent ones
FEW = 3  # descriptors more than before are no leak
DONE = 2.0  # seconds in which a service closes what it has answered
SHORT = 0.3  # seconds at a door that must be shut


@dataclass(frozen=True)
class Inspected:
    """One thing that a machine must do. passed: None where it was not tried, because one before had failed."""

    what: str
    passed: bool | None
    because: str = ""


def inspect(case: Case, progress: Callable[[tuple[Inspected, ...]], None] | None = None) -> tuple[Inspected, ...]:
    """Try everything that the machine must do, up to the first that fails. The kernel and real clients say so.

    What was changed before is noted; of a machine that works it is kept that it was solved, and how.
    Args: progress: is told, before each step, all steps as they stand then.
    """
    inquiry.note_repairs(case)
    steps: list[Inspected] = []
    failed = False
    for what, test in TESTS:
        if progress:
            progress((*steps, *(Inspected(one, None) for one, _ in TESTS[len(steps) :])))
        because = None if failed else _said(test, case)
        steps.append(Inspected(what, None if failed else not because, because or ""))
        failed = failed or bool(because)
    case.inquiry.before = case.state()  # the service was started again
    if not failed:
        inquiry.remember(case)
    return tuple(steps)


def _said(test: Callable[[Case], str], case: Case) -> str:
    try:
        return test(case)
    except (BadInput, NodeError) as busy:
        return str(busy)


def _one(case: Case) -> str:
    found = case.come()
    return "" if found.served else f"a customer finds: {found.outcome}"


def _many(case: Case) -> str:
    before = case.service.descriptors
    served, last = case.A.run(customers.visits, MANY, case.asks())
    if served < MANY:
        return f"after some customers the next one finds: {last.outcome}"
    last = case.stopped(case.endpoint, SHORT) or case.A.run(customers.crowd, CROWD, case.asks())
    if not last.served:
        return f"of {CROWD} customers at once one finds: {last.outcome}"
    if before is not None and not until(lambda: (case.service.descriptors or 0) <= before + FEW, DONE):
        return "with every customer the service holds more descriptors than before"
    return ""


def _silent(case: Case) -> str:
    if case.protocol == "udp":
        return ""
    found = case.A.run(customers.visit_among_silent, SILENT, case.endpoint, case.asks(patience=LONG), case.source)
    return "" if found.served else f"where others connect and say nothing, a customer finds: {found.outcome}"


def _again(case: Case) -> str:
    case.service.restart()
    if not case.service.running:
        return f"the service does not come up again: {case.service.log[-1]}"
    found = case.come()
    return "" if found.served else f"after a restart a customer finds: {found.outcome}"


def _shut(case: Case) -> str:
    for endpoint in case.shut:
        found = case.stopped(endpoint, SHORT) or case.A.run(case.asks(endpoint, SHORT))
        if found.outcome not in ("silence", "refused"):
            return f"a door that the firewall kept shut is open now: port {endpoint.port}"
    return ""


TESTS = (
    ("a customer is served", _one),
    (f"{MANY} customers are served one after the other, {CROWD} at once, and nothing is used up", _many),
    ("silent clients keep nobody from being served", _silent),
    ("the service serves again after a restart", _again),
    ("what has to be shut is shut", _shut),
)
