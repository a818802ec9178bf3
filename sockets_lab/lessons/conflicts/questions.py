"""The questions of lesson 04."""

from functools import partial

from sockets_lab.course.questions import (
    OTHER,
    Choice,
    Claim,
    Exercise,
    Found,
    Prediction,
    other,
    personal_number,
    require,
)
from sockets_lab.errors import Refused
from sockets_lab.kernel import descriptors
from sockets_lab.lessons import conflicts
from sockets_lab.lessons.conflicts import (
    ELSEWHERE,
    BindRequest,
    Elsewhere,
    Outcome,
    Trial,
    in_use,
    inherit,
    share,
    stage,
)
from sockets_lab.model import SocketRow

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


YES = partial(Choice, "granted", "it gets the port")
NO = partial(Choice, "bind-refused", "its `bind` fails")
HALF = partial(Choice, "listen-refused", "its `bind` succeeds and its `listen` fails")
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
)  # fmt: skip


def _one_process_only() -> tuple[str, str]:
    plain = stage(BindRequest(), BindRequest(), two_programs=True)
    both = BindRequest(reuse_port=True, listens="before")
    shared = stage(both, both, two_programs=True)
    return (
        f"two programs, no option: {_told(plain)}; both with SO_REUSEPORT: {_told(shared)}",
        "only in part" if plain.refused else "false",
    )


def _told(outcome: Outcome) -> str:
    """Say which of two programs got a port. Raises: NotMeasured, where they never asked for the same one."""
    step = outcome.refused
    require(not outcome.disturbed, "other programs held the port in every trial")
    require(step is None or in_use(step), f"it never came to a conflict: {step}")
    if step is None or step.refused is None:
        return "both get the port"
    return f"the {'first' if step.socket == 1 else 'second'} one's {step.call} fails with {step.refused.name}"


def _inherited() -> tuple[str, str]:
    result = inherit()
    who = [program for program, client in result.accepted if not isinstance(client, Refused)]
    text = f"one listener, inherited by a second process: clients were accepted by {', '.join(who) or 'neither'}"
    require(len(set(who)) == 2, text)
    return text, "false"


def _elsewhere(system: str) -> Elsewhere:
    return next(one for one in ELSEWHERE if one.system == system)


def _datagrams() -> tuple[str, str]:
    both = BindRequest(protocol="udp", reuse_address=True)
    plain = stage(BindRequest(protocol="udp"), BindRequest(protocol="udp"))
    return (
        f"UDP, no option: {_told(plain)}; both with SO_REUSEADDR: {_told(stage(both, both))}",
        "only in part" if plain.refused else "false",
    )


def _same_ip() -> tuple[str, str]:
    names = ("wildcard, then specific", "dual-stack ::, then 0.0.0.0", "two loopback addresses")
    found = {name: stage(*conflicts.requests_of("TCP", name, "no")) for name in names}
    met = {name: one for name, one in found.items() if one.refused is None or in_use(one.refused)}
    require(met, "none of the pairs of addresses can be bound here")
    told = [f"{name}: {_told(one) if name in met else f'not tried, {one.refused}'}" for name, one in found.items()]
    return "; ".join(told), "only in part" if any(one.refused for one in met.values()) else "true here"


def _same_protocol() -> tuple[str, str]:
    outcome = stage(BindRequest(), BindRequest(protocol="udp"))
    return f"TCP and UDP, same address and port: {_told(outcome)}", "true here" if outcome.refused is None else "false"


BSD, WINDOWS = _elsewhere("FreeBSD"), _elsewhere("Windows")

CLAIMS = (
    Claim("Only one process may bind to an IP address and port.", _one_process_only, "socket(7); measured"),
    Claim("No two processes serve one port.", _inherited, "fork(2); measured"),
    Claim("The rule is the same for UDP.", _datagrams, "measured; cpython issue 81409: asyncio dropped the option"),
    Claim("A port conflict is about the same IP address.", _same_ip, "ip(7), ipv6(7); measured"),
    Claim("A port conflict is about the same protocol.", _same_protocol, "measured"),
    Claim("The rule is the same on FreeBSD and macOS.", lambda: (f"not measured: {BSD.says}", "differs"), BSD.source),
    Claim("The rule is the same on Windows.", lambda: (f"not measured: {WINDOWS.says}", "differs"), WINDOWS.source),
)


BACKLOG = personal_number("04/backlog", 20, 60)


def my_rows() -> list[SocketRow]:
    """Rows of the sockets that this process holds, one a socket, however many descriptors it has."""
    return list(descriptors.rows_behind([one for one in descriptors.table() if one.type in ("TCP", "UDP")]).values())


def my_listeners() -> list[SocketRow]:
    """This process's listeners with the backlog asked for; where the table does not show it, all of them."""
    return [row for row in my_rows() if row.state == "LISTEN" and row.send_queue in (None, BACKLOG)]


def _check_two_listeners() -> Found:
    places = [row.local for row in my_listeners()]
    if any(places.count(place) >= 2 for place in places):
        return Found(True, "two sockets of this process listen on one address and port.")
    return Found(False, f"no two sockets of this process listen on one address and port with a backlog of {BACKLOG}.")


def _check_both_families() -> Found:
    four, six = ({row.local.port for row in my_listeners() if row.local.address == one} for one in ("0.0.0.0", "::"))
    if four & six:
        return Found(True, "two sockets of this process listen on one port, one at 0.0.0.0 and the other at ::.")
    return Found(False, "no two sockets of this process listen on one port at 0.0.0.0 and at ::, with a backlog of "
                        f"{BACKLOG}.")  # fmt: skip


EXERCISES = (
    Exercise(
        "two-listeners",
        "Let **two** TCP sockets of this process listen on one address and port, each with a backlog of "
        f"**{BACKLOG}** (other learners get a different one).",
        _check_two_listeners,
        (
            "Set the same option on both sockets, before you bind them.",
            "Call `socket.create_server(address, reuse_port=True, backlog=...)`: it sets `SO_REUSEPORT` and listens.",
            "Give the second socket the address of the first: `second = socket.create_server(..., reuse_port=True, "
            f"backlog={BACKLOG})`.",
        ),
    ),
    Exercise(
        "both-families",
        "A server wants a socket of its own for each family: one at `0.0.0.0` and one at `::`, both on one port, each "
        f"with a backlog of **{BACKLOG}**, and without `SO_REUSEPORT`. Both listen on all interfaces, so close them "
        "soon. (Without IPv6 this cannot be done.)",
        _check_both_families,
        (
            "Bind the second one after the first, and read the error. A socket at `::` is dual-stack by default on "
            "Linux: it serves IPv4 clients, too.",
            "Which option makes a socket at `::` serve IPv6 alone? See the rows of the matrix.",
            "Fill the blank before `bind`: `second.setsockopt(socket.IPPROTO_IPV6, ..., 1)`.",
        ),
    ),
)
