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
    verdict = "so" if (a.local, a.remote) == (b.remote, b.local) else "not so"
    return f"A's table: {a.local} to {a.remote}; B's: {b.local} to {b.remote}{inodes}; rows at C: {others}", verdict


def _numbers() -> tuple[str, str]:
    found = evidence(two_nodes.example(), "the connection")
    client, server = found.connection.client, found.connection.server
    at_server, at_client = evidence(found.at_server, "the read at B"), evidence(found.at_client, "the read at A")
    there, back = f"{client.number} at A -> {server.number} at B", f"{server.number} at B -> {client.number} at A"
    return f"{there}: {len(at_server)} bytes; {back}: {len(at_client)} bytes", "so"


def _remote_number() -> tuple[str, str]:
    found = evidence(two_nodes.try_number(), "the connection")
    free = found.free.name if isinstance(found.free, Refused) else "taken"
    evidence(found.at_third, "the read at C")
    reached = isinstance(found.at_server, bytes)
    text = f"a write to {found.number} at A: {free}; when {found.number} was A's connection to C, C received it"
    return f"{text}, and B {'too' if reached else 'nothing'}", "not so" if reached else "so"


def _address_is_not_the_socket() -> tuple[str, str]:
    found = evidence(two_nodes.third_node(), "the connection")
    own = evidence(found.own, "C's own connection to B")
    taking = found.taking.name if found.taking else "it could"
    text = f"C connected to the same address and got a connection of its own, at B {own}"
    return f"{text}; to speak from A's endpoint instead: {taking}", "so" if found.taking else "not so"


def _unplugged() -> tuple[str, str]:
    found = two_nodes.pull_the_plug()
    if isinstance(found, Refused):
        raise NotMeasured("there is no cable here; with one, both tables go on to say ESTABLISHED when it is out")
    arrived = "it came when the plug was back" if isinstance(found.arrived, bytes) else "it never came"
    text = f"plug out: A says {found.states[0]}, B says {found.states[1]}; {found.waiting} bytes waited at A"
    return f"{text}, and {arrived}", "left out"


def _one_stack_each() -> tuple[str, str]:
    first, second = two_nodes.same_name_twice()
    evidence(first, "the first listener")
    if isinstance(second, Refused):
        return f"here all share one stack, so the second is refused: {second.name}", "left out"
    return "A and B both listened at 127.0.0.1 and the same port, at the same time", "left out"


CLAIMS = (
    Claim("A socket belongs to one node; each end of a connection has its own.", _local, "namespaces(7)"),
    Claim("By a number, such as 317 here and 922 there, a process sends and receives; the stack carries it to and fro.",
          _numbers, "fcntl(2), RFC 9293"),
    Claim("A process cannot use the descriptor of the other node's socket.", _remote_number, "write(2), EBADF"),
    Claim("It can use the other's socket address, without access to the socket.", _address_is_not_the_socket,
          "connect(2), RFC 9293"),
    Claim("(The text leaves out:) nothing but these two entries is the connection.", _unplugged, "RFC 9293"),
    Claim("(The text leaves out:) names are looked up in one stack; each has its own.", _one_stack_each,
          "namespaces(7)"),
)  # fmt: skip
