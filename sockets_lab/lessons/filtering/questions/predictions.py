"""What the learner predicts in lesson 09."""

from sockets_lab.course.questions import Prediction
from sockets_lab.errors import Refused
from sockets_lab.lab.firewall import Rule
from sockets_lab.lessons import filtering
from sockets_lab.lessons.filtering import forwarding

NO_FILTER = "no filter can be had here"
SILENCE = "silence, until its own deadline"
OUTCOMES = {"connected": "connected", "refused": "refused", "silence": SILENCE}


def _drop() -> str:
    with filtering.three_nodes() as lab:
        found = filtering.try_rules(lab, "tcp", [Rule("drop", "tcp")])
    return NO_FILTER if isinstance(found, Refused) else OUTCOMES.get(found[0].open.outcome, NO_FILTER)


def _reject() -> str:
    with filtering.three_nodes() as lab:
        found = filtering.try_rules(lab, "tcp", [None, Rule("reject", "tcp")])
    if isinstance(found, Refused):
        return NO_FILTER
    empty, ruled = found[0].closed, found[1].open
    if [one.refused and one.refused.name for one in (empty, ruled)].count(None) or empty.outcome != ruled.outcome:
        return "by the error that the kernel tells it"
    return "by nothing" if empty.told == ruled.told else "by the packet that comes back"


def _programs() -> str:
    with filtering.three_nodes() as lab:
        found = filtering.behind_ports(lab)
    if isinstance(found, Refused):
        return NO_FILTER
    through = {one.program for one in found[1] if one.answer.said}
    return {0: "neither", 1: f"the {''.join(through)} server", 2: "both"}[len(through)]


def _replies() -> str:
    with filtering.three_nodes() as lab:
        found = filtering.try_replies(lab)
    return NO_FILTER if isinstance(found, Refused) else OUTCOMES.get(found[1].own.outcome, NO_FILTER)


def _forwarder() -> str:
    with filtering.three_nodes() as lab:
        found = forwarding.between(lab)
        names = {node.address: f"{node.name}'s" for node in lab.nodes}
    if isinstance(found, Refused) or found.seen_by_server not in names:
        return "C has no client"
    return names[found.seen_by_server]


def _masquerade() -> str:
    with filtering.three_nodes() as lab:
        found = filtering.forwarded(lab, masquerade=False)
        names = {node.address: node.name for node in lab.nodes}
    if isinstance(found, Refused):
        return NO_FILTER
    if found.answer.outcome != "connected" or found.seen_by_server not in names:
        return "no connection"
    return f"connected, and C sees {names[found.seen_by_server]}'s address"


NONE_HERE = "This system gives nobody a filter of one's own."

PREDICTIONS = (
    Prediction(
        "drop",
        "A program listens at B's port 8000, and B's rule drops every TCP packet that comes for it. A client "
        "connects. What does the client find?",
        ("connected", "refused", SILENCE, NO_FILTER),
        _drop,
        {
            SILENCE: "A dropped packet is gone, and nobody is told. The client's kernel sends its SYN again and again; "
            "how long a program waits for that is its own business.",
            "refused": "This filter told the client.",
            "connected": "The packets passed: this filter did not hold them.",
            NO_FILTER: NONE_HERE,
        },
    ),
    Prediction(
        "reject",
        "Now B's rule rejects with a reset, at a port where a program listens. By what can the client tell this "
        "from a port where nobody listens?",
        ("by the error that the kernel tells it", "by the packet that comes back", "by nothing", NO_FILTER),
        _reject,
        {
            "by nothing": "ECONNREFUSED in both cases, after a segment with RST in both cases (where a cable lets you "
            "look). The filter answers what B's kernel would answer without a program.",
            "by the error that the kernel tells it": "Here the errors differ.",
            "by the packet that comes back": "The errors are the same, but the packets differ here.",
            NO_FILTER: NONE_HERE,
        },
    ),
    Prediction(
        "programs",
        "Somebody at B has swapped two programs: the web server listens at port 22, and the SSH server at port 80. "
        "The rules accept port 80, for the web, and drop all other TCP. Who can be reached from A?",
        ("the web server", "the SSH server", "both", "neither", NO_FILTER),
        _programs,
        {
            "the SSH server": "The rule reads two bytes in the header, and these say 80. Which program is behind "
            "port 80 is not written there.",
            "the web server": "This filter looked at more than the port.",
            "both": "Both got through.",
            "neither": "Neither got through.",
            NO_FILTER: NONE_HERE,
        },
    ),
    Prediction(
        "replies",
        "A drops everything that comes in, and has no rule for what goes out. Now a client in A connects to B's open "
        "port. What does it find?",
        ("connected", "refused", SILENCE, NO_FILTER),
        _replies,
        {
            SILENCE: "The question went out, and B answered. But the answer is a packet that comes in, and A's filter "
            "drops it before the client can hear of it.",
            "connected": "This filter lets answers in by itself.",
            "refused": "This filter told the client.",
            NO_FILTER: NONE_HERE,
        },
    ),
    Prediction(
        "forwarder",
        "A client in A connects to the forwarder, a program in B, which takes the connection on to C. Whose address "
        "does C's program see as its client's?",
        ("A's", "B's", "C's", "C has no client"),
        _forwarder,
        {
            "B's": "C was connected by the forwarder's second socket, which lives in B. C's kernel has never met a "
            "packet with A's address.",
            "A's": "Here the forwarder passes on its client's address.",
            "C's": "The kernel gave the forwarder's socket another address than B's.",
            "C has no client": "The connection did not come through.",
        },
    ),
    Prediction(
        "masquerade",
        "B's kernel writes C's address and port into each packet that comes for its port 8080, and leaves the source "
        "as it is. A connects to B's port 8080. What becomes of it?",
        ("connected, and C sees A's address", "connected, and C sees B's address", "no connection", NO_FILTER),
        _masquerade,
        {
            "no connection": "The packet reaches C, and its source is A. So C answers A, straight, as C. A waits for "
            "an answer from B, and knows nothing of C.",
            "connected, and C sees A's address": "C's answers came back through B, which put its own address in.",
            "connected, and C sees B's address": "B wrote its own address in as well.",
            NO_FILTER: "Nodes on loopback share this machine's own filter, which is not yours to change. Between real "
            "nodes no connection comes to be: C answers A straight, and A waits for B.",
        },
    ),
)
