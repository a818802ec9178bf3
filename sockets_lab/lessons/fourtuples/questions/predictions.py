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


def _ninth() -> str:
    found = fourtuples.exhaust(8)
    if isinstance(found, Refused):  # no range for one socket alone here: then with one port, which one client has
        return _same_local_name()
    require(len(found.made) == 8 and found.refused, f"{len(found.made)} ports were used up, not eight")
    other = found.to_other_listener
    return answer({"": "connected", "EADDRNOTAVAIL": "refused"}, other.name if isinstance(other, Refused) else "")


def _heavier() -> str:
    crowds = []
    for _ in range(3):  # the kernel tells of the whole machine, where others come and go meanwhile
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
        "Three clients are connected to one listener, and all three are accepted: the server has three new sockets. "
        "How many different local ports do these three have?",
        (Choice("one", "one", "Each accepted socket keeps the listener's port. No port is used up by accepting: a "
                "server with ten thousand clients still has one."),
         Choice("three", "three", "This system gave each accepted socket a port of its own; TCP as we know it does "
                "not."),
         Choice("another", "some other number", "A client was refused, or this system has a rule of its own.")),
        _local_ports,
    ),
    Prediction(
        "before-accept",
        "A server listens, but its program sleeps and never calls `accept`. A client calls `connect`, then `send`. "
        "What happens?",
        (Choice("connect-waits", "connect waits for accept", "On this system the connection was not complete before "
                "`accept`."),
         Choice("send-refused", "connect returns, send is refused", "This system made the connection, and took no "
                "data for it yet."),
         Choice("kept", "both return, and the kernel keeps the bytes", "The two kernels make the connection between "
                "them. `accept` only gives your program a descriptor for one that is there already, with what has "
                "arrived on it."),
         Choice("lost", "both return, and the bytes are lost", "The bytes were taken and did not arrive: no TCP "
                "should do that.")),
        _before_accept,
    ),
    Prediction(
        "full-queue",
        "More clients connect than may wait for `accept`. What does the next one see?",
        (Choice("refused", "it is refused", "This system answers that nobody listens (Windows does so, and Linux if "
                "`tcp_abort_on_overflow` is set)."),
         Choice("silence", "it gets no answer yet", "The server's kernel drops the request in silence, and the "
                "client's kernel asks again, about a second later. If there is room by then, the client notices "
                "nothing but a delay."),
         Choice("connected", "it is connected", "This system had room for many more than were asked for.")),
        _full_queue,
    ),
    Prediction(
        "same-local-name",
        "Two sockets of yours have the same local address *and* the same local port. The first is connected to one "
        "listener. The second connects to another listener. What happens?",
        (Choice("connected", "both connections are made", "Their names differ in one part of four, the remote port, "
                "and that is enough."),
         Choice("refused", "the kernel refuses", "On this system two sockets could not share the local name to begin "
                "with.")),
        _same_local_name,
    ),
    Prediction(
        "ninth",
        "A program may use eight local ports, and all eight are connected to one listener. The ninth connection goes "
        "to *another* listener on the same machine.",
        (Choice("refused", "it is refused too", "On this system a port that is in use toward one listener cannot be "
                "used for another."),
         Choice("connected", "it is made", "A port is not used up as such. What must be new is the whole four-tuple, "
                "and with another remote port every local port is new again.")),
        _ninth,
    ),
    Prediction(
        "heavier",
        "A thousand clients are connected to your Python program, and not one says anything. Who keeps more memory for "
        "them?",
        (Choice("program", "the program", "This kernel was thriftier than Python, or others gave memory back to it "
                "meanwhile."),
         Choice("kernel", "the kernel", "Your program has a small object for each, the kernel the connection itself: "
                "its states, its timers, its place in several lists. Nothing waits in the queues, or there would be "
                "far more.")),
        _heavier,
        (impossible("it cannot be told", "This system does not tell how much memory its kernel holds."),),
    ),
)  # fmt: skip
