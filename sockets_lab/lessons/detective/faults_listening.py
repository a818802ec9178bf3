"""Faults of the one who listens: the port is taken, the address or the protocol is another, the target is wrong."""

import socket

from sockets_lab.kernel.connecting import until
from sockets_lab.kernel.machine import has_ipv6, loopback_addresses
from sockets_lab.lessons.detective import kernel_settings
from sockets_lab.lessons.detective.case import Case, Fault, has_stacks, no_stacks
from sockets_lab.lessons.detective.programs import SERVICE
from sockets_lab.model import TRANSPORTS

SQUATTERS = ("backup", "mailer", "metrics", "archive")
EARLIER = 3  # customers of the service before it was started again
WAIT = 5.0  # seconds for what the kernel does in a moment
FORMER = "192.0.2.80"  # an address that no machine has. Source: RFC 5737
LOG, TABLE = "programs and logs", "B's sockets"


def taken(case: Case) -> None:
    """Let another program have the port before the service comes."""
    squatter = case.random.choice([one for one in SQUATTERS if one not in case.programs])
    wide = case.random.random() < 0.5 and not case.shares_stack
    case.culprits.add(case.serve(squatter, address="0.0.0.0" if wide else case.B.address).name)
    case.serve()


def wrong_address(case: Case) -> None:
    """Let the service listen where no customer from elsewhere comes: only at its machine's loopback."""
    own = f"127.0.0.{case.random.randrange(1, 255)}"
    case.serve(address=case.A.address if case.shares_stack else own)


def _no_other_address() -> str:
    return "" if loopback_addresses() else "this machine has only one loopback address"


def wrong_protocol(case: Case) -> None:
    """Let the customers speak one protocol, and the service the other."""
    other, case.protocol = case.random.sample(TRANSPORTS, 2) if case.level == 1 else ("udp", "tcp")
    case.serve(protocol=other)


def dual_stack(case: Case) -> None:
    """Let the service listen for IPv6 only; on half of these machines an old program takes what comes by IPv4."""
    if case.random.random() < 0.5 and case.level == 1:
        case.culprits.add(case.serve(f"old-{case.name}"[:15]).name)
    case.serve(address="::1" if case.shares_stack else "::", ipv6_only=True)


def _no_ipv6() -> str:
    try:
        socket.socket(socket.AF_INET6).close()  # needs no interface that speaks IPv6, only a kernel that knows it
    except OSError:
        return "this machine's kernel knows no IPv6"
    return "" if has_ipv6() or has_stacks() else "this machine speaks no IPv6"


def time_wait(case: Case) -> None:
    """Serve some customers, and start the service again, without SO_REUSEADDR now, while the kernel remembers them."""
    service = case.serve()
    until(lambda: _remembered(case) or not case.A.run(case.asks(case.inner, farewell=1.0)).served, WAIT)
    service.restart(reuse_address=False)


def _remembered(case: Case) -> bool:
    rows = case.B.table(("tcp",))
    return sum(row.state == "TIME_WAIT" and row.local == case.inner for row in rows) >= EARLIER


def own_client(case: Case) -> None:
    """Let a client at B use the service's port as its own end, before the service comes."""
    name = case.random.choice([one for one in SQUATTERS if one not in case.programs])
    hub = SERVICE | {"role": "tcp", "address": case.A.address, "port": case.random.randrange(5000, 9000)}
    case.add(case.A, f"{name}-hub", **hub | {"patience": 60.0}, answer="kept")
    case.culprits.add(name)
    case.add(case.B, name, role="visitor", target=[hub["address"], hub["port"]], count=1, tries=3, says="stay\n",
             source=case.B.address, from_port=case.inner.port, vanishes=True)  # fmt: skip
    case.serve()


def forwarder(case: Case) -> None:
    """Let the service be behind a forwarder, which takes the customers to a port where no program listens."""
    right = case.inner.port + case.random.randrange(100, 200)
    _behind_front(case, case.B.address, right, [case.B.address, right + case.random.choice((-10, -1, 1, 10))])


def localhost(case: Case) -> None:
    """Let the service listen at 127.0.0.1, and the forwarder look for it at ::1: for both it is localhost."""
    port = case.inner.port + case.random.randrange(100, 200)
    if not case.shares_stack:
        case.B.call(kernel_settings.speak_ipv6)
    _behind_front(case, "127.0.0.1", port, ["::1", port])


