"""States that confuse people, made by hand: each recipe is a row of the playground's own actions, one click each."""

from collections.abc import Iterator
from dataclasses import dataclass

from sockets_lab.playground.live import Playground
from sockets_lab.playground.places import HERE

NAMES = ("server", "client", "served", "second", "again")  # in an action these stand for sockets


@dataclass(frozen=True)
class Action:
    """One action: a method of `Playground` and its arguments; look: what to look for afterwards, "" = nothing new."""

    do: str
    arguments: tuple = ()
    look: str = ""


@dataclass(frozen=True)
class Recipe:
    """A state, and the steps that make it. watch: in one sentence, what is confusing about it."""

    title: str
    watch: str
    steps: tuple[Action, ...]


def _listening(backlog: int = 5) -> tuple[Action, ...]:
    return (
        Action("create", ("server",)),
        Action("bind", ("server",), "The server has a name now; the kernel chose its port."),
        Action("listen", ("server", backlog), "Its row says LISTEN, and the empty circles are the room in its queue."),
        Action("create", ("client",)),
    )


def _connected(*options: Action) -> tuple[Action, ...]:
    connect = Action("connect", ("client", "server"), "Connected: the other end waits for `accept`.")
    return (*_listening()[:1], *options, *_listening()[1:], connect,
            Action("accept", ("server", "served"), "Now both ends have a descriptor."))  # fmt: skip


def _recipe(title: str, watch: str, *steps: Action) -> Recipe:
    return Recipe(title, watch, steps)


RECIPES = {
    "before accept": _recipe(
        "Connected, and nobody accepted it",
        "The kernel makes connections; accept only hands them out.",
        *_listening(),
        Action("connect", ("client", "server"),
               "The server's end is ESTABLISHED, and no descriptor leads to it: the dashed box."),
        Action("send", ("client", b"early"), "The bytes lie in the receive queue of an end that no program holds."),
        Action("accept", ("server", "served"), "The same end, with a descriptor. Its bytes were there before."),
        Action("receive", ("served",)),
    ),
    "SYN_RECV": _recipe(
        "SYN_RECV: half of a handshake",
        "The client is connected, and the server's kernel still has no more than its request.",
        *_listening()[:1],
        Action("set_option", ("server", "TCP_DEFER_ACCEPT", 5), "Linux: wake the server only when data comes."),
        *_listening()[1:],
        Action("connect", ("client", "server"),
               "The client says ESTABLISHED; at the server's end the kernel ignored the last step: SYN_RECV."),
        Action("accept", ("server", "served"), "Nothing is there to accept yet."),
        Action("send", ("client", b"now"), "The first data finishes it: the connection waits for accept."),
        Action("accept", ("server", "served")),
    ),
    "full accept queue": _recipe(
        "SYN_SENT: the accept queue is full",
        "The second client is neither connected nor refused: it waits, and its kernel asks again by itself.",
        *_listening(0),
        Action("connect", ("client", "server"), "A backlog of 0 still has room for one, on Linux."),
        Action("create", ("second",)),
        Action("connect", ("second", "server"), "No answer: SYN_SENT. The server's kernel dropped the request."),
        Action("accept", ("server", "served"),
               "There is room again. Wait: within a few seconds the second becomes ESTABLISHED, by itself."),
    ),
    "CLOSE_WAIT": _recipe(
        "CLOSE_WAIT: the other end has closed, this program has not",
        "A CLOSE_WAIT that stays is a program that forgot to close.",
        *_connected(),
        Action("close", ("client",), "The end that closed is FIN_WAIT2, the kernel's; the other is CLOSE_WAIT."),
        Action("receive", ("served",), "b'' is how a program learns that the other end has closed."),
        Action("close", ("served",), "Only this ends a CLOSE_WAIT. The client's end goes on to TIME_WAIT."),
    ),
    "TIME_WAIT": _recipe(
        "TIME_WAIT: closed, and still in the table",
        "The end that closes first keeps the name for a minute, and with it the port.",
        *_connected(Action("set_option", ("server", "SO_REUSEADDR", 1), "As servers do; see the end.")),
        Action("close", ("served",), "The server's end closes first."),
        Action("close", ("client",), "The server's end is in TIME_WAIT: no descriptor, no process, one row."),
        Action("close", ("server",)),
        Action("create", ("again",)),
        Action("bind", ("again", "", "server"), "EADDRINUSE: no program has the port, but the TIME_WAIT row has."),
        Action("set_option", ("again", "SO_REUSEADDR", 1), "The cure, set before bind; the old server had it too."),
        Action("bind", ("again", "", "server"), "The same port, beside the TIME_WAIT row (on Linux)."),
        Action("listen", ("again",)),
    ),
    "half-closed": _recipe(
        "Half-closed: one direction has ended",
        "A connection is two streams, and each ends on its own.",
        *_connected(),
        Action("shut_down", ("client", "SHUT_WR"), "FIN_WAIT2 and CLOSE_WAIT, and both descriptors are open."),
        Action("receive", ("served",), "The served end reads the end of that stream."),
        Action("send", ("served", b"still here"), "The other direction works."),
        Action("receive", ("client",)),
        Action("send", ("client", b"no more"), "EPIPE: this direction is closed for good."),
        Action("close", ("served",), "The client ended first: it goes into TIME_WAIT, its descriptor open."),
    ),
    "full buffer": _recipe(
        "A full receive buffer: send would wait",
        "Bytes that nobody reads fill the receiver's queue, then the sender's; then send is refused or waits.",
        *_connected(Action("set_option", ("server", "SO_RCVBUF", 4096), "A small buffer is soon full.")),
        Action("set_option", ("client", "SO_SNDBUF", 4096)),
        Action("send", ("client", b"x", 3000), "These bytes crossed over: they lie unread at the served end."),
        Action("fill", ("client",), "Both queues are full: EAGAIN. A call that may wait would wait here."),
        Action("receive", ("served",), "Room again: what the sender's kernel had kept moves over."),
    ),
    "ECONNRESET": _recipe(
        "ECONNRESET: closed with bytes unread",
        "Who closes without reading all that has come throws the connection away.",
        *_connected(),
        Action("send", ("client", b"unread"), "Six bytes lie at the served end."),
        Action("close", ("served",), "No FIN, but a reset: neither end is in the table any more, nothing is kept."),
        Action("receive", ("client",), "The program learns it at its next call, and only once."),
        Action("send", ("client", b"hello"), "From now on the socket is simply closed for sending."),
    ),
    "ECONNREFUSED": _recipe(
        "ECONNREFUSED: a name, and nobody listens",
        "A bound port is not an open port.",
        *_listening()[:2],
        Action("create", ("client",)),
        Action("connect", ("client", "server"), "The server is bound and never called listen: refused at once."),
        Action("create", ("second", "UDP")),
        Action("connect", ("second", "server"), "UDP's connect sends nothing, so it cannot be refused."),
        Action("send", ("second", b"anybody?"), "The datagram goes off, and an ICMP message comes back."),
        Action("receive", ("second",), "That message is told at the next call."),
    ),
    "wrong calls": _recipe(
        "Calls that make no sense",
        "Every one of them is answered with another errno.",
        *_listening(),
        Action("connect", ("server", "server"), "A listener does not connect."),
        Action("send", ("server", b"hello"), "A listener carries no data."),
        Action("accept", ("client", "served"), "Only a listener accepts."),
        Action("receive", ("client",), "Nobody is at the other end."),
        Action("bind", ("server",), "A socket is named once."),
        Action("accept", ("server", "served"), "Nobody is waiting: a call that may wait would wait here."),
    ),
}  # fmt: skip


