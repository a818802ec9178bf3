"""Port forwarding by the kernel: a gateway that changes the destination of what comes to its port, and sends it on.

Here between three nodes: the client A asks at B's port, and the program behind it runs in C. Source: nft(8), "NAT
statements"; RFC 3022.
"""

from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.lab import Lab, Node
from sockets_lab.lab.capture import Captured
from sockets_lab.lab.firewall import Answer, Ruleset, Service, Tracked, control, port_forward
from sockets_lab.lab.firewall.connections import connections
from sockets_lab.lab.firewall.reaching import let_go, reach_and_keep
from sockets_lab.lab.firewall.simulated import NO_TRANSLATION
from sockets_lab.model import Endpoint, SocketRow
from sockets_lab.netns.settings import set_forwarding

PORT = 8080  # of the gateway


def be_gateway(node: Node, on: bool = True) -> Refused | None:
    """Let a node send on what is not for it, or no more. Source: ip_forward in ip-sysctl.

    It then keeps to itself that there may be a shorter way, which it would else tell by ICMP (RFC 792, Redirect).
    """
    if control.decides(node) != "kernel":
        return NO_TRANSLATION
    return attempt(node.call, set_forwarding, on)


def tracked(node: Node) -> tuple[Tracked, ...] | Refused:
    """List the TCP and UDP connections that a node's kernel tracks: those that its rules made it look at."""
    if control.decides(node) != "kernel":
        return NO_TRANSLATION
    return attempt(node.call, connections)


@dataclass(frozen=True)
class Forwarded:
    """A connection to a forwarded port, as each node knows it while it is open.

    port: the gateway's; target: what it forwards to. answer: how the client's question ended.
    client, server: the rows of both ends, each by its own node's table, or None. gateway: the rows of the gateway's
    table; no socket of it has a part in this. tracked: what its kernel remembers of it instead, or None.
    packets: what crossed the client's cable until the question had ended.
    """

    port: Endpoint
    target: Endpoint
    masquerade: bool
    answer: Answer
    client: SocketRow | None
    server: SocketRow | None
    gateway: tuple[SocketRow, ...]
    tracked: Tracked | None
    rules: Ruleset
    packets: tuple[Captured, ...] = ()

    @property
    def seen_by_server(self) -> str:
        """The address that the server takes for its client's; "" where it has no client."""
        return self.server.remote.address if self.server else ""


def three_nodes(aside: bool = False) -> Lab:
    """Open the lab of this lesson and the next; on loopback addresses where need be. Args: aside: as for `Lab`."""
    return Lab(A="10.20.30.40", B="50.60.70.80", C="90.100.110.120", fallback=True, aside=aside)


def forwarded(lab: Lab, port: int = PORT, masquerade: bool = True, deadline: float = 0.5) -> Forwarded | Refused:
    """Let the first node of a lab connect to a port of the second, which forwards it to a program in the third.

    Args: port: 1-65535; masquerade: as for `port_forward`; deadline: seconds until silence counts as silence. The
        second node's ruleset is gone afterwards, and it forwards nothing any more.
    Returns: Refused, where the kernel's filter cannot be had. Raises: BadInput. Source: nft(8).
    """
    if len(lab.nodes) < 3:
        raise BadInput(f"{len(lab.nodes)} nodes are too few: pass a lab of three, a client, a gateway and a server.")
    client, gateway, server = lab.nodes[:3]
    entrance = Endpoint(gateway.address, port)
    with Service(server) as program, ExitStack() as undo:
        target = program.endpoint
        if isinstance(target, Refused):
            return target
        undo.callback(control.clear, gateway)
        undo.callback(be_gateway, gateway, False)
        refused = control.apply(gateway, port_forward(port, target, masquerade=masquerade)) or be_gateway(gateway)
        if refused:
            return refused
        undo.callback(client.run, let_go)
        cable = undo.enter_context(client.capture())
        answer = client.run(reach_and_keep, client.address, entrance, deadline)
        rules = control.held(gateway)
        known = tracked(gateway)
        if isinstance(answer, Refused) or isinstance(rules, Refused) or isinstance(known, Refused):
            return next(one for one in (answer, rules, known) if isinstance(one, Refused))
        mine = next((one for one in known if one.original == answer.four_tuple), None)
        return Forwarded(
            entrance, target, masquerade, answer, client.call(table.find, answer.four_tuple),
            server.call(table.find, mine.reply) if mine else None, tuple(gateway.table(("tcp",))), mine, rules,
            cable.packets(),
        )  # fmt: skip
