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
        "Three datagrams arrive at one socket: `one `, `two ` and `three`. Then your program calls `recvfrom(1000)` "
        "once. What does that call return?",
        (Choice("first-part", "it returns the first datagram", "UDP keeps **message boundaries**: one receive call "
                "returns one datagram, however much room there is. TCP is a stream of bytes, so there all three could "
                "come at once (lesson 05)."),
         Choice("all-parts", "it returns all three, joined", "This system joined them, as only a stream does.")),
        _boundaries,
        (other("Another datagram came first, or the first one was lost or came twice: UDP allows all of these."),),
    ),
    Prediction(
        "overflow",
        "A receiver has a small receive buffer, and its program does not read. Another program sends it many "
        "datagrams. What does the sender see?",
        (Choice("lost", "every `sendto` succeeds, and datagrams are lost", "`sendto` only says that the sender's "
                "kernel accepted the datagram. The receiver's kernel drops a datagram that finds no room in the "
                "receive buffer, and UDP has no message that reports the loss."),
         Choice("kept", "every `sendto` succeeds, and none is lost", "This system's smallest buffer holds them all."),
         Choice("refused", "some `sendto` fails", "This system reported the full buffer to the sender; over a network "
                "it could not.")),
        _overflow,
    ),
    Prediction(
        "closed-port",
        "Two datagram sockets send to a port that no socket uses, twice each. The first socket is not connected, "
        "the second is connected to that port. Which of them gets an error?",
        (Choice("neither", "neither socket", "No answer came, as when a firewall drops it. The absence of an error "
                "does not mean that a datagram arrived."),
         Choice("first", "only the first socket", "No system known to the course does this."),
         Choice("second", "only the second socket", "The other kernel answers with an ICMP message, port unreachable. "
                "For a connected socket your kernel knows which socket the message is for, so the next call gets "
                "ECONNREFUSED. On Linux an unconnected socket gets the error only with IP_RECVERR set (ip(7))."),
         Choice("both", "both sockets", "This system also reports the error to a socket without a peer; Windows does, "
                "as ECONNRESET.")),
        _closed_port,
    ),
    Prediction(
        "stranger",
        "A receiver calls `connect` with the address of one sender. Then another sender, whose socket is connected to "
        "the receiver, sends a datagram to it too. What happens to that datagram?",
        (Choice("received", "it is received like any other", "On this system `connect` does not filter incoming "
                "datagrams."),
         Choice("dropped", "it is dropped, and its sender gets no error", "The kernel filtered it, and sent no "
                "answer to that sender."),
         Choice("sender-told", "it is dropped, and its sender gets an error", "A connected UDP socket accepts only "
                "datagrams from its peer, so the kernel found no socket for this one. To that sender the port looks "
                "closed, so it gets ECONNREFUSED.")),
        _stranger,
    ),
    Prediction(
        "bystander",
        "A socket is bound to the group's address and port, and never joins. Other sockets on this machine joined. "
        "With the system's default settings, does the socket get a copy too?",
        (Choice("yes", "yes, it gets a copy", "On Linux a membership belongs to the machine's interface first. Once "
                "the kernel accepts the group's datagrams, it gives them to every socket whose address and port match. "
                "Turn IP_MULTICAST_ALL off to get only what you joined."),
         Choice("no", "no, it gets nothing", "On this system a socket gets only the groups that it joined itself.")),
        _bystander,
        (impossible("groups do not work here", "This system's loopback interface has no multicast. On Linux it has, "
                    "and the answer there is yes, unless IP_MULTICAST_ALL is turned off."),),
    ),
    Prediction(
        "elsewhere",
        "Four nodes share one switch: sockets on B and C join the group, and A sends to it. A socket on D is bound to "
        "the group's address and port, sets no option, and never joins. Does it get a copy?",
        (Choice("yes", "yes, it gets a copy", "The nodes share one network stack here, and that stack is a member, "
                "because the sockets of B and C joined. Where each node has its own stack, the answer is no."),
         Choice("no", "no, it gets nothing", "A membership belongs to an interface of one network stack. No socket on "
                "D joined, so D's kernel drops the datagram before it looks for a socket. The members on other nodes "
                "do not change that.")),
        _elsewhere,
        (impossible("groups do not work here", "This system's nodes cannot have groups. Where they can, the answer "
                    "is no: D's network stack did not join."),),
    ),
)  # fmt: skip
