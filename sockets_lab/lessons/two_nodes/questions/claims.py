"""What the text claims about two nodes and their sockets, measured."""

from sockets_lab.course.questions import Claim, NotMeasured, evidence
from sockets_lab.errors import Refused
from sockets_lab.lessons import two_nodes


def _local() -> tuple[str, str]:
    found = evidence(two_nodes.example(), "the connection")
    client, server = found.connection.client, found.connection.server
    a, b = found.view[client.node].row_at(client.number), found.view[server.node].row_at(server.number)
    a, b = evidence(a, "the row of A's end"), evidence(b, "the row of B's end")
    inodes = "" if a.inode == b.inode else f", two sockets (inodes {a.inode} and {b.inode})"
    others = len(found.view["C"].rows)
    verdict = "true here" if (a.local, a.remote) == (b.remote, b.local) else "false"
    return f"A's table: {a.local} to {a.remote}; B's: {b.local} to {b.remote}{inodes}; rows at C: {others}", verdict


def _numbers() -> tuple[str, str]:
    found = evidence(two_nodes.example(), "the connection")
    client, server = found.connection.client, found.connection.server
    at_server, at_client = evidence(found.at_server, "the read at B"), evidence(found.at_client, "the read at A")
    there, back = f"{client.number} at A -> {server.number} at B", f"{server.number} at B -> {client.number} at A"
    return f"{there}: {len(at_server)} bytes; {back}: {len(at_client)} bytes", "true here"


def _remote_number() -> tuple[str, str]:
    found = evidence(two_nodes.try_number(), "the connection")
    free = found.free.name if isinstance(found.free, Refused) else "accepted"
    evidence(found.at_third, "the read at C")
    reached = isinstance(found.at_server, bytes)
    text = f"a write to {found.number} at A: {free}; when {found.number} was A's connection to C, C received it"
    return f"{text}, and B {'too' if reached else 'nothing'}", "false" if reached else "true here"


def _address_is_not_the_socket() -> tuple[str, str]:
    found = evidence(two_nodes.third_node(), "the connection")
    own = evidence(found.own, "C's own connection to B")
    taking = found.taking.name if found.taking else "possible"
    text = f"C connected to the same address and got its own connection, at B {own}"
    return f"{text}; to send from A's endpoint instead: {taking}", "true here" if found.taking else "false"


def _unplugged() -> tuple[str, str]:
    found = two_nodes.pull_the_plug()
    if isinstance(found, Refused):
        raise NotMeasured("there is no cable here; with one, both tables still say ESTABLISHED when it is pulled")
    arrived = "they arrived when the cable was back" if isinstance(found.arrived, bytes) else "they never arrived"
    text = f"cable out: A says {found.states[0]}, B says {found.states[1]}; {found.waiting} bytes waited at A"
    return f"{text}, and {arrived}", "not in the source text"


def _one_stack_each() -> tuple[str, str]:
    first, second = two_nodes.same_name_twice()
    evidence(first, "the first listener")
    if isinstance(second, Refused):
        return f"here all share one stack, so the second bind fails: {second.name}", "not in the source text"
    return "A and B listened on 127.0.0.1 and one port at the same time", "not in the source text"


CLAIMS = (
    Claim("A socket belongs to one node; each end of a connection has its own.", _local, "network_namespaces(7)"),
    Claim("A process sends and receives by a descriptor, such as 317 here and 922 there; the stack carries the data.",
          _numbers, "fcntl(2), RFC 9293"),
    Claim("A process cannot use the descriptor of the other node's socket.", _remote_number, "write(2), EBADF"),
    Claim("It can use the other socket's address, without access to the socket.", _address_is_not_the_socket,
          "connect(2), RFC 9293"),
    Claim("(Not in the text:) a connection is one entry at each end.", _unplugged, "RFC 9293 sections 3.3.1, 3.8.4"),
    Claim("(Not in the text:) each stack has its own addresses and ports.", _one_stack_each,
          "network_namespaces(7)"),
)  # fmt: skip
