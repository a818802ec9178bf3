"""Faults that come with use: a queue that is full, descriptors that are used up."""

import importlib.util

from sockets_lab.kernel.connecting import until
from sockets_lab.lessons.detective import customers
from sockets_lab.lessons.detective.case import Case
from sockets_lab.lessons.detective.faults.fault import Fault

LEECHES = ("browser", "tablet", "kiosk", "scanner")
MOST_LEECHES = 4
FEWEST, MOST = 24, 40  # descriptors of a service that leaks
SHORT = 0.3  # seconds: customers who come while the machine is being broken do not wait long


def full_backlog(case: Case) -> None:
    """Let the service attend to one client at a time, without a deadline, and let the clients say nothing.

    The service takes its first client when it likes, which makes room for one more: so clients come until all is full.
    """
    backlog = case.random.randrange(1, 5)
    case.serve(at_once=1, backlog=backlog, patience=None)
    name, target = case.random.choice(LEECHES), list(case.endpoint.sockaddr)
    for number in range(1, MOST_LEECHES + 1):
        case.add(case.A, f"{name}-{number}", role="visitor", target=target, count=30, tries=1, says="",
                 source=case.source)  # fmt: skip
        if until(lambda: _is_full(case), SHORT):
            break


def _is_full(case: Case) -> bool:
    """Tell whether the listener has one connection more than its backlog; where the table does not tell, hope so."""
    rows = [row for row in case.B.table(("tcp",)) if row.state == "LISTEN" and row.local == case.endpoint]
    return all(row.receive_queue is None or row.receive_queue > (row.send_queue or 0) for row in rows)


def leak(case: Case) -> None:
    """Let the service forget to close its clients' sockets, until it has no descriptor left."""
    limit = case.random.randrange(FEWEST, MOST)
    case.serve(closes=False, descriptors=limit)
    case.A.run(customers.visits, MOST + 20, case.endpoint, case.protocol, case.answer, SHORT, case.source)


def _no_limit() -> str:
    found = importlib.util.find_spec("resource")
    return "" if found else "this system does not let a program have so few descriptors"


LOAD = (
    Fault(
        "backlog", "the queue of connections that wait is full", full_backlog,
        ("Silence, but no rule in the filter. Compare in the listener's row how many connections wait with how many "
         "may. Whose are they, and why does the service not take them?",
         "Let it lose patience with clients who say nothing, and attend to more at one time: "
         "`case.service.restart(patience=1.0, at_once=16)`."),
    ),
    Fault(
        "leak", "the service has no descriptor left", leak,
        ("A connection, and no answer. Read the last line of the service's log, count its descriptors, and look in "
         "which state the connections are that it holds.",
         "`case.service.restart(closes=True)`. To start it again alone helps only for so many customers."),
        _no_limit,
    ),
)
