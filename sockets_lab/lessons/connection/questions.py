"""The questions of lesson 07."""

import socket
from functools import partial

from sockets_lab.course.questions import (
    OTHER,
    Choice,
    Claim,
    Exercise,
    Found,
    NotMeasured,
    Prediction,
    answer,
    evidence,
    other,
    personal_number,
    require,
)
from sockets_lab.errors import Refused
from sockets_lab.kernel import table
from sockets_lab.kernel.connecting import until
from sockets_lab.lessons import connection
from sockets_lab.lessons.conflicts.questions import BACKLOG, my_listeners, my_rows
from sockets_lab.lessons.conflicts.trials import in_use
from sockets_lab.lessons.connection.model import CLIENT, SERVER, ConnectionModel
from sockets_lab.model import Endpoint

PORT = personal_number("connection/port", 5000, 5999)
WAITING = personal_number("connection/close-wait", 3, 6)
HOME = "127.0.0.1"

_left: set[Endpoint] = set()  # where a check has seen an old connection in TIME_WAIT, and no listener


def _open() -> ConnectionModel:
    bench = ConnectionModel()
    bench.connect()
    until(bench.accept)
    return bench


def _pieces() -> str:
    with _open() as bench:
        for part in (b"one ", b"two ", b"three"):
            evidence(bench.send(CLIENT, part), "send")
        require(until(lambda: _waiting(bench.ends[SERVER]) == 13), "not all that was sent arrived in time")
        first = evidence(bench.receive(SERVER), "recv")
    return {b"one ": "first-part", b"one two three": "all-parts"}.get(first, OTHER)


def _waiting(sock: socket.socket) -> int:
    return len(sock.recv(100, socket.MSG_PEEK))


def _half_close() -> str:
    with _open() as bench:
        require(bench.shut_down(CLIENT) is None, "shutdown was refused")
        require(bench.settled(("FIN_WAIT2", "CLOSE_WAIT")) == ("FIN_WAIT2", "CLOSE_WAIT"), "B was not told of it")
        sent = bench.send(SERVER, b"an answer")
        if isinstance(sent, Refused):
            return "refused"
        came = bench.receive(CLIENT)
    if isinstance(came, Refused):
        require(came.name in ("EAGAIN", "ECONNRESET"), f"A's recv ended in {came}")
    return "received" if came == b"an answer" else "lost"


def _vanished() -> str:
    with _open() as bench:
        if isinstance(missing := bench.cable(dead=True), Refused):
            raise NotMeasured(f"there is no cable here that could lose packets ({missing.name})")
        evidence(bench.send(CLIENT, b"are you there?"), "send")
        until(lambda: False, 1.0)
        states = bench.states()
        came = bench.receive(CLIENT)
    if not isinstance(came, Refused):
        raise NotMeasured("something came, although nothing can pass")
    if states[0] != "ESTABLISHED":
        return "closed"
    return answer({"EAGAIN": "nothing", "ETIMEDOUT": "error", "EHOSTUNREACH": "error"}, came.name)


def _restart(new_reuse_address: bool) -> str:
    trial = connection.after_close("server", new_reuse_address=new_reuse_address)
    require(not trial.unseen, trial.unseen)
    require(not trial.disturbed, "other programs held the port in every trial")
    require(trial.refused is None or in_use(trial.refused), f"it never came to a conflict: {trial.refused}")
    return {"all worked": "granted", "bind 2": "bind-refused", "listen 2": "listen-refused"}.get(trial.ending, OTHER)


YES = partial(Choice, "granted", "it gets the port")
NO = partial(Choice, "bind-refused", "its `bind` fails")
LATE = Choice("listen-refused", "its `bind` succeeds and its `listen` fails",
              "This system lets it bind, but not listen, while the old connection is in TIME_WAIT.")  # fmt: skip
STRANGE = (other("Another call failed than the ones asked about."),)

