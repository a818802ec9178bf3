"""The questions of lesson 02."""

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
    require,
)
from sockets_lab.errors import Refused, describe
from sockets_lab.kernel import descriptors
from sockets_lab.kernel.machine import home_address
from sockets_lab.lessons import binding
from sockets_lab.model import Endpoint

LOOPBACK = "127.0.0.1"
MINE = home_address()  # this learner's own; 127.0.0.1 again where no other loopback address can be bound
BOTH = tuple(dict.fromkeys((LOOPBACK, MINE)))
ACCEPT = (("accepted", "accept"), ("server", "accept"))
TRIES = 5  # another program may use the same port on the other address: then another port is tried


def _other_loopback() -> str:
    known = {"ECONNREFUSED": "refused", "DEADLINE": "silence", "ETIMEDOUT": "silence"}
    for _ in range(TRIES):
        found = binding.audience(binding.PLACES[0], destinations=("127.0.0.2",))
        require(found.reaches, f"the server's {found.trial.call} was refused ({found.trial.refused})")
        (reach,) = found.reaches
        if reach.reached:
            return "reached"
        if reach.refused:
            missing = reach.refused.name == "ECONNREFUSED" or binding.try_bind(Endpoint("127.0.0.2", 0)).refused
            require(missing, "this machine has 127.0.0.2, but something drops what is sent there")
            return answer(known, reach.refused.name)
    raise NotMeasured("another program answered on every port that was tried")


def _names(talk: binding.Conversation, who: str, after: str) -> binding.Names:
    """Return a socket's addresses after a call. Raises: NotMeasured, where the conversation ended before that."""
    found = [step for step in talk.names if (step.who, step.after) == (who, after)]
    require(found, f"the conversation ended before {after} ({talk.refused})")
    return found[0]


def _accepted_name() -> str:
    local = evidence(_names(binding.conversation(server_at="0.0.0.0"), "accepted", "accept").local, "getsockname")
    return {"0.0.0.0": "wildcard", LOOPBACK: "specific"}.get(local.address, OTHER)


def _sent_unbound() -> str:
    local = _names(binding.conversation("udp"), "client", "sendto").local
    if isinstance(local, Refused) or local.port == 0:
        return "unbound"
    return "wildcard" if local.is_wildcard else "specific"


def _refused_low_ports() -> tuple[binding.LowPort, bool, bool]:
    """Return whether a low port is refused on 127.0.0.1, and on 0.0.0.0; a port in use proves neither."""
    low = binding.low_port()
    for one in (low.specific, low.wildcard):
        require(one.refused is None or one.refused.name == "EACCES", f"bind to port {one.asked.port}: {one.refused}")
    return low, low.specific.refused is not None, low.wildcard.refused is not None


def _low_port() -> str:
    _, specific, wildcard = _refused_low_ports()
    return "refused" if specific and wildcard else "only-wildcard" if specific else "granted"


PREDICTIONS = (
    Prediction(
        "other-loopback",
        "A server is bound to 127.0.0.1. A client on the same machine connects to 127.0.0.2, to the same port. "
        "What happens?",
        (Choice("reached", "the client reaches the server", "Something on this machine redirects one address to the "
                "other."),
         Choice("refused", "the connection is refused", "127.0.0.2 is this machine too, but no socket listens there. "
                "The address and the port must both match."),
         Choice("silence", "no response comes", "This machine has 127.0.0.1 alone, as macOS does by default, so no "
                "kernel has the address and none refuses.")),
        _other_loopback,
    ),
    Prediction(
        "accepted-name",
        "A server is bound to the wildcard 0.0.0.0. A client connects to 127.0.0.1, and the server accepts. "
        "Which local address does the *accepted* socket have?",
        (Choice("wildcard", "it has 0.0.0.0, as the listener has", "On this system the accepted socket keeps the "
                "listener's address."),
         Choice("specific", "it has 127.0.0.1, as the client asked", "The wildcard only makes sense for listening. A "
                "connection joins two specific addresses, so the accepted socket gets the one the client connected "
                "to.")),
        _accepted_name,
        (other("Something on this machine rewrites addresses."),),
    ),
    Prediction(
        "sent-unbound",
        "You make a UDP socket, never call `bind`, and send a datagram. Which local address does the socket have now?",
        (Choice("unbound", "it has none, as before", "This system sends without binding the socket."),
         Choice("wildcard", "it has 0.0.0.0 and a port", "The kernel bound the socket to a free port before it sent: "
                "an **implicit bind**, so that an answer can come back. The address is not fixed yet: the next "
                "datagram may leave through a different interface."),
         Choice("specific", "it has 127.0.0.1 and a port", "This system also fixes the address with the first "
                "datagram.")),
        _sent_unbound,
    ),
    Prediction(
        "low-port",
        "The source text says that ports below 1024 need special privileges. Does this kernel let *you* bind one?",
        (Choice("granted", "it lets you bind one on any address", "Either you have the privilege, as root has, or "
                "this system does not ask for it. On Linux a setting says where unprivileged ports begin, and "
                "containers often set it to 0; Windows has no such rule."),
         Choice("refused", "it refuses with EACCES", "On Linux a low port needs the capability CAP_NET_BIND_SERVICE, "
                "or a lower `ip_unprivileged_port_start`. Linux checks this before it checks whether the port is "
                "free."),
         Choice("only-wildcard", "it lets you bind one on the wildcard only", "macOS does this since 10.14: any user "
                "may bind a low port on the wildcard address, and only root on a specific one.")),
        _low_port,
    ),
)  # fmt: skip


