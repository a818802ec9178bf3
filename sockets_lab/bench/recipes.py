"""States that confuse people, made by hand: each recipe is a row of the bench's own actions, one click each."""

from dataclasses import dataclass

NAMES = ("server", "client", "served", "second", "again")  # in an action these stand for sockets


@dataclass(frozen=True)
class Step:
    """One action: a method of `Bench` and its arguments; look: what to look for afterwards, "" = nothing new."""

    do: str
    arguments: tuple = ()
    look: str = ""


@dataclass(frozen=True)
class Recipe:
    """A state, and the steps that make it. watch: in one sentence, what is confusing about it."""

    title: str
    watch: str
    steps: tuple[Step, ...]


def _listening(backlog: int = 5) -> tuple[Step, ...]:
    return (
        Step("create", ("server",)),
        Step("bind", ("server",), "The server has a name now; the kernel chose its port."),
        Step("listen", ("server", backlog), "Its row says LISTEN, and the empty circles are the room in its queue."),
        Step("create", ("client",)),
    )


def _connected(*options: Step) -> tuple[Step, ...]:
    connect = Step("connect", ("client", "server"), "Connected: the other end waits for `accept`.")
    return (*_listening()[:1], *options, *_listening()[1:], connect,
            Step("accept", ("server", "served"), "Now both ends have a descriptor."))  # fmt: skip


