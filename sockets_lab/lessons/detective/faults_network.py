"""Faults on the way, and faults that come with use.

On the way: a firewall in between, a forwarder that leads nowhere, no port left for the one who calls. With use: a queue
that is full, descriptors that are used up.
"""

import importlib.util

from sockets_lab.errors import BadInput
from sockets_lab.kernel.connecting import until
from sockets_lab.lab import firewall
from sockets_lab.lab.firewall import Rule
from sockets_lab.lessons.detective import customers
from sockets_lab.lessons.detective.case import Case, Fault, has_stacks
from sockets_lab.model import Endpoint

LEECHES = ("browser", "tablet", "kiosk", "scanner")
MOST_LEECHES = 4
FEWEST, MOST = 24, 40  # descriptors of a service that leaks
SHORT = 0.3  # seconds: customers who come while the machine is being broken do not wait long
HOARDERS = ("poller", "crawler", "monitor", "exporter")


def filtered(case: Case) -> None:
    """Let B's filter drop what is for the service: by a range too wide, or because the port that it lets in is wrong.

    It also keeps a door shut that must stay shut.
    """
    port, lot = case.endpoint.port, case.random
    private = port + lot.randrange(100, 200)
    case.serve("office", port=private)
    case.shut = (Endpoint(case.B.address, private),)
    if lot.random() < 0.5:
        wide = (port - lot.randrange(1, 50), port + lot.randrange(1, 50))
        ruleset = firewall.incoming(Rule("drop", "tcp", private), Rule("drop", "tcp", wide))
    else:
        known = Rule("accept", state=("established", "related"))
        ruleset = firewall.incoming(known, Rule("accept", "tcp", port - lot.randrange(1, 10)), policy="drop")
    case.serve()
    if refused := firewall.apply(case.B, ruleset):
        raise BadInput(f"This machine cannot be made: B's firewall refused its rules. {refused}.")


def forwarder(case: Case) -> None:
    """Let the service stand behind a forwarder, which takes the customers to a port where nobody is."""
    right = case.endpoint.port + case.random.randrange(100, 200)
    wrong = right + case.random.choice((-10, -1, 1, 10))
    case.serve(port=right)
    case.add(
        case.B, "front", role="forwarder", address=case.B.address, port=case.endpoint.port,
        target=[case.B.address, wrong], lab=[] if case.shares_stack else [case.B.address, case.A.address],
    )  # fmt: skip


def exhausted(case: Case) -> None:
    """Leave A few ephemeral ports, and let a program hold them all; the service itself is sound.

    An even number: of an odd one Linux leaves one port out by chance, another time another one. Source: linux,
    __inet_hash_connect in net/ipv4/inet_hashtables.c.
    """
    first, count = case.random.randrange(20000, 40000), 2 * case.random.randrange(3, 10)
    case.serve(at_once=64)
    case.let_choose(first, first + count - 1)
    hoarder = case.random.choice(HOARDERS)
    target = list(case.endpoint.sockaddr)
    case.add(case.A, hoarder, role="visitor", target=target, count=60, tries=9, says="stay\n", source=case.source)


def _no_range() -> str:
    return "" if has_stacks() else "this machine's range of ephemeral ports is not yours to change"


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
    case.A.run(customers.visits, MOST + 20, case.asks(patience=SHORT))


def _no_limit() -> str:
    found = importlib.util.find_spec("resource")
    return "" if found else "this system does not let a program have so few descriptors"


NETWORK = (
    Fault(
        "firewall", "a firewall drops what is for the service", filtered,
        ("Silence, and yet the service listens at the right place with an empty queue. Something throws the segments "
         "away before they come to it: `firewall.held(case.B)`.",
         "Give B rules that drop only what is for the office's port: `firewall.apply(case.B, firewall.incoming("
         "Rule('drop', 'tcp', case.shut[0].port)))`."),
    ),
    Fault(
        "forwarder", "a forwarder takes the customers to where nobody listens", forwarder,
        ("The customers reach a program, but not the service. Where does that program take them on to, and where "
         "does the service listen?",
         "`case.programs['front'].restart(target=(case.B.address, port))`, with the port at which the service "
         "listens."),
    ),
    Fault(
        "exhausted", "the customers' machine has no ephemeral port left", exhausted,
        ("The customer's own kernel says no; B hears nothing of it. Look at A's socket table, and at its range: "
         "`case.ephemeral_range`.",
         "End the program that holds all ports, and give A its usual range again, in a cell with `%%node A`: "
         "`open('/proc/sys/net/ipv4/ip_local_port_range', 'w').write('32768 60999')`. (What the program held, A's "
         "kernel still remembers for a minute.)"),
        _no_range,
    ),
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