def _sockets(kind: str) -> list[tuple[Endpoint, Endpoint | None]]:
    """Return the addresses of this process's sockets of one kind, from the kernel."""
    return [(one.local, one.remote) for one in descriptors.table() if one.type == kind and one.local]


def _check_own_name() -> Found:
    if any(local.address == MINE and local.port and remote is None for local, remote in _sockets("UDP")):
        return Found(True, f"the kernel has a UDP socket of this process bound to {MINE}.")
    if any(local.address == MINE and local.port for local, _ in _sockets("TCP")):
        return Found(False, f"what this process has bound to {MINE} is a TCP socket.")
    return Found(False, f"no UDP socket of this process is bound to {MINE}.")


def _check_two_ways() -> Found:
    names = _sockets("TCP")
    waiting = {local.port for local, remote in names if local.is_wildcard and local.port and remote is None}
    if not waiting:
        return Found(False, "no TCP socket of this process is bound to a wildcard address.")
    for port in waiting:
        if {Endpoint(address, port) for address in BOTH} <= {remote for _, remote in names}:
            return Found(True, f"clients are connected to one wildcard listener at {' and at '.join(BOTH)}.")
    return Found(False, f"no wildcard listener of this process has clients at {' and at '.join(BOTH)}.")


EXERCISES = (
    Exercise(
        "own-name",
        f"Bind a UDP socket to the address **{MINE}** (other learners have a different one), on a port that the kernel "
        "chooses. Keep it open and check.",
        _check_own_name,
        (
            "Make a UDP socket: `socket.socket(socket.AF_INET, socket.SOCK_DGRAM)`.",
            "Call `bind` with port 0: the kernel then chooses a free port.",
            f"Fill the blank: `mine.bind(({MINE!r}, ...))`.",
        ),
    ),
    Exercise(
        "two-ways",
        "Make *one* TCP listener that clients reach at every IPv4 address of this machine. Connect a client to it "
        f"at each of these: **{'** and **'.join(BOTH)}**. Keep them open and check.",
        _check_two_ways,
        (
            "Listen on the wildcard address `0.0.0.0`. You need not call `accept`: the kernel completes connections.",
            "Call `socket.create_server((address, 0))` to bind and listen; `server.getsockname()[1]` is the port.",
            "Make one client for each address, and keep it: `one = socket.create_connection((..., port), timeout=5)`.",
        ),
    ),
)


def _object_and_name() -> tuple[str, str]:
    with binding.bound() as (sock, trial):
        found = descriptors.entry(sock.fileno()) if sock else None
    require(trial.refused is None, f"bind was refused ({trial.refused})")
    before, after = (describe(step.local) for step in trial.names)
    what = f"the socket with inode {found.inode}" if isinstance(found, descriptors.Entry) else "one socket"
    return f"{what} had the address {before} before bind and {after} after it", "true here"


def _specific() -> tuple[str, str]:
    audience = binding.audience(binding.PLACES[2], destinations=binding.DESTINATIONS[:2])
    require(audience.reaches, f"the server's {audience.trial.call} was refused ({audience.trial.refused})")
    reached = [reach.destination.address for reach in audience.reaches if reach.reached]
    require(len(reached) == 2, f"clients reached it at {' and at '.join(reached) or 'no address'} only")
    return f"one socket, bound to {audience.trial.name}, was reached at {' and at '.join(reached)}", "only in part"


def _remote_name() -> tuple[str, str]:
    talk = binding.conversation()
    client, accepted, waiting = (_names(talk, *step) for step in (("client", "connect"), *ACCEPT))
    fits = (client.local, client.remote) == (accepted.remote, accepted.local)
    said = "the same two, reversed" if fits else f"{accepted.local}, {accepted.remote}"
    return (
        f"the client has the addresses {client.local} and {client.remote}, the accepted socket {said}; the listener "
        f"has no remote address: {describe(waiting.remote)}",
        "true here" if fits else "false",
    )


def _bound_by_the_way() -> tuple[str, str]:
    talks = {call: binding.bind_by(call) for call in binding.BINDING_CALLS}
    found = {call: talk.refused or _names(talk, "socket", call).local for call, talk in talks.items()}
    require(any(isinstance(local, Endpoint) for local in found.values()), "none of the calls worked")
    said = "; ".join(f"{call} bound the socket to {describe(local)}" for call, local in found.items())
    return f"without a call of bind: {said} (implicit bind)", "only in part"


def _privilege() -> tuple[str, str]:
    low, *_ = _refused_low_ports()
    answers = [one.refused.name if one.refused else "granted" for one in (low.specific, low.wildcard)]
    said = f"port {low.specific.asked.port} on 127.0.0.1: {answers[0]}; on 0.0.0.0: {answers[1]}"
    said += "; you have the privilege, or this system asks for none" if low.everything else ""
    return said, "only in part" if low.everything else "true here"


CLAIMS = (
    Claim("A socket address is what a socket is associated with.", _object_and_name, "bind(2); RFC 9293 section 4"),
    Claim("A socket is associated with one specific address of the local node.", _specific, "ip(7), IP_FREEBIND"),
    Claim("The peer has its own socket and socket address.", _remote_name, "getpeername(2)"),
    Claim("Binding enables a process to send and receive.", _bound_by_the_way, "ip(7); Windows: not by listen"),
    Claim(
        "The low ports need special privileges.",
        _privilege,
        "capabilities(7), ip(7). macOS from 10.14: not on the wildcard. Windows: none",
    ),
)
