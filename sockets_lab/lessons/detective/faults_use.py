"""Faults that come with use: a queue that is full, descriptors used up, clients that hold a place and do nothing."""

import importlib.util

from sockets_lab.lessons.detective import customers, processes
from sockets_lab.lessons.detective.case import Case, Fault, no_stacks

LEECHES = ("browser", "tablet", "kiosk", "scanner")
FEWEST, MOST = 24, 40  # descriptors of a service that leaks
SHORT = 0.3  # seconds: customers who come while the machine is being broken do not wait long
LONG_ANSWER = 400_000  # bytes
LOG, TABLE = "programs and logs", "B's sockets"


def leech(case: Case, count: int, says: str = "", **settings: object) -> str:
    """Let a program at A hold so many connections to the service. Returns: its name."""
    name = f"{case.random.choice(LEECHES)}-{case.random.randrange(10, 99)}"
    case.add(case.A, name, role="visitor", target=list(case.inner.sockaddr), count=count, tries=3, says=says,
             source=case.source, **settings)  # fmt: skip
    case.culprits.add(name)
    return name


def full_backlog(case: Case) -> None:
    """Let the service attend to one client, for ever, and fill its queue, which holds one more than the backlog."""
    backlog = case.random.randrange(1, 5)
    case.serve(at_once=1, backlog=backlog, patience=None)
    leech(case, 2 + backlog)


def leak(case: Case) -> None:
    """Let the service forget to close its clients' sockets, until it has no descriptor left."""
    case.serve(closes=False, descriptors=case.random.randrange(FEWEST, MOST))
    case.A.run(customers.visits, MOST + 20, case.asks(case.inner, SHORT, 0))


def _no_limit() -> str:
    found = importlib.util.find_spec("resource")
    return "" if found else "this system does not let a program have so few descriptors"


def close_wait(case: Case) -> None:
    """Let the service wait for its backend for ever, until customers who have left hold all its places."""
    ledger, port = f"ledger-{case.random.randrange(10, 99)}", case.inner.port + case.random.randrange(300, 400)
    case.serve(ledger, port=port, at_once=1, patience=None)
    auditor = f"audit-{case.random.randrange(10, 99)}"
    case.add(case.B, auditor, role="visitor", target=[case.B.address, port], count=1, tries=3, says="",
             source=case.source and case.B.address, returns=True)  # fmt: skip
    case.culprits |= {ledger, auditor}
    case.serve(at_once=4, patience=None, target=[case.B.address, port])
    case.A.run(customers.crowd, 4, case.asks(case.inner, SHORT, 0))


def suspended(case: Case) -> None:
    """Stop the service's process where it is, as ^Z does. Only where it ends with its namespace: it hears nothing."""
    case.serve()
    case.B.call(processes.suspend, case.service_name)


def zero_window(case: Case) -> None:
    """Let clients ask for long answers, and read none: the service waits to send the rest."""
    case.size = LONG_ANSWER
    case.serve(at_once=2, patience=None)
    leech(case, 2, "order\n", reads=False)


def half_open(case: Case) -> None:
    """Let clients vanish while the cable carries nothing: the service waits for them for ever."""
    case.serve(at_once=2, patience=None)
    name = leech(case, 2, vanishes=True)
    case.A.lose(1.0)  # a cable that is out would keep their farewell until it is in again
    case.programs.pop(name).stop()
    case.A.mend()
    case.culprits.discard(name)


def short_queue(case: Case) -> None:
    """Let the kernel allow a shorter queue than the program asks for: a crowd does not fit in."""
    case.others["kernel of B"].restart(somaxconn=case.random.randrange(1, 3))
    case.serve(at_once=2, backlog=64, takes=0.03)


def exhausted(case: Case) -> None:
    """Leave A few ephemeral ports, and let a program hold them all; the service itself is sound.

    An even number: of an odd one Linux leaves one port out by chance, another time another one. Source: linux,
    __inet_hash_connect in net/ipv4/inet_hashtables.c.
    """
    first, count = case.random.randrange(20000, 40000), 2 * case.random.randrange(3, 10)
    case.serve(at_once=64)
    case.others["kernel of A"].restart(ephemeral_ports=f"{first} {first + count - 1}")
    hoarder = case.random.choice(LEECHES)
    target = list(case.endpoint.sockaddr)
    case.add(case.A, hoarder, role="visitor", target=target, count=60, tries=9, says="stay\n", source=case.source)
    case.culprits.add(hoarder)


IN_USE = (
    Fault("exhausted", "the customers' machine has no ephemeral port left", exhausted,
          "At the customers' end a program measures how fast the service answers. We were asked to be quick.",
          "The customer's own kernel says no; B hears nothing of it. Look at A's table, and at A's ephemeral ports.",
          ("no port left",), {"A's sockets": "(ESTABLISHED.*){{6}}"}, "whole", ("kernel of A",), no_stacks),
    Fault("backlog", "the queue of connections that wait is full", full_backlog,
          "There are new devices in the hall. They connect in the morning, so as to be ready.",
          "Compare how many connections wait in the listener's row with how many may. Whose are they?",
          ("silence", "no answer"), {TABLE: "waits: [1-9]"}),
    Fault("leak", "the service has no descriptor left", leak,
          "It always worked after a restart, for an hour or so. The reason was never found.",
          "Read the last line of the service's log, and in which state the connections are that it holds.",
          ("no answer",), {LOG: "EMFILE", TABLE: "CLOSE_WAIT"}, missing=_no_limit),
    Fault("close-wait", "the service waits for a backend that hangs, and keeps customers who have left", close_wait,
          "The books are being audited this week. The auditors look at the ledger only, they do not touch the service.",
          "Customers who have left are in CLOSE_WAIT: the service has not closed. For which program does it wait?",
          ("no answer",), {TABLE: "CLOSE_WAIT"}, touches=()),
    Fault("suspended", "the service's process is suspended", suspended,
          "The night shift looked into the running program, to see what makes it slow. Then the shift was over.",
          "A connection, and no answer; the log does not say a word. In which state is the process?",
          ("no answer",), {LOG: "is suspended"}, missing=no_stacks),
    Fault("zero-window", "clients that do not read hold the service's places", zero_window,
          "The answers have pictures now. The big displays in the hall show them too, when they are switched on.",
          "Which connections have unsent bytes at B, and unread bytes at A?",
          ("no answer",), {TABLE: "unsent: [1-9]", "A's sockets": r"waits: [1-9]\d*;"}),
    Fault("half-open", "connections of clients that have vanished hold the service's places", half_open,
          "In the morning a cable was loose. It was plugged in again within a minute.",
          "Compare B's connections with those of A. Why does the service not notice that clients are gone?",
          ("no answer",), {TABLE: "(ESTABLISHED.*){{2}}"}, missing=no_stacks),
    Fault("short-queue", "the kernel lets fewer connections wait than the service asks for", short_queue,
          "It happens when a school class comes. One by one they are all served.",
          "Compare the longest queue in the listener's row with the backlog that the service asks for.",
          ("served", "silence"), {"kernels": r"somaxconn = [1-9]\b"}, "whole", ("kernel of B", "service"), no_stacks),
)  # fmt: skip
