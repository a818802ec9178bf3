"""The questions of lesson 05."""

import socket
import statistics

from sockets_lab.course.questions import (
    IMPOSSIBLE,
    Choice,
    Claim,
    Exercise,
    Found,
    Prediction,
    answer,
    evidence,
    impossible,
    personal_number,
    require,
)
from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel import descriptors, machine, table
from sockets_lab.lessons import fourtuples
from sockets_lab.lessons.fourtuples import ConnectionEnd, Listener
from sockets_lab.model import Endpoint, FourTuple

QUICK = 0.3  # seconds; on loopback an answer that comes, comes at once


def _fill(listener: Listener, count: int) -> list[ConnectionEnd]:
    """Accept so many clients. Returns: the server's ends."""
    for _ in range(count):
        evidence(listener.add_client(), "a client's connect")
        evidence(listener.accept(), "accept")
    return [one.server for one in listener.connections() if one.server.descriptor is not None]


def _local_ports() -> str:
    with Listener() as listener:
        ports = {end.four_tuple.local.port for end in _fill(listener, 3)}
    return "one" if ports == {listener.endpoint.port} else "three" if len(ports) == 3 else "another"


def _before_accept() -> str:
    with Listener() as listener:
        client = evidence(listener.add_client(), "the client's connect")
        if not listener.is_connected(client.number):
            evidence(listener.accept(), "accept, while connect had not returned,")
            return "connect-waits"
        sent = listener.send(client.number, b"early", wait=0)
        if isinstance(sent, Refused):
            return "send-refused"
        evidence(listener.accept(), "accept")
        later = evidence(listener.send(client.number, b".", wait=QUICK), "the second send")
        return "kept" if b"early" in evidence(later.received, "what was sent") else "lost"


def _full_queue() -> str:
    with Listener(backlog=1) as listener:
        for before in range(16):
            client = listener.add_client(wait=QUICK)
            there = client if isinstance(client, Refused) else listener.is_connected(client.number)
            require(before or there is True, "not even the first client was connected")
            if isinstance(there, Refused):
                return answer({"ECONNREFUSED": "refused", "ECONNRESET": "refused"}, there.name)
            if not there:
                return "silence"
        return "connected"


def _refusal(outcome: FourTuple | Refused) -> str:
    return outcome.name if isinstance(outcome, Refused) else ""


def _same_local_name() -> str:
    outcome = evidence(fourtuples.tuple_trials(), "the first connection").trial("remote port").outcome
    return answer({"": "connected", "EADDRINUSE": "refused", "EADDRNOTAVAIL": "refused"}, _refusal(outcome))


def _port_limit() -> str:
    outcome = evidence(fourtuples.tuple_trials(), "the first connection").trial("local address").outcome
    return answer({"": "more", "EADDRINUSE": "ports", "EADDRNOTAVAIL": IMPOSSIBLE}, _refusal(outcome))


def _ninth() -> str:
    found = fourtuples.exhaust(8)
    if isinstance(found, Refused):  # no range for one socket alone here: then with one port, which one client has
        return _same_local_name()
    require(len(found.made) == 8 and found.refused, f"{len(found.made)} ports were used up, not eight")
    return answer({"": "connected", "EADDRNOTAVAIL": "refused"}, _refusal(found.to_other_listener))


def _heavier() -> str:
    crowds = []
    for _ in range(3):  # the kernel reports the whole machine, where other programs start and end
        with fourtuples.crowd(500) as crowd:
            require(crowd.made == crowd.wanted, f"{crowd.made} of {crowd.wanted} connections: {crowd.ended_early}")
            crowds.append(crowd)
    python = [crowd.python_bytes for crowd in crowds if crowd.python_bytes is not None]
    kernel = [crowd.kernel_bytes for crowd in crowds if crowd.kernel_bytes is not None]
    if not kernel or not python:
        return IMPOSSIBLE
    return "program" if statistics.median(python) > statistics.median(kernel) else "kernel"