PREDICTIONS = (
    Prediction(
        "pieces",
        "A calls `send` three times: `one `, `two ` and `three`. All of it has arrived at B. Then B calls `recv(1000)` "
        "once. What does that call return?",
        (Choice("first-part", "it returns b'one '", "This system kept the boundary between two sends, which TCP does "
                "not promise."),
         Choice("all-parts", "it returns b'one two three'", "TCP carries a **stream** of bytes, without boundaries. "
                "`recv` returns what has arrived, as far as it has room: here all of it. On another day it may be a "
                "part. A program that needs messages must mark where each ends.")),
        _pieces,
        (other("Only a part had been put together: TCP allows this, too."),),
    ),
    Prediction(
        "half-close",
        "A calls `shutdown(SHUT_WR)`: it will send no more. B has received that, and now sends an answer. What happens "
        "to the answer?",
        (Choice("received", "A receives it", "A connection has two directions, and each is closed by itself. A closed "
                "only its own. So a client can say that this was all, and still read the answer (RFC 9293 section "
                "3.6.1)."),
         Choice("refused", "B's `send` fails", "On this system the other direction was closed, too."),
         Choice("lost", "B's `send` succeeds, and the answer is lost", "This system threw the answer away.")),
        _half_close,
    ),
    Prediction(
        "vanished",
        "The connection is open. Now the cable loses every packet. A sends some bytes, and waits for one second. What "
        "does A's program learn?",
        (Choice("nothing", "nothing: the connection is as open as before", "A connection is a row in two tables. No "
                "packet came that could change A's row. The kernel sends the bytes again and again, and gives up only "
                "after many minutes (on Linux about 15, `net.ipv4.tcp_retries2`)."),
         Choice("error", "its next call returns an error", "This system gave up within a second."),
         Choice("closed", "the connection is closed", "This system closed the connection by itself.")),
        _vanished,
    ),
    Prediction(
        "restart-plain",
        "A server closes its last connection, then its listener, and ends. It is started again at once, without any "
        "option. What happens to the new server?",
        (YES("On this system a connection in TIME_WAIT does not keep the port in use."),
         NO("The closed connection is in **TIME_WAIT** and keeps the port in use: for twice the maximum segment "
            "lifetime (2MSL), on Linux 60 seconds. TCP waits for late segments, and because the last ACK may have "
            "to be sent again (RFC 9293 sections 3.3.2 and 3.6.1)."),
         LATE),
        lambda: _restart(new_reuse_address=False),
        STRANGE,
    ),
    Prediction(
        "restart-late",
        "Once more, but the *new* server sets `SO_REUSEADDR`. The old server, which has ended, had not set it. "
        "What happens to the new server?",
        (YES("On this system only the new server needs the option, as on FreeBSD."),
         NO("On Linux *both* sockets need the option, and the connection in TIME_WAIT remembers that its server had "
            "not set it. So a server on Linux sets it always, from its first start on."),
         LATE),
        lambda: _restart(new_reuse_address=True),
        STRANGE,
    ),
)  # fmt: skip


def _handshake() -> tuple[str, str]:
    with ConnectionModel() as bench:
        bench.connect()
        states = bench.settled(("ESTABLISHED", "ESTABLISHED"))
        require(states[0] == "ESTABLISHED", f"A's end was {states[0]}")
        before = bench.ends.get(SERVER) is None
    who = "before B's program called accept" if before else "and B's program took it with accept"
    return f"the kernels completed the handshake ({states[0]} at A), {who}", "true here"


def _who_waits() -> tuple[str, str]:
    with _open() as bench:
        bench.close_end(SERVER)
        require(bench.settled(("CLOSE_WAIT", "FIN_WAIT2"))[0] == "CLOSE_WAIT", "A was not told of B's close")
        bench.close_end(CLIENT)
        states = bench.settled(("CLOSED", "TIME_WAIT"))
    require(states != ("CLOSED", "CLOSED"), "this kernel kept no connection in TIME_WAIT")
    require("TIME_WAIT" in states, f"the ends were {states[0]} and {states[1]}")
    who = "B, which closed first," if states[1] == "TIME_WAIT" else "A, which closed last,"
    return f"{who} has it in TIME_WAIT; the other end is gone", "not in the source text"


def _reset() -> tuple[str, str]:
    with _open() as bench:
        bench.close_end(SERVER, reset=True)
        states = bench.settled(("CLOSED", "CLOSED"), ("CLOSED", "LISTEN"))
        came = bench.receive(CLIENT)
    if not isinstance(came, Refused):
        raise NotMeasured("A was told of no error")
    return f"after B's reset A's recv said {came.name}, and A's row was {states[0]}", "not in the source text"


