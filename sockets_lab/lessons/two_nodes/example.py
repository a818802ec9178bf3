"""The text's example, done: two ends with their numbers, a number that is tried at the wrong end, a third node."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from sockets_lab.errors import Refused, first_refused
from sockets_lab.headers import Ethernet, dissect
from sockets_lab.lab import Lab, LabUnavailable, Node
from sockets_lab.lessons.two_nodes import ends
from sockets_lab.lessons.two_nodes.views import View, hosts
from sockets_lab.model import Endpoint, FourTuple, SocketRow

BRIEF = 0.05  # seconds: for what is not expected to come


@dataclass(frozen=True)
class NodeEnd:
    """One end of a connection: the node's name, the port, the descriptor in the process of that node."""

    node: str
    port: int
    number: int


CLIENT, SERVER = NodeEnd("A", 4444, 317), NodeEnd("B", 8888, 922)


@dataclass(frozen=True)
class Connection:
    """A connection that is open: both ends with the numbers that they really have, and the server's listener."""

    client: NodeEnd
    server: NodeEnd
    listener: int


@dataclass(frozen=True)
class Classic:
    """Both nodes' tables while the connection stood, and what came out at each end of what went in at the other.

    differs: "" on network stacks of their own, else one sentence that says what differs here.
    """

    connection: Connection
    view: View
    at_server: bytes | Refused
    at_client: bytes | Refused
    differs: str


@dataclass(frozen=True)
class Tried:
    """What came of the server's number in the client's process.

    free: what the kernel said to a write while the number stood for nothing there; taken: and then, when it stood for
    the client's connection to a third node; at_server, at_third: what came out at those two afterwards.
    """

    number: int
    free: int | Refused
    taken: int | Refused
    at_server: bytes | Refused
    at_third: bytes | Refused


@dataclass(frozen=True)
class ThirdNode:
    """What a third node knows of a connection between two others.

    named: rows of its socket table that name one of their endpoints; seen: what came along its cable while they spoke,
    as protocol names in their order, None where nothing can be captured here; heard: whether what they said was in it;
    watched: whether the capture saw the third node's own connection afterwards, so that it works.
    taking: what its kernel said to a connect from the client's endpoint; own: its own connection to the server, as the
    server's table shows it; view: all tables at the end.
    """

    named: int
    seen: tuple[str, ...] | None
    heard: bool
    watched: bool
    taking: Refused | None
    own: FourTuple | Refused
    view: View


def open_lab() -> Lab:
    """Open the example's lab: A, B, and a third node, C. `%%node` stays with the lab that was open before."""
    return Lab(fallback=True, aside=True, A="10.20.30.40", B="50.60.70.80", C="90.100.110.120")


@contextmanager
def connected(lab: Lab, client: NodeEnd = CLIENT, server: NodeEnd = SERVER) -> Iterator[Connection | Refused]:
    """Connect two nodes of a lab, with the ports and descriptors of one's choice; close all of it at the end.

    A number beyond what a process may have here (ulimit -n) is replaced by the lowest free one.
    Yields: the connection, or what the kernel refused. Raises: BadInput, where a number is taken.
    """
    with ExitStack() as stack:
        a, b = lab[client.node], lab[server.node]
        here, there = Endpoint(a.address, client.port), Endpoint(b.address, server.port)
        listener = opened(stack, b, ends.listen, there)
        first = opened(stack, a, ends.connect, here, there, client.number)
        second = opened(stack, b, ends.accept, listener, server.number)
        refused = first_refused((listener, first, second))
        yield refused or Connection(replace(client, number=first), replace(server, number=second), listener)


def opened(stack: ExitStack, node: Node, function: Callable[..., int | Refused], *args: Any) -> Any:
    """Let a node open something, and close its number with the stack. Returns: the number, or Refused."""
    if refused := first_refused(args):
        return refused
    number = node.run(function, *args)
    if not isinstance(number, Refused):
        stack.callback(node.run, ends.close, number)
    return number


def example(client: NodeEnd = CLIENT, server: NodeEnd = SERVER) -> Classic | Refused:
    """Connect two nodes, let each say something by its own number, and read both nodes' tables. Takes a fresh lab.

    Raises: BadInput, for ends that there cannot be.
    """
    with open_lab() as lab, connected(lab, client, server) as made:
        if isinstance(made, Refused):
            return made
        a, b = lab[client.node], lab[server.node]
        a.run(ends.write, made.client.number, b"from the client")
        at_server = b.run(ends.read, made.server.number)
        b.run(ends.write, made.server.number, b"from the server")
        at_client = a.run(ends.read, made.client.number)
        return Classic(made, hosts(lab), at_server, at_client, lab.differs)


def try_number() -> Tried | Refused:
    """Write to the server's number in the client's process: first while it means nothing there, then while it does."""
    with open_lab() as lab, ExitStack() as stack:
        made = stack.enter_context(connected(lab))
        if isinstance(made, Refused):
            return made
        a, b, c = lab.nodes
        number = made.server.number
        free = a.run(ends.write, number, b"for descriptor 922 of B")
        there = Endpoint(c.address, SERVER.port)
        listener = opened(stack, c, ends.listen, there)
        opened(stack, a, ends.connect, Endpoint(a.address, 0), there, number)
        third = opened(stack, c, ends.accept, listener)
        if isinstance(third, Refused):
            return third
        taken = a.run(ends.write, number, b"for descriptor 922 of B")
        at_server = b.run(ends.read, made.server.number, BRIEF)
        return Tried(number, free, taken, at_server, c.run(ends.read, third))


def third_node() -> ThirdNode | Refused:
    """Let two nodes speak, and find out what a third one can know of it, take over, or do on its own."""
    secret = b"between the two of us"
    with open_lab() as lab, ExitStack() as stack:
        a, b, c = lab.nodes
        capture = None
        with suppress(LabUnavailable):  # without stacks of their own there is no cable to listen on
            capture = stack.enter_context(c.capture())
        made = stack.enter_context(connected(lab))
        if isinstance(made, Refused):
            return made
        a.run(ends.write, made.client.number, secret)
        b.run(ends.read, made.server.number)
        frames = None if capture is None else [packet.octets for packet in capture.packets()]
        here, there = Endpoint(a.address, CLIENT.port), Endpoint(b.address, SERVER.port)
        named = sum(bool({row.local, row.remote} & {here, there}) for row in c.table())
        taking = c.run(ends.connect, here, there)
        opened(stack, c, ends.connect, Endpoint(c.address, 0), there)
        accepted = opened(stack, b, ends.accept, made.listener)
        view = hosts(lab)
        return ThirdNode(
            named, None if frames is None else tuple(dissect(one, first=Ethernet).layers[-1].name() for one in frames),
            any(secret in one for one in frames or ()), bool(capture and capture.packets()),
            taking if isinstance(taking, Refused) else None,
            _tuple(view["B"].row_at(accepted)), view,
        )  # fmt: skip


def _tuple(row: SocketRow | None) -> FourTuple | Refused:
    return row.four_tuple if row else Refused("EAGAIN", "the server's table shows no such connection")