PREDICTIONS = (
    Prediction(
        "local-ports",
        "Three clients are connected to one listener, and the server has accepted all three: it has three new sockets. "
        "How many different local ports do these sockets have?",
        (Choice("one", "they have one port", "Each accepted socket keeps the listener's port; the "
                "four-tuple distinguishes the sockets. Accepting uses up no port: a server with ten thousand clients "
                "still has one."),
         Choice("three", "they have three ports", "This system gave each accepted socket its own port, which TCP does "
                "not do."),
         Choice("another", "they have another number of ports", "A client was refused, or this system has its own "
                "rule.")),
        _local_ports,
    ),
    Prediction(
        "before-accept",
        "A server listens, but its program sleeps and never calls `accept`. A client calls `connect`, then `send`. "
        "What happens?",
        (Choice("connect-waits", "`connect` waits for `accept`", "On this system the connection was not complete "
                "before `accept`."),
         Choice("send-refused", "`connect` returns, `send` fails", "This system made the connection and did not "
                "accept data for it yet."),
         Choice("kept", "both return, and the server's kernel keeps the bytes", "The two kernels complete the "
                "three-way handshake, and the connection waits in the **accept queue** with the data that arrived. "
                "`accept` only gives your program a descriptor for it."),
         Choice("lost", "both return, and the bytes are lost", "The client's kernel accepted the bytes and they did "
                "not arrive, which TCP does not allow.")),
        _before_accept,
    ),
    Prediction(
        "full-queue",
        "The accept queue of a listener is full, and one more client connects. What does this client see?",
        (Choice("refused", "the connection is refused", "This system answers a full queue with a reset, as Windows "
                "does, and Linux if `net.ipv4.tcp_abort_on_overflow` is set."),
         Choice("silence", "no response comes yet", "Linux drops the connection request (SYN), and the client's "
                "kernel sends it again about a second later. If there is room by then, the client only notices a "
                "delay. On Linux the queue holds one connection more than the backlog, which is at most "
                "`net.core.somaxconn`."),
         Choice("connected", "the connection is made", "This system had room for many more connections than the "
                "backlog says.")),
        _full_queue,
    ),
    Prediction(
        "same-local-name",
        "Two sockets of yours have the same local address *and* the same local port. The first is connected to one "
        "listener. The second connects to another listener. What happens?",
        (Choice("connected", "the second connection is made", "The two four-tuples differ in one part, the remote "
                "port, and that is enough."),
         Choice("refused", "the second connection fails", "On this system two sockets cannot share a local address "
                "and port in the first place.")),
        _same_local_name,
    ),
    Prediction(
        "port-limit",
        "How many connections can one port of a server have at the same time?",
        (Choice("ports", "65,535, because there are no more ports", "On this system a second client with the same "
                "local port was refused, although its address is different."),
         Choice("more", "far more: as many as memory and descriptors allow", "All connections of the server have one "
                "local port. The clients' addresses *and* ports tell them apart, so two clients can even have the same "
                "port. One client address has at most 65,535 ports for this server; each further address has as many "
                "again.")),
        _port_limit,
        (impossible("it cannot be tried here", "This system has only one loopback address."),),
    ),
    Prediction(
        "ninth",
        "A program may use eight local ports, and all eight are connected to one listener. It makes a ninth "
        "connection, to *another* listener on the same machine. What happens?",
        (Choice("refused", "the ninth connection fails", "On this system a port that is in use toward one listener "
                "cannot be used toward another."),
         Choice("connected", "the ninth connection is made", "Only the whole four-tuple must be new, and with another "
                "remote port every local port is free again. The range of ports limits the connections from one "
                "local address to one remote endpoint.")),
        _ninth,
    ),
    Prediction(
        "heavier",
        "Many clients are connected to your Python program, and all of them are idle. Which uses more memory for them, "
        "the program or the kernel?",
        (Choice("program", "the program uses more", "This kernel needed less than Python, or other programs freed "
                "kernel memory meanwhile."),
         Choice("kernel", "the kernel uses more", "Your program has a small object for each connection; the kernel "
                "has its state, its timers, and its entries in several lists. The queues are empty here; unread data "
                "would take far more.")),
        _heavier,
        (impossible("it cannot be measured here", "This system does not report how much memory its kernel uses."),),
    ),
)  # fmt: skip