RECIPES = {
    "before accept": Recipe(
        "Connected, and nobody accepted it",
        "The kernel makes connections; accept only hands them out.",
        (
            *_listening(),
            Step("connect", ("client", "server"),
                 "The server's end is ESTABLISHED, and no descriptor leads to it: the dashed box."),
            Step("send", ("client", b"early"), "The bytes lie in the receive queue of an end that no program holds."),
            Step("accept", ("server", "served"), "The same end, with a descriptor. Its bytes were there before."),
            Step("receive", ("served",)),
        ),
    ),
    "SYN_RECV": Recipe(
        "SYN_RECV: half of a handshake",
        "The client is connected, and the server's kernel still has no more than its request.",
        (
            *_listening()[:1],
            Step("set_option", ("server", "TCP_DEFER_ACCEPT", 5), "Linux: wake the server only when data comes."),
            *_listening()[1:],
            Step("connect", ("client", "server"),
                 "The client says ESTABLISHED; at the server's end the kernel ignored the last step: SYN_RECV."),
            Step("accept", ("server", "served"), "Nothing is there to accept yet."),
            Step("send", ("client", b"now"), "The first data finishes it: the connection waits for accept."),
            Step("accept", ("server", "served")),
        ),
    ),
    "full accept queue": Recipe(
        "SYN_SENT: the accept queue is full",
        "The second client is neither connected nor refused: it waits, and its kernel asks again by itself.",
        (
            *_listening(0),
            Step("connect", ("client", "server"), "A backlog of 0 still has room for one, on Linux."),
            Step("create", ("second",)),
            Step("connect", ("second", "server"), "No answer: SYN_SENT. The server's kernel dropped the request."),
            Step("accept", ("server", "served"),
                 "There is room again. Wait: within a few seconds the second becomes ESTABLISHED, by itself."),
        ),
    ),
    "CLOSE_WAIT": Recipe(
        "CLOSE_WAIT: the other end has closed, this program has not",
        "A CLOSE_WAIT that stays is a program that forgot to close.",
        (
            *_connected(),
            Step("close", ("client",), "The end that closed is FIN_WAIT2, and the kernel's; the other is CLOSE_WAIT."),
            Step("receive", ("served",), "b'' is how a program learns that the other end has closed."),
            Step("close", ("served",), "Only this ends a CLOSE_WAIT. The client's end goes on to TIME_WAIT."),
        ),
    ),
    "TIME_WAIT": Recipe(
        "TIME_WAIT: closed, and still in the table",
        "The end that closes first keeps the name for a minute, and with it the port.",
        (
            *_connected(Step("set_option", ("server", "SO_REUSEADDR", 1), "As servers do; what for comes at the end.")),
            Step("close", ("served",), "The server's end closes first."),
            Step("close", ("client",), "The server's end is in TIME_WAIT: no descriptor, no process, one row."),
            Step("close", ("server",)),
            Step("create", ("again",)),
            Step("bind", ("again", "", "server"), "EADDRINUSE, though nobody has the port: the TIME_WAIT row has it."),
            Step("set_option", ("again", "SO_REUSEADDR", 1), "The cure, set before bind; the old server had it too."),
            Step("bind", ("again", "", "server"), "The same port, beside the TIME_WAIT row (on Linux)."),
            Step("listen", ("again",)),
        ),
    ),
    "half-closed": Recipe(
        "Half-closed: one direction has ended",
        "A connection is two streams, and each ends on its own.",
        (
            *_connected(),
            Step("shut_down", ("client", "SHUT_WR"), "FIN_WAIT2 and CLOSE_WAIT, and both descriptors are open."),
            Step("receive", ("served",), "The served end reads the end of that stream."),
            Step("send", ("served", b"still here"), "The other direction works."),
            Step("receive", ("client",)),
            Step("send", ("client", b"no more"), "EPIPE: this direction is closed for good."),
            Step("close", ("served",), "The client, which ended first, goes into TIME_WAIT with its descriptor open."),
        ),
    ),
    "full buffer": Recipe(
        "A full receive buffer: send would wait",
        "Bytes that nobody reads fill the receiver's queue, then the sender's; then send is refused or waits.",
        (
            *_connected(Step("set_option", ("server", "SO_RCVBUF", 4096), "A small buffer, so that it is soon full.")),
            Step("set_option", ("client", "SO_SNDBUF", 4096)),
            Step("send", ("client", b"x", 3000), "These bytes crossed over: they lie unread at the served end."),
            Step("fill", ("client",), "Both queues are full: EAGAIN. A call that may wait would wait here."),
            Step("receive", ("served",), "Room again: what the sender's kernel had kept moves over."),
        ),
    ),
    "ECONNRESET": Recipe(
        "ECONNRESET: closed with bytes unread",
        "Who closes without reading all that has come throws the connection away.",
        (
            *_connected(),
            Step("send", ("client", b"unread"), "Six bytes lie at the served end."),
            Step("close", ("served",), "No FIN, but a reset: neither end is in the table any more, nothing is kept."),
            Step("receive", ("client",), "The program learns it at its next call, and only once."),
            Step("send", ("client", b"hello"), "From now on the socket is simply closed for sending."),
        ),
    ),
    "ECONNREFUSED": Recipe(
        "ECONNREFUSED: a name, and nobody listens",
        "A bound port is not an open port.",
        (
            *_listening()[:2],
            Step("create", ("client",)),
            Step("connect", ("client", "server"), "The server is bound and never called listen: refused at once."),
            Step("create", ("second", "UDP")),
            Step("connect", ("second", "server"), "UDP's connect sends nothing, so it cannot be refused."),
            Step("send", ("second", b"anybody?"), "The datagram goes off, and an ICMP message comes back."),
            Step("receive", ("second",), "That message is told at the next call."),
        ),
    ),
    "wrong calls": Recipe(
        "Calls that make no sense",
        "Every one of them is answered with another errno.",
        (
            *_listening(),
            Step("connect", ("server", "server"), "A listener does not connect."),
            Step("send", ("server", b"hello"), "A listener carries no data."),
            Step("accept", ("client", "served"), "Only a listener accepts."),
            Step("receive", ("client",), "Nobody is at the other end."),
            Step("bind", ("server",), "A socket is named once."),
            Step("accept", ("server", "served"), "Nobody is waiting: a call that may wait would wait here."),
        ),
    ),
}  # fmt: skip
