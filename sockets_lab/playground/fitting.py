"""Which actions make sense for a socket in its present state. Every other may be tried too: the kernel answers."""

from sockets_lab.playground.views import SocketEnd

NEW = frozenset({"bind", "listen", "connect", "set_option", "close"})
BOUND = frozenset({"listen", "connect", "set_option", "close"})
OPEN = frozenset({"send", "fill", "receive", "shut_down", "close"})
BY_STATE = {
    "LISTEN": frozenset({"accept", "close"}),
    "SYN_SENT": frozenset({"outcome", "close"}),
    "ESTABLISHED": OPEN,
    "CLOSE_WAIT": OPEN,
    "FIN_WAIT1": frozenset({"receive", "close"}),
    "FIN_WAIT2": frozenset({"receive", "close"}),
}
DATAGRAMS = frozenset({"connect", "send_to", "receive", "set_option", "close"})


def fitting(end: SocketEnd | None) -> frozenset[str]:
    """Return the names of the methods of `Playground` that fit; "send_to" is `send` to somebody named."""
    if end is None or end.descriptor is None:
        return frozenset({"create"})
    if end.protocol == "UDP":
        return DATAGRAMS | {"send"} if end.remote else DATAGRAMS | {"bind"} if not end.local else DATAGRAMS
    if end.remote or end.listens:
        return BY_STATE.get(end.state, frozenset({"receive", "close"}))
    return BOUND if end.local else NEW
