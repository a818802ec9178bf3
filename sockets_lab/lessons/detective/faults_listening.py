"""Faults of the one who listens: the port is taken, the address or the protocol is another, the family is only one."""

import errno
import socket

from sockets_lab.kernel.connecting import until
from sockets_lab.kernel.machine import has_ipv6, loopback_addresses
from sockets_lab.lessons.detective.case import Case, Fault, has_stacks
from sockets_lab.model import TRANSPORTS

SQUATTERS = ("backup", "mailer", "metrics", "archive")
EARLIER = 3  # customers of the service before it was started again
WAIT = 5.0  # seconds for what the kernel does in a moment


def taken(case: Case) -> None:
    """Let another program have the port before the service comes."""
    squatter = case.random.choice(SQUATTERS)
    wide = case.random.random() < 0.5 and not case.shares_stack
    case.serve(squatter, address="0.0.0.0" if wide else case.B.address)
    case.serve()


def wrong_address(case: Case) -> None:
    """Let the service listen where no customer from elsewhere comes: only at its machine's loopback."""
    own = f"127.0.0.{case.random.randrange(1, 255)}"
    case.serve(address=case.A.address if case.shares_stack else own)


def _no_other_address() -> str:
    return "" if loopback_addresses() else "this machine has only one loopback address"


def wrong_protocol(case: Case) -> None:
    """Let the customers speak one protocol, and the service the other."""
    other, case.protocol = case.random.sample(TRANSPORTS, 2)
    case.serve(protocol=other)


def dual_stack(case: Case) -> None:
    """Let the service listen for IPv6 only; on half of these machines an old program takes what comes by IPv4.

    On loopback it listens at ::1, because "::" would there be every network of this machine.
    """
    if case.random.random() < 0.5:
        case.serve(f"old-{case.name}"[:15])
    case.serve(address="::1" if case.shares_stack else "::", ipv6_only=True)


def _no_ipv6() -> str:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::", 0))  # needs no interface that speaks IPv6, only a kernel that knows it
    except OSError as error:
        if error.errno != errno.EADDRINUSE:  # this one says that all ports are taken just now
            return "this machine's kernel knows no IPv6"
    return "" if has_ipv6() or has_stacks() else "this machine speaks no IPv6"


def time_wait(case: Case) -> None:
    """Serve some customers, and start the service again, without SO_REUSEADDR now, while the kernel remembers them.

    The service before had set the option: a kernel may want it of both, of the remembered sockets and of the new one.
    """
    service = case.serve()
    until(lambda: _remembered(case) or not case.A.run(case.asks(farewell=1.0)).served, WAIT)
    service.restart(reuse_address=False)


def _remembered(case: Case) -> bool:
    rows = case.B.table(("tcp",))
    return sum(row.state == "TIME_WAIT" and row.local == case.endpoint for row in rows) >= EARLIER


LISTENING = (
    Fault(
        "taken", "another program has the port", taken,
        ("Read whose answer the customer gets, and in B's socket table who owns the port. What does the service's log "
         "say?",
         "End the owner, `case.end(pid)`, and start the service again: `case.service.restart()`."),
    ),
    Fault(
        "address", "the service listens at an address at which no customer comes", wrong_address,
        ("The service runs and listens. Compare the address at which it listens with the one at which customers come.",
         "`case.service.restart(address=case.B.address)`."),
        _no_other_address,
    ),
    Fault(
        "protocol", "the service speaks the other protocol", wrong_protocol,
        ("The number of the port is right, and the address too. A port belongs to a protocol: which one has it in B's "
         "table, and which one do the customers use?",
         "`case.service.restart(protocol=case.protocol)`."),
    ),
    Fault(
        "dual-stack", "the service listens for IPv6 only", dual_stack,
        ("Look at the address at which the service listens: of which family is it, and what do the settings say of "
         "that family? If somebody answers, is it the service?",
         "End whoever else has the port, and let the service listen where IPv4 comes: "
         "`case.service.restart(address=case.B.address)`."),
        _no_ipv6,
    ),
    Fault(
        "time-wait", "the service was started again while the kernel remembered its last connections", time_wait,
        ("The service does not run; its log says why. Nobody owns the port, and yet B's table has rows with it: in "
         "which state?",
         "`case.service.restart(reuse_address=True)`: with SO_REUSEADDR it may bind over what is only remembered."),
    ),
)
