"""The predictions of lesson 04: which of two programs gets the port, and who gets what arrives there."""

from sockets_lab.course.questions import Prediction
from sockets_lab.lessons.conflicts import BindRequest, Trial, after_close, share, stage

SENDERS = 40

YES, NO, HALF = "yes, it gets the port", "no, its bind is refused", "it may bind, but not listen"
WORDS = {"all worked": YES, "bind 2": NO, "listen 2": HALF}
OTHER = "something else"


def _second(trial: Trial) -> str:
    """Say in a choice's words what became of the second program."""
    return WORDS.get(trial.ending, OTHER)


def _wildcard_first() -> str:
    first, second = BindRequest(address="0.0.0.0", listens="before"), BindRequest(listens="before")
    return _second(stage(first, second, two_programs=True))


def _spread(protocol: str, option: str) -> str:
    result = share(protocol, option, senders=SENDERS)
    if result.refused:
        return "nobody, the second socket is refused"
    if result.copies:
        return "each of them, a copy each"
    first, second = result.counts
    return "always the first" if second == 0 else "always the second" if first == 0 else "now the one, now the other"


def _restart_plain() -> str:
    return _second(after_close("server"))


def _restart_late() -> str:
    return _second(after_close("server", old_reuse_address=False, new_reuse_address=True))


STRANGE = {OTHER: "Another call was refused than the ones asked about; the panel shows which."}
WHO = ("always the first", "always the second", "now the one, now the other", "each of them, a copy each",
       "nobody, the second socket is refused")  # fmt: skip

PREDICTIONS = (
    Prediction(
        "wildcard-first",
        "A program listens at `0.0.0.0`, the wildcard. Another one wants to listen at `127.0.0.1`, on the same port. "
        "May it?",
        (YES, NO, HALF, OTHER),
        _wildcard_first,
        {
            NO: "The wildcard claims the port on *every* address, and `127.0.0.1` is one of them. The order does not "
            "matter: specific first, wildcard second ends the same way.",
            YES: "This system lets the more specific address have the port (Windows does, for one user).",
            HALF: "This system looks at the conflict only when the second one listens.",
            **STRANGE,
        },
    ),
    Prediction(
        "connections",
        f"Both sockets set `SO_REUSEPORT`, and both listen. {SENDERS} clients connect, one after the other. "
        "Who gets them?",
        WHO,
        lambda: _spread("tcp", "SO_REUSEPORT"),
        {
            "now the one, now the other": "The kernel computes a number from each connection's addresses and ports, "
            "and that number chooses the listener. No client can tell, and none was lost: the counts add up. The "
            "price: each listener has a queue of its own, and when one closes, Linux resets the clients that wait in "
            "it (unless `net.ipv4.tcp_migrate_req` is set).",
            "always the first": "This system lets both listen, and gives everything to the first.",
            "always the second": "This system lets both listen, and gives everything to the last.",
            "each of them, a copy each": "This system gave one client to two sockets, which TCP does not know.",
            "nobody, the second socket is refused": "This system has no `SO_REUSEPORT`, or does not let two sockets of "
            "one user listen with it.",
        },
    ),
    Prediction(
        "datagrams",
        f"Two UDP sockets, both with `SO_REUSEADDR`, are bound to one address and port. {SENDERS} datagrams come. "
        "Who receives them?",
        WHO,
        lambda: _spread("udp", "SO_REUSEADDR"),
        {
            "always the second": "The last one bound gets all of it, the first one nothing, and neither is told. Once "
            "a UDP socket has set this option, any later one that sets it, too, can silently take over its port: "
            "Python's asyncio dropped it for that.",
            "always the first": "On this system the first one keeps everything; the second one waits in vain.",
            "now the one, now the other": "This system spreads datagrams over sockets that share an address.",
            "each of them, a copy each": "This system gives every socket a copy, as all do for multicast.",
            "nobody, the second socket is refused": "This system does not let two UDP sockets share a port this way.",
        },
    ),
    Prediction(
        "restart-plain",
        "A server closes its last connection, then its listener, and ends. It is started again at once, without any "
        "option. Does it get its port back?",
        (YES, NO, HALF, OTHER),
        _restart_plain,
        {
            NO: "No process holds the port any more, but the kernel keeps the closed connection for a while, in the "
            "state TIME_WAIT. That entry still claims the port.",
            YES: "This system does not count a connection in TIME_WAIT as a claim.",
            HALF: "This system allows the bind, and refuses to listen while the old connection is in TIME_WAIT.",
            **STRANGE,
        },
    ),
    Prediction(
        "restart-late",
        "Again, but the *new* server sets `SO_REUSEADDR`. The old one, which is gone, had not. Does it get the port?",
        (YES, NO, HALF, OTHER),
        _restart_late,
        {
            NO: "On Linux the option must stand on *both* sides, and the connection in TIME_WAIT remembers that its "
            "server had not set it. So servers set it always, from their first start on.",
            YES: "On this system it is enough that the new server sets it, as on FreeBSD.",
            HALF: "This system allows the bind, and refuses to listen while the old connection is in TIME_WAIT.",
            **STRANGE,
        },
    ),
)
