"""What the learner predicts in lesson 06."""

from sockets_lab.course.questions import (
    IMPOSSIBLE,
    OTHER,
    Choice,
    Prediction,
    answer,
    evidence,
    impossible,
    other,
    require,
)
from sockets_lab.errors import Refused
from sockets_lab.lessons import datagrams


def _boundaries() -> str:
    first = evidence(datagrams.boundaries([b"one ", b"two ", b"three"]).received[0], "the first recvfrom")
    return {b"one ": "first-part", b"one two three": "all-parts"}.get(first.data, OTHER)


def _overflow() -> str:
    found = datagrams.overflow(rounds=(200,))
    if found.refusals:
        return "refused"
    require(found.received, "no datagram came at all, so it was not for want of room")
    return "lost" if found.lost else "kept"


def _closed_port() -> str:
    bare, connected = datagrams.closed_port(False), datagrams.closed_port(True)
    for one in (bare, connected):
        if isinstance(one.second, Refused):
            answer({"ECONNREFUSED": "told", "ECONNRESET": "told"}, one.second.name)
    told = [name for name, one in (("first", bare), ("second", connected)) if isinstance(one.second, Refused)]
    return {(): "neither", ("first",): "first", ("second",): "second"}.get(tuple(told), "both")


def _stranger() -> str:
    found = datagrams.one_peer()
    require(set(found.heard_before) == {"peer", "stranger"}, "not both were heard before connect")
    require("peer" in found.heard, "not even the peer was heard after connect")
    if "stranger" in found.heard:
        return "received"
    return "sender-told" if found.stranger_told else "dropped"


def _bystander() -> str:
    found = datagrams.bystander_hears()
    require(found is True or found is False or found.name != "DEADLINE", "not even the member got the datagram")
    return IMPOSSIBLE if isinstance(found, Refused) else "yes" if found else "no"


def _elsewhere() -> str:
    with datagrams.four_nodes() as lab:
        found = datagrams.between(lab, count=1)
    if isinstance(found, Refused):
        return IMPOSSIBLE
    first = found.rounds[0]
    require(first.sent and not first.missing("B") and not first.missing("C"), "not even the members got the datagram")
    return "no" if first.missing("D") else "yes"


PREDICTIONS = (
    Prediction(
        "boundaries",
        "Three datagrams are on their way to one socket: `one `, `two ` and `three`. Then it calls "
        "`recvfrom(1000)` once. What does that call return?",
        (Choice("first-part", "the first part", "One receive call returns one datagram, however much room there is. "
                "With TCP all three could come at once (lesson 05): UDP keeps the boundaries that the sender drew."),
         Choice("all-parts", "all three parts", "This system joined them, as only a stream does.")),
        _boundaries,
        (other("Another datagram came first, or the first was lost: UDP forbids neither."),),
    ),
    Prediction(
        "overflow",
        "A program sends 200 datagrams to a receiver whose program does not read. The receiver's buffer has room for a "
        "few. What does the sender see?",
        (Choice("lost", "every sendto succeeds, some datagrams are lost", "`sendto` only says that your own kernel "
                "took the datagram. What finds no room at the receiver is thrown away, and UDP has no way to tell "
                "you."),
         Choice("kept", "every sendto succeeds, none is lost", "This system's smallest buffer holds them all."),
         Choice("refused", "sendto is refused", "This system told the sender; over a network it could not.")),
        _overflow,
    ),
    Prediction(
        "closed-port",
        "Two datagram sockets send to a port that nobody has, twice each. The first socket is not connected, "
        "the second is connected to that port. Which of them gets an error?",
        (Choice("neither", "neither", "No answer came, as when a firewall swallows it; silence does not mean that it "
                "arrived."),
         Choice("first", "only the first", "No system that we know does that."),
         Choice("second", "only the second", "The other kernel answers (with an ICMP message, port unreachable). For "
                "a connected socket your kernel knows whom that concerns, and the next call gets ECONNREFUSED. A "
                "socket without a peer may have sent to many, so it is told nothing."),
         Choice("both", "both", "This system tells also a socket that has no peer; Windows does, as ECONNRESET.")),
        _closed_port,
    ),
    Prediction(
        "stranger",
        "A receiver calls `connect` with one sender's name. Then somebody else, connected to the receiver, sends "
        "to it too. What becomes of that datagram?",
        (Choice("received", "it is received like any other", "On this system connect does not filter what comes in."),
         Choice("dropped", "it vanishes, and nobody is told", "The kernel filtered it; here it has no answer for the "
                "stranger."),
         Choice("sender-told", "it is not received, and the stranger is told", "The kernel looks for a socket for "
                "it, and a connected one takes only what comes from its peer. So for the stranger this port is "
                "closed, and it is told just that.")),
        _stranger,
    ),
    Prediction(
        "bystander",
        "A socket is bound to the group's address and port, and never joins. Others on this machine have joined. "
        "Does it get a copy too, if the system's default settings hold?",
        (Choice("yes", "yes", "On Linux a membership belongs to the machine's interface first: once the kernel takes "
                "the group's datagrams in, it gives them to every socket whose name fits. Turn IP_MULTICAST_ALL off "
                "to get only what you joined."),
         Choice("no", "no", "Here a socket gets only what it joined itself.")),
        _bystander,
        (impossible("groups do not work here", "This system's loopback interface has no multicast. On Linux it has, "
                    "and the answer there is yes, unless IP_MULTICAST_ALL is turned off."),),
    ),
    Prediction(
        "elsewhere",
        "Four nodes at one switch: sockets on B and C join the group, and A sends to it. The bystander is on D: bound "
        "to the group's address and port, no option set, never joined. Does it get a copy?",
        (Choice("yes", "yes", "The nodes share one network stack here, and that one is a member, because B's and C's "
                "sockets have joined. Where each node has a stack of its own, the answer is no."),
         Choice("no", "no", "A membership belongs to an interface of one network stack. Nobody on D has joined, so "
                "D's kernel throws the datagram away before it looks for a socket. The members on the other nodes "
                "change nothing about that.")),
        _elsewhere,
        (impossible("groups do not work here", "This system's nodes cannot have groups. Where they can, the answer "
                    "is no: D's network stack is no member."),),
    ),
)  # fmt: skip