class Replay:
    """One recipe on a playground, one step at a time. Its sockets get names that are still free.

    Args: client_at, server_at: where its sockets live, HERE or nodes.
    """

    def __init__(self, playground: Playground, recipe: Recipe, client_at: str = HERE, server_at: str = HERE) -> None:
        self.playground, self.recipe, self.done = playground, recipe, 0
        self._at = {"server": server_at, "again": server_at, "served": server_at}
        self._elsewhere = client_at
        self._called: dict[str, str] = {}

    @property
    def finished(self) -> bool:
        return self.done >= len(self.recipe.steps)

    def step(self) -> Action | None:
        """Do the next step and return it; None after the last. Raises: BadInput, where its socket is gone."""
        if self.finished:
            return None
        step = self.recipe.steps[self.done]
        self._act(step)
        self.done += 1
        return step

    def all(self) -> Iterator[Action]:
        while step := self.step():
            yield step

    def name(self, role: str) -> str:
        """Return the name that a recipe's socket has on this playground."""
        return self._called.get(role, role)

    def _act(self, step: Action) -> None:
        role, *rest = step.arguments
        if step.do == "create":
            protocol = rest[0] if rest else "TCP"
            place = self._at.get(role, self._elsewhere)
            self._called[role] = str(self.playground.create(protocol, place=place, name=role))
        elif step.do == "accept":
            made = self.playground.accept(self.name(role), rest[0])
            self._called[rest[0]] = made if isinstance(made, str) else rest[0]
        else:
            arguments = [self.name(one) if isinstance(one, str) and one in NAMES else one for one in rest]
            getattr(self.playground, step.do)(self.name(role), *arguments)