def _behind_front(case: Case, address: str, port: int, target: list) -> None:
    case.serve(address=address, port=port)
    front = "front" if case.level == 1 else f"front-{case.service_name}"
    case.culprits.add(case.serve(front, role="forwarder", target=target).name)


def shared_port(case: Case) -> None:
    """Let a forgotten program share the port: the kernel deals the customers out among both."""
    case.culprits.add(case.serve(f"old-{case.name}"[:15], reuse_port=True).name)
    case.serve(reuse_port=True)


LISTENING = (
    Fault("taken", "another program has the port", taken,
          "A new helper was installed on the server last week. It has been quiet since.",
          "Whose answer does the customer get? Who owns the port in B's table, and what does the service's log say?",
          ("another answer",), {TABLE: ":{port}; remote: -; state: LISTEN;[^.]*held by: (?!{service},)"}),
    Fault("address", "the service listens at an address at which no customer comes", wrong_address,
          "The developer tried the program on the server itself, and there it works.",
          "The service listens. Compare the address at which it listens with the one at which customers come.",
          ("refused",), {TABLE: r"local: 127[\d.]+:{port}; remote: -"}, missing=_no_other_address),
    Fault("moved", "the service wants an address that its machine does not have",
          lambda case: case.serve(address=FORMER),
          "The server got another address on Tuesday. Its name in the list of servers was changed the same hour.",
          "The service does not run. Which address does its log name, and has B that address?",
          ("refused",), {LOG: "EADDRNOTAVAIL"}),
    Fault("protocol", "the service speaks the other protocol", wrong_protocol,
          "The configuration was written anew from memory, after the old disk had failed.",
          "The port is right, and the address too. Which protocol has it in B's table, and which do the customers use?",
          ("refused",), {TABLE: r"protocol: {other}; local: [^;]*:{port}; remote: -"}),
    Fault("dual-stack", "the service listens for IPv6 only", dual_stack,
          "Since the update the program is said to speak all versions of IP.",
          "Of which family is the address at which the service listens? If a program answers, is it the service?",
          ("refused", "another answer"), {TABLE: r"local: \[[^;]*:{port}; remote: -"}, missing=_no_ipv6),
    Fault("time-wait", "the service was started again while the kernel remembered its last connections", time_wait,
          "It ran for weeks. At noon it was started again, with fresh options, in the middle of the rush.",
          "The log says that the port is in use. No program owns it; in which state are B's rows with this port?",
          ("refused",), {LOG: "EADDRINUSE", TABLE: r"local: [^;]*:{port}; remote: [^;]*; state: TIME_WAIT"}),
    Fault("own-client", "a client on the server uses the service's port as its own", own_client,
          "After the power failure everything was started by hand, in the order of the alphabet.",
          "The log says that the port is in use, and no program listens there. Which rows of B have this local port?",
          ("refused",), {LOG: "EADDRINUSE", TABLE: r"local: [^;]*:{port}; remote: [^;]*; state: ESTABLISHED"}),
    Fault("forwarder", "a forwarder takes the customers to where no program listens", forwarder,
          "A front program was put before the service, so that it can be moved, and customers notice nothing.",
          "The customers reach a program. Where does it take them on to, and where does the service listen?",
          ("closed",), {LOG: "ECONNREFUSED"}, touches=()),
    Fault("localhost", "a forwarder takes localhost for ::1, and the service speaks IPv4 only", localhost,
          "The front program now reads localhost in the place of a number. That is easier to read.",
          "The front program is refused. Compare the family of its target with that of the service's address.",
          ("closed",), {LOG: "::1 port .*: ECONNREFUSED"}, touches=(), missing=_no_ipv6),
    Fault("shared-port", "a forgotten program shares the port, and gets some of the customers", shared_port,
          "The release before this one was to be ended last week, when its last customers had left.",
          "Come more than once. Who answers? Then count in B's table who listens at the port.",
          ("another answer", "served"), {TABLE: "(:{port}; remote: -; state: LISTEN.*){{2}}"}, touches=(),
          missing=no_stacks),
)  # fmt: skip
