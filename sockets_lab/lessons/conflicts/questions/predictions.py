"""The predictions of lesson 04: which of two programs gets the port, and who gets what arrives there."""

from functools import partial

from sockets_lab.course.questions import OTHER, Choice, Prediction, other, require
from sockets_lab.lessons.conflicts import BindRequest, Trial, after_close, in_use, share, stage

SENDERS = 40


def _second(trial: Trial) -> str:
    """Say in a choice's key what became of the second program."""
    _undisturbed(trial)
    return {"all worked": "granted", "bind 2": "bind-refused", "listen 2": "listen-refused"}.get(trial.ending, OTHER)


def _undisturbed(trial: Trial) -> None:
    """Go on where a refusal, if there was one, was for the port's sake. Raises: NotMeasured."""
    require(not trial.disturbed, "other programs held the port in every trial")
    require(trial.refused is None or in_use(trial.refused), f"it never came to a conflict: {trial.refused}")


def _wildcard_first() -> str:
    first, second = BindRequest(address="0.0.0.0", listens="before"), BindRequest(listens="before")
    return _second(stage(first, second, two_programs=True))


def _spread(protocol: str, option: str) -> str:
    result = share(protocol, option, senders=SENDERS)
    if step := result.refused:
        missing = step.refused is not None and step.refused.name == "ENOPROTOOPT"  # as SO_REUSEPORT is on Windows
        require(missing or (in_use(step) and step.socket == 2), f"it never came to sharing: {step}")
        return "refused"
    require(None not in result.went_to, "not all that was sent came to one of the two sockets")
    if result.copies:
        return "copies"
    first, second = result.counts
    return "first" if second == 0 else "second" if first == 0 else "spread"


def _restart(new_reuse_address: bool) -> str:
    trial = after_close("server", new_reuse_address=new_reuse_address)
    require(not trial.unseen, trial.unseen)
    return _second(trial)


YES = partial(Choice, "granted", "yes, it gets the port")
NO = partial(Choice, "bind-refused", "no, its bind is refused")
HALF = partial(Choice, "listen-refused", "it may bind, but not listen")
LATE = HALF("This system allows the bind, and refuses to listen while the old connection is in TIME_WAIT.")
STRANGE = (other("Another call was refused than the ones asked about; the panel shows which."),)
FIRST, SECOND = partial(Choice, "first", "always the first"), partial(Choice, "second", "always the second")
SPREAD = partial(Choice, "spread", "now the one, now the other")
COPIES = partial(Choice, "copies", "each of them, a copy each")
NOBODY = partial(Choice, "refused", "nobody, the second socket is refused")

PREDICTIONS = (
    Prediction(
        "wildcard-first",
        "A program listens at `0.0.0.0`, the wildcard. Another one wants to listen at `127.0.0.1`, on the same port. "
        "May it?",
        (YES("This system lets the more specific address have the port (Windows does, for one user)."),
         NO("The wildcard claims the port on *every* address, and `127.0.0.1` is one of them. The order does not "
            "matter: specific first, wildcard second ends the same way."),
         HALF("This system looks at the conflict only when the second one listens.")),
        _wildcard_first,
        STRANGE,
    ),
    Prediction(
        "connections",
        f"Both sockets set `SO_REUSEPORT`, and both listen. {SENDERS} clients connect, one after the other. "
        "Who gets them?",
        (FIRST("This system lets both listen, and gives everything to the first."),
         SECOND("This system lets both listen, and gives everything to the last."),
         SPREAD("The kernel computes a number from each connection's addresses and ports, and that number chooses "
                "the listener. No client can tell, and none was lost: the counts add up. The price: each listener "
                "has a queue of its own, and when one closes, Linux resets the clients that wait in it (unless "
                "`net.ipv4.tcp_migrate_req` is set)."),
         COPIES("This system gave one client to two sockets, which TCP does not know."),
         NOBODY("This system has no `SO_REUSEPORT`, or does not let two sockets of one user listen with it.")),
        lambda: _spread("tcp", "SO_REUSEPORT"),
    ),
    Prediction(
        "datagrams",
        f"Two UDP sockets, both with `SO_REUSEADDR`, are bound to one address and port. {SENDERS} datagrams come. "
        "Who receives them?",
        (FIRST("On this system the first one keeps everything; the second one waits in vain."),
         SECOND("The last one bound gets all of it, the first one nothing, and neither is told. Once a UDP socket "
                "has set this option, any later one that sets it, too, can silently take over its port: Python's "
                "asyncio dropped it for that."),
         SPREAD("This system spreads datagrams over sockets that share an address."),
         COPIES("This system gives every socket a copy, as all do for multicast."),
         NOBODY("This system does not let two UDP sockets share a port this way.")),
        lambda: _spread("udp", "SO_REUSEADDR"),
    ),
    Prediction(
        "restart-plain",
        "A server closes its last connection, then its listener, and ends. It is started again at once, without any "
        "option. Does it get its port back?",
        (YES("This system does not count a connection in TIME_WAIT as a claim."),
         NO("No process holds the port any more, but the kernel keeps the closed connection for a while, in the "
            "state TIME_WAIT. That entry still claims the port."),
         LATE),
        lambda: _restart(new_reuse_address=False),
        STRANGE,
    ),
    Prediction(
        "restart-late",
        "Again, but the *new* server sets `SO_REUSEADDR`. The old one, which is gone, had not. Does it get the port?",
        (YES("On this system it is enough that the new server sets it, as on FreeBSD."),
         NO("On Linux the option must stand on *both* sides, and the connection in TIME_WAIT remembers that its "
            "server had not set it. So servers set it always, from their first start on."),
         LATE),
        lambda: _restart(new_reuse_address=True),
        STRANGE,
    ),
)  # fmt: skip
