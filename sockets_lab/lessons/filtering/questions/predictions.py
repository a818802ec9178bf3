"""What the learner predicts in lesson 11."""

from dataclasses import replace
from functools import partial

from sockets_lab.course.questions import IMPOSSIBLE, Choice, Prediction, impossible, require
from sockets_lab.errors import Refused
from sockets_lab.lab.firewall import Answer, Rule
from sockets_lab.lessons import filtering
from sockets_lab.lessons.filtering import forwarding


def _outcome(found: Answer) -> str:
    require(found.outcome in ("connected", "refused", "silence"), f"the client found: {found.outcome}")
    return found.outcome


def _drop() -> str:
    with filtering.three_nodes() as lab:
        found = filtering.try_rules(lab, "tcp", [None, Rule("drop", "tcp")])
    if isinstance(found, Refused):
        return IMPOSSIBLE
    require(found[0].open.outcome == "connected", f"without any rule the client found: {found[0].open.outcome}")
    return _outcome(found[1].open)


def _reject() -> str:
    with filtering.three_nodes() as lab:
        found = filtering.try_rules(lab, "tcp", [None, Rule("reject", "tcp")])
    if isinstance(found, Refused):
        return IMPOSSIBLE
    empty, ruled = found[0].closed, found[1].open
    require(found[0].open.outcome == "connected", f"without any rule the client found: {found[0].open.outcome}")
    if [one.refused and one.refused.name for one in (empty, ruled)].count(None) or empty.outcome != ruled.outcome:
        return "error"
    unseen = None in (empty.came, ruled.came)
    return "nothing" if unseen or empty.told == ruled.told else "packet"


def _programs() -> str:
    with filtering.three_nodes() as lab:
        found = filtering.behind_ports(lab)
    if isinstance(found, Refused):
        return IMPOSSIBLE
    through = {one.program for one in found[1] if one.answer.said}
    return {0: "neither", 1: "".join(through), 2: "both"}[len(through)]


def _replies() -> str:
    with filtering.three_nodes() as lab:
        found = filtering.try_replies(lab)
    if isinstance(found, Refused):
        return IMPOSSIBLE
    require(found[0].own.outcome == "connected", f"without any filter the client found: {found[0].own.outcome}")
    return _outcome(found[1].own)


def _forwarder() -> str:
    with filtering.three_nodes() as lab:
        found = forwarding.between(lab)
        names = {node.address: node.name for node in lab.nodes}
    if isinstance(found, Refused) or found.seen_by_server not in names:
        return "nobody"
    return names[found.seen_by_server]


def _masquerade() -> str:
    with filtering.three_nodes() as lab:
        found = filtering.forwarded(lab, masquerade=False)
        names = {node.address: node.name for node in lab.nodes}
    if isinstance(found, Refused):
        return IMPOSSIBLE
    require(found.tracked, "B's kernel tracked no connection, so nothing was forwarded")
    if found.answer.outcome != "connected":
        return "silence"
    require(found.seen_by_server in names, "A was connected, and the server's table does not show by whom")
    return names[found.seen_by_server]


SILENCE = partial(Choice, "silence", "it gets no response and times out")
TOLD = Choice("refused", "it is refused", "This filter answered the client.")
NO_FILTER = impossible("no filter is available here", "This system lets a program without privilege set no filter.")

PREDICTIONS = (
    Prediction(
        "drop",
        "A program listens on B's port 8000, and a firewall rule at B drops every TCP packet to that port. A client "
        "connects. What does the client see?",
        (Choice("connected", "it is connected", "The packets passed: this filter did not drop them."),
         TOLD,
         SILENCE("The filter dropped the packet and sent no answer. The client's kernel sends its SYN again and "
                 "again; the program decides how long it waits. On Linux `connect` alone gives up after about two "
                 "minutes.")),
        _drop,
        (NO_FILTER,),
    ),
    Prediction(
        "reject",
        "Now B's rule rejects with a reset, at a port where a program listens. How can the client tell this apart from "
        "a port where no program listens?",
        (Choice("error", "it can tell by the error", "Here the errors differ."),
         Choice("packet", "it can tell by the packet that comes back", "The errors are the same, but the packets "
                "differ here."),
         Choice("nothing", "it cannot tell", "Both end with ECONNREFUSED, after a segment with RST, where a cable lets "
                "you capture it. The filter sends what B's kernel sends for a closed port. A rule that rejects with "
                "ICMP sends another packet.")),
        _reject,
        (NO_FILTER,),
    ),
    Prediction(
        "programs",
        "Two programs at B have swapped their ports: the web server listens on port 22, and the SSH server on port 80. "
        "The rules accept port 80, for the web, and drop all other TCP. Which server can A reach?",
        (Choice("web", "only the web server", "This filter looked at more than the port."),
         Choice("SSH", "only the SSH server", "The rule reads two bytes in the header, and they say 80. The header "
                "does not say which program uses port 80."),
         Choice("both", "both servers", "Both connections got through."),
         Choice("neither", "neither server", "Neither connection got through.")),
        _programs,
        (NO_FILTER,),
    ),
    Prediction(
        "replies",
        "A drops all incoming packets, and has no rule for outgoing ones. Now a client in A connects to B's open "
        "port. What does the client see?",
        (Choice("connected", "it is connected", "This filter accepts answers by itself."),
         TOLD,
         SILENCE("The SYN went out, and B answered with SYN ACK. But the answer is an incoming packet, and A's filter "
                 "drops it before TCP sees it. A **stateful** rule would accept it.")),
        _replies,
        (NO_FILTER,),
    ),
    Prediction(
        "forwarder",
        "A client in A connects to the forwarder (a TCP proxy), a program in B, which connects to C for it. Whose "
        "address does C's program see as its client's?",
        (Choice("A", "it sees A's address", "Here the forwarder passes on its client's address."),
         Choice("B", "it sees B's address", "The forwarder's second socket, in B, made the connection to C. These are "
                "two connections, and C's kernel never received a packet with A's address."),
         Choice("C", "it sees C's address", "The kernel gave the forwarder's socket another address than B's."),
         Choice("nobody", "it sees no client", "The connection was not made.")),
        _forwarder,
    ),
    Prediction(
        "masquerade",
        "B's kernel writes C's address and port into each packet to its port 8080, and leaves the source unchanged. "
        "A connects to B's port 8080. What happens?",
        (Choice("A", "it is connected, and C sees A's address", "C's answers came back through B, which put its own "
                "address in."),
         Choice("B", "it is connected, and C sees B's address", "B wrote its own address in as well."),
         Choice("silence", "it is not connected", "The packet reaches C with A as its source, so C answers A directly, "
                "from its own address. A waits for an answer from B and has no connection with C. B would have to "
                "replace the source too (source NAT, masquerading).")),
        _masquerade,
        (replace(NO_FILTER, because="This system lets no program fill a kernel's filter, and the simulated firewall "
                 "changes no addresses. Between real nodes with filters no connection is made: C answers A directly, "
                 "and A waits for B."),),
    ),
)  # fmt: skip
