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
    return f"{len(ends)} accepted sockets, all at {listener.endpoint}", "true here" if same else "false"


def _distinct() -> tuple[str, str]:
    found = evidence(fourtuples.tuple_trials(), "the first connection")
    same = found.trial("nothing").outcome
    others = [trial for trial in found.trials if trial.changed != "nothing"]
    made = sum(trial.made for trial in others)
    again = same.name if isinstance(same, Refused) else "made"
    text = f"the same four parts again: {again}; one part changed: {made} of {len(others)} made"
    require(made, text)
    return text, "true here" if isinstance(same, Refused) else "false"


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
    text = f"one four-tuple is in the socket table for {' and for '.join(protocols)}: the protocol is a fifth part"
    return f"{text}; and each network namespace has its own table (lesson 06)", "only in part"


def _one_wakes() -> tuple[str, str]:
    with Listener() as listener:
        _crowd(listener, 5)
        sent = evidence(listener.send(3, b"for number 3"), "send")
        require(sent.woken, "the data woke no socket")
        right = sent.woken == (listener.connection(3).server.descriptor,)
    text = f"data on one of five connections woke {len(sent.woken)} of the ten other sockets"
    return text, "true here" if right else "false"


def _ephemeral() -> tuple[str, str]:
    with Listener() as listener:
        client = evidence(listener.add_client(), "the client's connect")
    told = evidence(machine.ephemeral_range(), "the range of this system")
    port = client.client.four_tuple.local.port
    verdict = "true here" if told[0] <= port <= told[1] else "false"
    return f"the client got {port}; the range here is {told[0]}-{told[1]}", verdict


def _before_accept_row() -> tuple[str, str]:
    with Listener() as listener:
        row = evidence(listener.add_client(), "the client's connect").server.row
    if row is None:
        return "this system shows no row for it before accept", "unknown"
    inode = "inode not shown" if row.inode is None else f"inode {row.inode}"
    return f"before accept, the server's end is in the socket table: {row.state}, {inode}", "not in the source text"


def _stream() -> tuple[str, str]:
    with Listener() as listener:
        client = evidence(listener.add_client(), "the client's connect")
        for part in (b"one ", b"two "):
            evidence(listener.send(client.number, part, wait=0), "send")
        evidence(listener.accept(), "accept")
        last = evidence(listener.send(client.number, b"three", wait=0.3), "send")
    received = evidence(last.received, "what was sent")
    return f"three sends; one recv returned {received!r}", "not in the source text"


CLAIMS = (
    Claim("A server serves every client on the port on which it listens.", _one_port, "accept(2)"),
    Claim(
        "Others may connect to that port meanwhile: a tuple identifies each connection.",
        _distinct,
        "RFC 9293 section 4, connection",
    ),
    Claim(
        "The tuple has four parts: local address and port, remote address and port.",
        _protocol_too,
        "RFC 6056 abstract, network_namespaces(7)",
    ),
    Claim("Each connection joins exactly two sockets.", _one_wakes, "tcp(7), select(2)"),
    Claim("The client's end has an ephemeral port.", _ephemeral, "proc_sys_net_ipv4(5)"),
    Claim("(Not in the text:) a connection exists before it is accepted.", _before_accept_row, "listen(2)"),
    Claim("(Not in the text:) one send is not one recv.", _stream, "tcp(7): a stream of bytes"),
)