def _one_port() -> tuple[str, str]:
    with Listener() as listener:
        ends = _fill(listener, 3)
    same = all(end.four_tuple.local == listener.endpoint for end in ends)
    return f"{len(ends)} accepted sockets, all at {listener.endpoint}", "true here" if same else "false"


def _distinct() -> tuple[str, str]:
    found = evidence(fourtuples.tuple_trials(), "the first connection")
    same = found.trial("nothing").outcome
    others = [trial for trial in found.trials if trial.changed != "nothing"]
    made = sum(trial.made for trial in others)
    text = f"the same four parts again: {_refusal(same) or 'made'}; one part changed: {made} of {len(others)} made"
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
        _fill(listener, 5)
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


ACCEPTED = personal_number("05/accepted", 3, 6)
WAITING = personal_number("05/waiting", 2, 4)


def _check_crowd() -> Found:
    if (ACCEPTED, WAITING) in _crowds():
        return Found(True, f"a listener of this process has {ACCEPTED} accepted clients, and {WAITING} that wait.")
    return Found(
        False,
        f"no listener of this process has exactly {ACCEPTED} accepted clients and {WAITING} that wait for accept. "
        "(Both ends must be open here.)",
    )


def _crowds() -> list[tuple[int, int]]:
    """Count for each TCP listener of this process the accepted connections with both ends here, and those that wait."""
    entries = [entry for entry in descriptors.table() if entry.type == "TCP"]
    names = {FourTuple(entry.local, entry.remote) for entry in entries if entry.local and entry.remote}
    found = []
    for row in descriptors.rows_behind(entry for entry in entries if entry.remote is None).values():
        if row.state == "LISTEN":
            clients = [name for name in names if row.local.covers(name.remote)]
            accepted = sum(client.reversed() in names for client in clients)
            waiting = len(clients) - accepted if row.receive_queue is None else row.receive_queue
            found.append((accepted, waiting))
    return found


def _check_shared_name() -> Found:
    listeners = [row.local for row in table.snapshot(("tcp",), ("LISTEN",))]
    targets: dict[Endpoint, set[Endpoint]] = {}
    for entry in descriptors.table():
        # An accepted socket shares its local address too, but no socket listens on its remote one.
        local, remote = entry.local, entry.remote
        if entry.type == "TCP" and local and remote and any(listener.covers(remote) for listener in listeners):
            targets.setdefault(local, set()).add(remote)
    if any(len(remote) > 1 for remote in targets.values()):
        return Found(True, "two client sockets of this process share a local address and port, and their peers differ.")
    return Found(False, "no two connected clients of this process have the same local address and port.")


EXERCISES = (
    Exercise(
        "crowd",
        f"Let one listener of yours have exactly **{ACCEPTED}** accepted clients, and exactly **{WAITING}** more that "
        "wait for `accept` (other learners get different numbers). Make both ends in this notebook. Keep them open.",
        _check_crowd,
        (
            "Make more clients than you accept: `accept` takes one connection from the accept queue.",
            "Call `socket.create_server((\"127.0.0.1\", 0))` once, `socket.create_connection(...)` for each client. "
            "Keep every socket in a list, because Python closes what no variable holds.",
            f"Accept some of {ACCEPTED + WAITING} clients: `accepted = [server.accept()[0] for _ in range(...)]`.",
        ),
    ),
    Exercise(
        "shared-name",
        "Let two client sockets of yours have the **same** local address and port, and be connected at the same time. "
        "Keep them open, and their listeners too.",
        _check_shared_name,
        (
            "Make two listeners: one part of the four-tuple must differ, so each client needs its own listener.",
            "Set `SO_REUSEPORT` on both clients before you bind them (on Windows `SO_REUSEADDR`).",
            "Bind the first client to port 0 and the second to the same address: `two.bind(...)`.",
        ),
    ),
)