CLAIMS = (
    Claim("In practice, sockets are often used with a persistent connection to one endpoint.", _handshake,
          "RFC 9293 section 3.5"),
    Claim("(Not in the text:) the end that closes first waits.", _who_waits, "RFC 9293 sections 3.3.2, 3.6.1"),
    Claim("(Not in the text:) a connection can end without a FIN.", _reset, "RFC 9293 section 3.5.2; socket(7)"),
)


def _check_framing() -> Found:
    if not any(row.local.port == PORT for row in my_rows() if row.state == "LISTEN"):
        return Found(False, f"no socket of this process listens on port {PORT}.")
    pieces = connection.meet(HOME, PORT)
    wrong = next((one for one in pieces if not one.passed), None)
    if wrong is None and pieces:
        return Found(True, f"a client in another process sent messages in {len(pieces)} ways; each answer was right.")
    return Found(False, f"{wrong.way}: {wrong.said}." if wrong else "the client came to no end in time.")


def _check_close_wait() -> Found:
    count = sum(row.state == "CLOSE_WAIT" for row in my_rows())
    if count == WAITING:
        return Found(True, f"{count} connections of this process are in CLOSE_WAIT.")
    return Found(False, f"{count} connections of this process are in CLOSE_WAIT, not {WAITING}.")


def _check_restart() -> Found:
    rows = table.snapshot(("tcp",), ("TIME_WAIT", "LISTEN"))
    waiting = {row.local for row in rows if row.state == "TIME_WAIT"}
    taken = [row.local for row in rows if row.state == "LISTEN"]
    _left.update(place for place in waiting if not any(listener.covers(place) for listener in taken))
    listeners = [row.local for row in my_listeners()]
    if not listeners:
        return Found(False, f"no socket of this process listens with a backlog of {BACKLOG}. This check has noted "
                            "where an old connection is in TIME_WAIT and no program listens.")  # fmt: skip
    if not waiting:
        return Found(False, "the kernel's table shows no connection in TIME_WAIT. Serve a client again; if there is "
                            "still none, this kernel keeps none, and the task cannot be done here.")  # fmt: skip
    again = {place for place in waiting if any(listener.covers(place) for listener in listeners)}
    if not again:
        return Found(False, "no listener of this process has the address and port of a connection in TIME_WAIT.")
    if not again & _left:
        return Found(False, "a listener is there, but no check has seen that the first one was closed.")
    return Found(True, "a socket of this process listens again where an old connection is still in TIME_WAIT.")


EXERCISES = (
    Exercise(
        "framing",
        f"Build a server at 127.0.0.1, port **{PORT}** (other learners get a different one). A message is four bytes, "
        "its length in network order, and then its bytes. Answer each message with the same message in capitals, with "
        "its length in front. One connection may carry many messages. The check starts a client in another process, "
        "which sends messages in odd pieces.",
        _check_framing,
        (
            "Write a function that receives **exactly** n bytes: call `recv` until you have all, or until it returns "
            '`b""`. `struct.pack("!I", n)` makes the four bytes.',
            "Let the server run in a thread, so that the check can run: `threading.Thread(target=serve, "
            "daemon=True).start()`. Serve one client after the other.",
            'Fill the blanks: `while (length := exactly(sock, ...)): text = exactly(sock, ...); sock.sendall(...)`. '
            'Let `exactly` return `b""` when the client has closed.',
        ),
    ),
    Exercise(
        "close-wait",
        f"Let exactly **{WAITING}** connections of this process be in CLOSE_WAIT. Keep them so, and check. Which side "
        "has to call `close`, and which side must not?",
        _check_close_wait,
        (
            "CLOSE_WAIT means: the other end has closed, and this program has not.",
            "Connect clients to a listener of your own, and accept them. Both ends are in this process.",
            f"Fill the blank, for {WAITING} clients: `client.close()`, and keep what `...` returned.",
        ),
    ),
    Exercise(
        "restart",
        "Serve one client, close the server's end of the connection first, and close the listener. Check: no program "
        f"listens there now. Then listen again on the same port, with a backlog of **{BACKLOG}**, while the old "
        "connection is in TIME_WAIT, and check once more.",
        _check_restart,
        (
            "Set `SO_REUSEADDR` on both servers; `socket.create_server` does so on Linux and macOS.",
            "Call in this order: `server.close()`, `client.close()`, `listener.close()`, and the check.",
            f"Give the first listener's address: `again = socket.create_server(..., backlog={BACKLOG})`.",
        ),
    ),
)
