"""What the learner predicts in lesson 09."""

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


SILENCE = partial(Choice, "silence", "silence, until its own deadline")
TOLD = Choice("refused", "refused", "This filter told the client.")
NO_FILTER = impossible("no filter can be had here", "This system gives nobody a filter of one's own.")

PREDICTIONS = (
    Prediction(
        "drop",
        "A program listens at B's port 8000, and B's rule drops every TCP packet that comes for it. A client "
        "connects. What does the client find?",
        (Choice("connected", "connected", "The packets passed: this filter did not hold them."),
         TOLD,
         SILENCE("A dropped packet is gone, and nobody is told. The client's kernel sends its SYN again and again; "
                 "how long a program waits for that is its own business.")),
        _drop,
        (NO_FILTER,),
    ),
    Prediction(
        "reject",
        "Now B's rule rejects with a reset, at a port where a program listens. By what can the client tell this "
        "from a port where nobody listens?",
        (Choice("error", "by the error that the kernel tells it", "Here the errors differ."),
         Choice("packet", "by the packet that comes back", "The errors are the same, but the packets differ here."),
         Choice("nothing", "by nothing", "ECONNREFUSED in both cases, after a segment with RST in both cases (where "
                "a cable lets you look). The filter answers what B's kernel would answer without a program.")),
        _reject,
        (NO_FILTER,),
    ),
    Prediction(
        "programs",
        "Somebody at B has swapped two programs: the web server listens at port 22, and the SSH server at port 80. "
        "The rules accept port 80, for the web, and drop all other TCP. Who can be reached from A?",
        (Choice("web", "the web server", "This filter looked at more than the port."),
         Choice("SSH", "the SSH server", "The rule reads two bytes in the header, and these say 80. Which program is "
                "behind port 80 is not written there."),
         Choice("both", "both", "Both got through."),
         Choice("neither", "neither", "Neither got through.")),
        _programs,
        (NO_FILTER,),
    ),
    Prediction(
        "replies",
        "A drops everything that comes in, and has no rule for what goes out. Now a client in A connects to B's open "
        "port. What does it find?",
        (Choice("connected", "connected", "This filter lets answers in by itself."),
         TOLD,
         SILENCE("The question went out, and B answered. But the answer is a packet that comes in, and A's filter "
                 "drops it before the client can hear of it.")),
        _replies,
        (NO_FILTER,),
    ),
    Prediction(
        "forwarder",
        "A client in A connects to the forwarder, a program in B, which takes the connection on to C. Whose address "
        "does C's program see as its client's?",
        (Choice("A", "A's", "Here the forwarder passes on its client's address."),
         Choice("B", "B's", "C was connected by the forwarder's second socket, which lives in B. C's kernel has "
                "never met a packet with A's address."),
         Choice("C", "C's", "The kernel gave the forwarder's socket another address than B's."),
         Choice("nobody", "C has no client", "The connection did not come through.")),
        _forwarder,
    ),
    Prediction(
        "masquerade",
        "B's kernel writes C's address and port into each packet that comes for its port 8080, and leaves the source "
        "as it is. A connects to B's port 8080. What becomes of it?",
        (Choice("A", "connected, and C sees A's address", "C's answers came back through B, which put its own "
                "address in."),
         Choice("B", "connected, and C sees B's address", "B wrote its own address in as well."),
         Choice("silence", "no connection", "The packet reaches C, and its source is A. So C answers A, straight, as "
                "C. A waits for an answer from B, and knows nothing of C.")),
        _masquerade,
        (replace(NO_FILTER, because="No kernel's filter is yours to fill here, and the simulated firewall changes no "
                 "addresses. Between real nodes with filters no connection comes to be: C answers A straight, and A "
                 "waits for B."),),
    ),
)  # fmt: skip
