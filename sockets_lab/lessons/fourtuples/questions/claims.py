"""What the text claims about connections, measured."""

import socket

from sockets_lab.course.questions import Claim, evidence, require
from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel import machine, table
from sockets_lab.lessons import fourtuples
from sockets_lab.lessons.fourtuples import Listener


def _crowd(listener: Listener, count: int) -> None:
    for _ in range(count):
        evidence(listener.add_client(), "a client's connect")
        evidence(listener.accept(), "accept")


def _one_port() -> tuple[str, str]:
    with Listener() as listener:
        _crowd(listener, 3)
        ends = [one.server for one in listener.connections() if one.server.descriptor is not None]
    same = all(end.four_tuple.local == listener.endpoint for end in ends)
    return f"{len(ends)} accepted sockets, all of them named {listener.endpoint}", "so" if same else "not so"


def _distinct() -> tuple[str, str]:
    found = evidence(fourtuples.tuple_trials(), "the first connection")
    same = found.trial("nothing").outcome
    others = [trial for trial in found.trials if trial.changed != "nothing"]
    made = sum(trial.made for trial in others)
    again = same.name if isinstance(same, Refused) else "made"
    text = f"the same four parts again: {again}; one part changed: {made} of {len(others)} made"
    require(made, text)
    return text, "so" if isinstance(same, Refused) else "not so"


def _protocol_too() -> tuple[str, str]:
    with Listener() as listener, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        client = evidence(listener.add_client(), "the client's connect")
        name = client.client.four_tuple
        bound = attempt(datagrams.bind, name.local.sockaddr)
        require(not isinstance(bound, Refused), f"another program has that UDP port just now ({bound})")
        datagrams.connect(name.remote.sockaddr)
        rows = [table.find(name), table.row_of(datagrams)]
        protocols = [row.protocol for row in rows if row is not None and row.four_tuple == name]
    require(len(protocols) == 2, f"this system's table shows {len(protocols)} of the two sockets")
    text = f"one name of four parts stands in the table for {' and for '.join(protocols)}"
    return f"{text}; and each network namespace has a table of its own (lesson 07)", "five parts: the protocol too"


def _one_wakes() -> tuple[str, str]:
    with Listener() as listener:
        _crowd(listener, 5)
        sent = evidence(listener.send(3, b"for number 3"), "send")
        require(sent.woken, "what was sent woke no socket")
        right = sent.woken == (listener.connection(3).server.descriptor,)
    text = f"data along one of five connections woke {len(sent.woken)} of the ten other sockets"
    return text, "so" if right else "not so"


def _ephemeral() -> tuple[str, str]:
    with Listener() as listener:
        client = evidence(listener.add_client(), "the client's connect")
    told = evidence(machine.ephemeral_range(), "the range of this system")
    port = client.client.four_tuple.local.port
    verdict = "so" if told[0] <= port <= told[1] else "not so"
    return f"the client got {port}; the range here is {told[0]}-{told[1]}", verdict


def _before_accept_row() -> tuple[str, str]:
    with Listener() as listener:
        row = evidence(listener.add_client(), "the client's connect").server.row
    if row is None:
        return "this system shows no row for it before accept", "not told"
    inode = "inode not told" if row.inode is None else f"inode {row.inode}"
    return f"before accept, the server's end stands in the table: {row.state}, {inode}", "left out"


def _stream() -> tuple[str, str]:
    with Listener() as listener:
        client = evidence(listener.add_client(), "the client's connect")
        for part in (b"one ", b"two "):
            evidence(listener.send(client.number, part, wait=0), "send")
        evidence(listener.accept(), "accept")
        last = evidence(listener.send(client.number, b"three", wait=0.3), "send")
    received = evidence(last.received, "what was sent")
    return f"three sends; one recv returned {received!r}", "left out"


CLAIMS = (
    Claim("A server goes on with every client at the port on which it listens.", _one_port, "accept(2)"),
    Claim(
        "Others may connect to that port meanwhile, because a connection is known by a tuple.",
        _distinct,
        "RFC 9293 section 3.4",
    ),
    Claim(
        "The tuple has four parts: local address and port, remote address and port.",
        _protocol_too,
        "RFC 6056 abstract, namespaces(7)",
    ),
    Claim("Each dialog is one to one.", _one_wakes, "tcp(7), select(2)"),
    Claim("The client's end has an ephemeral port.", _ephemeral, "ip(7), ip_local_port_range"),
    Claim("(The text leaves out:) a connection is there before it is accepted.", _before_accept_row, "listen(2)"),
    Claim("(The text leaves out:) one send is not one recv.", _stream, "tcp(7): a stream of bytes"),
)
