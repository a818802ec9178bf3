"""What belongs to a node's network stack, and what to the cable: a plug that is pulled, a name that is there twice."""

from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.lessons.two_nodes import ends
from sockets_lab.lessons.two_nodes.example import BRIEF, connected, open_lab, opened
from sockets_lab.lessons.two_nodes.views import hosts
from sockets_lab.model import Endpoint

AGAIN = 5.0  # seconds for what was lost to be sent again; the kernel's first tries come after 0.2, 0.6, 1.4 seconds


@dataclass(frozen=True)
class Unplugged:
    """A connection whose cable was pulled out.

    states: what the client's and the server's table said of it then; taken: what the client's kernel said to a write;
    waiting: bytes that its table showed as not confirmed; meanwhile: what the server could read; arrived: what it could
    read after the plug was back.
    """

    states: tuple[str, str]
    taken: int | Refused
    waiting: int | None
    meanwhile: bytes | Refused
    arrived: bytes | Refused


def pull_the_plug() -> Unplugged | Refused:
    """Connect A and B, pull B's cable out, let A write, look, and put the plug back. Source: RFC 9293 section 3.8.1.

    Returns: Refused, where there is no cable.
    """
    with open_lab() as lab, connected(lab) as made:
        if isinstance(made, Refused):
            return made
        a, b = lab["A"], lab["B"]
        if refused := b.cut():
            return refused
        taken = a.run(ends.write, made.client.number, b"is anybody there?")
        meanwhile = b.run(ends.read, made.server.number, BRIEF)
        view = hosts(lab)
        rows = view["A"].row_at(made.client.number), view["B"].row_at(made.server.number)
        b.mend()
        arrived = b.run(ends.read, made.server.number, AGAIN)
        states = tuple(row.state if row else "no row" for row in rows)
        waiting = rows[0].send_queue if rows[0] else None
        return Unplugged((states[0], states[1]), taken, waiting, meanwhile, arrived)


def same_name_twice() -> tuple[int | Refused, int | Refused]:
    """Let A and B listen at one and the same name, 127.0.0.1 and one port. Returns: a descriptor each, or Refused.

    Every network stack has a loopback interface of its own. Source: network_namespaces(7).
    """
    with open_lab() as lab, ExitStack() as stack:
        a, b = lab["A"], lab["B"]
        first = opened(stack, a, ends.listen, Endpoint("127.0.0.1", 0))
        if isinstance(first, Refused):
            return first, first
        entry = next(entry for entry in a.run(ends.sockets) if entry.number == first)
        return first, opened(stack, b, ends.listen, entry.local)
