"""The predictions of lesson 04: which of two programs gets the port, and who gets what arrives there."""

from functools import partial

from sockets_lab.course.questions import OTHER, Choice, Prediction, other, require
from sockets_lab.lessons.conflicts import BindRequest, Trial, after_close, in_use, share, stage

SENDERS = 40


def _second(trial: Trial) -> str:
    """Say in a choice's key what happened to the second program."""
    _undisturbed(trial)
    return {"all worked": "granted", "bind 2": "bind-refused", "listen 2": "listen-refused"}.get(trial.ending, OTHER)


def _undisturbed(trial: Trial) -> None:
    """Go on where an error, if there was one, says that the port is in use. Raises: NotMeasured."""
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


YES = partial(Choice, "granted", "it gets the port")
NO = partial(Choice, "bind-refused", "its `bind` fails")
HALF = partial(Choice, "listen-refused", "its `bind` succeeds and its `listen` fails")
LATE = HALF("This system lets it bind, but not listen, while the old connection is in TIME_WAIT.")
STRANGE = (other("Another call failed than the ones asked about; the panel shows which."),)
FIRST = partial(Choice, "first", "the first socket gets all of them")
SECOND = partial(Choice, "second", "the second socket gets all of them")
SPREAD = partial(Choice, "spread", "the two sockets share them")
COPIES = partial(Choice, "copies", "both sockets get a copy of each")
NOBODY = partial(Choice, "refused", "neither socket does: the second one fails")

PREDICTIONS = (
    Prediction(
        "wildcard-first",
        "A program listens on `0.0.0.0`, the wildcard. Another program wants to listen on `127.0.0.1`, on the same "
        "port. What happens to the second program?",
        (YES("This system lets the more specific address have the port, as Windows does for one user."),
         NO("The wildcard uses the port on *every* address, and `127.0.0.1` is one of them, so `bind` fails with "
            "EADDRINUSE. On Linux the order does not matter: specific first, wildcard second ends the same way."),
         HALF("This system checks for the conflict only when the second program listens.")),
        _wildcard_first,
        STRANGE,
    ),
    Prediction(
        "connections",
        f"Two sockets both set `SO_REUSEPORT`, and both listen on one port. {SENDERS} clients connect, one after the "
        "other. Which socket gets them?",
        (FIRST("This system lets both sockets listen, and gives every client to the first."),
         SECOND("This system lets both sockets listen, and gives every client to the last."),
         SPREAD("Linux computes a hash of each connection's addresses and ports, and the hash chooses the listener. "
                "No client notices, and none was lost. The cost: each listener has its own accept queue, and when "
                "one closes, Linux resets the clients in its queue (unless `net.ipv4.tcp_migrate_req` is set)."),
         COPIES("This system gave one client to two sockets, which TCP does not allow."),
         NOBODY("This system has no `SO_REUSEPORT`, or does not let two sockets of one user listen with it.")),
        lambda: _spread("tcp", "SO_REUSEPORT"),
    ),
    Prediction(
        "datagrams",
        f"Two UDP sockets, both with `SO_REUSEADDR`, are bound to one address and port. {SENDERS} datagrams arrive. "
        "Which socket gets them?",
        (FIRST("On this system the first socket keeps all of them, and the second one waits for ever."),
         SECOND("On Linux the socket that was bound last gets everything, and neither program is informed. Once a UDP "
                "socket has set this option, any later socket that sets it too can silently take over the port. "
                "Python's asyncio dropped the option for this reason."),
         SPREAD("This system spreads datagrams over sockets that share an address."),
         COPIES("This system gives every socket a copy, as other systems do only for multicast."),
         NOBODY("This system does not let two UDP sockets share a port with this option.")),
        lambda: _spread("udp", "SO_REUSEADDR"),
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
