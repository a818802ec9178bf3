"""What the learner predicts in lesson 06."""

from sockets_lab.course.questions import Prediction
from sockets_lab.errors import Refused
from sockets_lab.lessons import datagrams


def _boundaries() -> str:
    first = datagrams.boundaries([b"one ", b"two ", b"three"]).received[0]
    data = None if isinstance(first, Refused) else first.data
    return {b"one ": "the first part", b"one two three": "all three parts"}.get(data or b"", "something else")


def _overflow() -> str:
    found = datagrams.overflow(rounds=(200,))
    if found.refusals:
        return "sendto is refused"
    return "every sendto succeeds, some datagrams are lost" if found.lost else "every sendto succeeds, none is lost"


def _closed_port() -> str:
    bare, connected = datagrams.closed_port(False), datagrams.closed_port(True)
    told = [name for name, one in (("first", bare), ("second", connected)) if isinstance(one.second, Refused)]
    return {(): "neither", ("first",): "only the first", ("second",): "only the second"}.get(tuple(told), "both")


def _stranger() -> str:
    found = datagrams.one_peer()
    if "stranger" in found.heard:
        return "it is received like any other"
    return "it is not received, and the stranger is told" if found.stranger_told else "it vanishes, and nobody is told"


def _bystander() -> str:
    found = datagrams.bystander_hears()
    return "groups do not work here" if isinstance(found, Refused) else "yes" if found else "no"


def _elsewhere() -> str:
    with datagrams.four_nodes() as lab:
        found = datagrams.between(lab, count=1)
    if isinstance(found, Refused):
        return "groups do not work here"
    return "no" if found.rounds[0].missing("D") else "yes"


PREDICTIONS = (
    Prediction(
        "boundaries",
        "Three datagrams are on their way to one socket: `one `, `two ` and `three`. Then it calls "
        "`recvfrom(1000)` once. What does that call return?",
        ("the first part", "all three parts", "something else"),
        _boundaries,
        {
            "the first part": "One receive call returns one datagram, however much room there is. With TCP all three "
            "could come at once (lesson 05): UDP keeps the boundaries that the sender drew.",
            "all three parts": "This system joined them, as only a stream does.",
            "something else": "Another datagram came first, or the first was lost: UDP forbids neither.",
        },
    ),
    Prediction(
        "overflow",
        "A program sends 200 datagrams to a receiver whose program does not read. The receiver's buffer has room for a "
        "few. What does the sender see?",
        (
            "every sendto succeeds, some datagrams are lost", "every sendto succeeds, none is lost",
            "sendto is refused",
        ),
        _overflow,
        {
            "every sendto succeeds, some datagrams are lost": "`sendto` only says that your own kernel took the "
            "datagram. What finds no room at the receiver is thrown away, and UDP has no way to tell you.",
            "every sendto succeeds, none is lost": "This system's smallest buffer holds them all.",
            "sendto is refused": "This system told the sender; over a network it could not.",
        },
    ),
    Prediction(
        "closed-port",
        "Two datagram sockets send to a port that nobody has, twice each. The first socket is not connected, "
        "the second is connected to that port. Which of them gets an error?",
        ("neither", "only the first", "only the second", "both"),
        _closed_port,
        {
            "only the second": "The other kernel answers (with an ICMP message, port unreachable). For a connected "
            "socket your kernel knows whom that concerns, and the next call gets ECONNREFUSED. A socket without a peer "
            "may have sent to many, so it is told nothing.",
            "neither": "No answer came, as when a firewall swallows it; silence does not mean that it arrived.",
            "both": "This system tells also a socket that has no peer; Windows does, as ECONNRESET.",
            "only the first": "No system that we know does that.",
        },
    ),
    Prediction(
        "stranger",
        "A receiver calls `connect` with one sender's name. Then somebody else, connected to the receiver, sends "
        "to it too. What becomes of that datagram?",
        (
            "it is received like any other", "it vanishes, and nobody is told",
            "it is not received, and the stranger is told",
        ),
        _stranger,
        {
            "it is not received, and the stranger is told": "The kernel looks for a socket for it, and a connected one "
            "takes only what comes from its peer. So for the stranger this port is closed, and it is told just that.",
            "it vanishes, and nobody is told": "The kernel filtered it; here it has no answer for the stranger.",
            "it is received like any other": "On this system connect does not filter what comes in.",
        },
    ),
    Prediction(
        "bystander",
        "A socket is bound to the group's address and port, and never joins. Others on this machine have joined. "
        "Does it get a copy too, if the system's default settings hold?",
        ("yes", "no", "groups do not work here"),
        _bystander,
        {
            "yes": "On Linux a membership belongs to the machine's interface first: once the kernel takes the group's "
            "datagrams in, it gives them to every socket whose name fits. Turn IP_MULTICAST_ALL off to get only what "
            "you joined.",
            "no": "Here a socket gets only what it joined itself.",
            "groups do not work here": "This system's loopback interface has no multicast. On Linux it has, and "
            "the answer there is yes, unless IP_MULTICAST_ALL is turned off.",
        },
    ),
    Prediction(
        "elsewhere",
        "Four nodes at one switch: sockets on B and C join the group, and A sends to it. The bystander is on D: bound "
        "to the group's address and port, no option set, never joined. Does it get a copy?",
        ("yes", "no", "groups do not work here"),
        _elsewhere,
        {
            "no": "A membership belongs to an interface of one network stack. Nobody on D has joined, so D's kernel "
            "throws the datagram away before it looks for a socket. The members on the other nodes change nothing "
            "about that.",
            "yes": "The nodes share one network stack here, and that one is a member, because B's and C's sockets have "
            "joined. Where each node has a stack of its own, the answer is no.",
            "groups do not work here": "This system's nodes cannot have groups. Where they can, the answer is no: D's "
            "network stack is no member.",
        },
    ),
)  # fmt: skip
