"""What the learner predicts in lesson 05."""

import statistics

from sockets_lab.course.questions import IMPOSSIBLE, Choice, Prediction, answer, evidence, impossible, require
from sockets_lab.errors import Refused
from sockets_lab.lessons import fourtuples
from sockets_lab.lessons.fourtuples import Listener

QUICK = 0.3  # seconds; on loopback an answer that comes, comes at once


def _local_ports() -> str:
    with Listener() as listener:
        for _ in range(3):
            evidence(listener.add_client(), "a client's connect")
            evidence(listener.accept(), "accept")
        accepted = [one.server for one in listener.connections() if one.server.descriptor is not None]
        ports = {one.four_tuple.local.port for one in accepted}
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


def _same_local_name() -> str:
    outcome = evidence(fourtuples.tuple_trials(), "the first connection").trial("remote port").outcome
    known = {"": "connected", "EADDRINUSE": "refused", "EADDRNOTAVAIL": "refused"}
    return answer(known, outcome.name if isinstance(outcome, Refused) else "")


def _port_limit() -> str:
    outcome = evidence(fourtuples.tuple_trials(), "the first connection").trial("local address").outcome
    known = {"": "more", "EADDRINUSE": "ports", "EADDRNOTAVAIL": IMPOSSIBLE}
    return answer(known, outcome.name if isinstance(outcome, Refused) else "")


def _ninth() -> str:
    found = fourtuples.exhaust(8)
    if isinstance(found, Refused):  # no range for one socket alone here: then with one port, which one client has
        return _same_local_name()
    require(len(found.made) == 8 and found.refused, f"{len(found.made)} ports were used up, not eight")
    other = found.to_other_listener
    return answer({"": "connected", "EADDRNOTAVAIL": "refused"}, other.name if isinstance(other, Refused) else "")


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
