"""The questions of lesson 09."""

from collections import Counter

from sockets_lab.course.peek import datagram_sockets
from sockets_lab.course.questions import (
    IMPOSSIBLE,
    Choice,
    Claim,
    Exercise,
    Found,
    NotMeasured,
    Prediction,
    evidence,
    impossible,
    personal_number,
    require,
)
from sockets_lab.errors import Refused
from sockets_lab.kernel import machine
from sockets_lab.lessons import groups
from sockets_lab.model import Endpoint

GROUP = machine.home_group(2)
JOINED = personal_number("06/members", 2, 4)


def _bystander() -> str:
    found = groups.bystander_hears()
    require(found is True or found is False or found.name != "DEADLINE", "not even the member got the datagram")
    return IMPOSSIBLE if isinstance(found, Refused) else "yes" if found else "no"


def _elsewhere() -> str:
    with groups.four_nodes() as lab:
        found = groups.between(lab, count=1)
    if isinstance(found, Refused):
        return IMPOSSIBLE
    first = found.rounds[0]
    require(first.sent and not first.missing("B") and not first.missing("C"), "not even the members got the datagram")
    return "no" if first.missing("D") else "yes"


PREDICTIONS = (
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


def _many_receivers() -> tuple[str, str]:
    with groups.four_nodes() as lab:
        found = evidence(groups.between(lab), "a group of several nodes")
    first = found.rounds[0]
    came = [len(first.sent) - len(first.missing(name)) for name in "BC"]
    where = "nodes B and C" if not found.differs else "B and C, here two addresses of one machine"
    text = f"of {len(first.sent)} sends from A's ordinary datagram socket, {came[0]} and {came[1]} came to {where}"
    bystander = "none to D" if first.missing("D") else "here also to D"
    require(all(came), text)
    return f"{text}, who had to join, and {bystander}, who had not", "true here"


def _all_groups() -> tuple[str, str]:
    found = groups.bystander_hears()
    if isinstance(found, Refused):
        require(found.name != "DEADLINE", "not even the member got the datagram")
        raise NotMeasured(f"this system's loopback has no groups ({found.name})")
    got = "got" if found else "did not get"
    return f"a socket that joined nothing {got} what was sent to a group", "not in the source text"


CLAIMS = (
    Claim("A multicast socket sends to several nodes.", _many_receivers, "ip(7), RFC 1112"),
    Claim("(Not in the text:) a socket that never joined may get copies.", _all_groups, "ip(7), IP_MULTICAST_ALL"),
)


def _check_members() -> Found:
    ports: Counter[int] = Counter()
    for sock in datagram_sockets():
        if groups.is_member(sock, GROUP):
            ports[Endpoint.of(sock.getsockname()).port] += 1
    if JOINED in ports.values() and len(ports) == 1:
        return Found(True, f"{JOINED} sockets of this process are members of {GROUP} on loopback, at one port.")
    return Found(False, f"there are not exactly {JOINED} bound sockets of this process in the group, all at one port.")


def _check_deaf() -> Found:
    names: dict[bool, set[Endpoint]] = {True: set(), False: set()}
    for sock in datagram_sockets():
        name = Endpoint.of(sock.getsockname())
        joined = groups.is_member(sock, GROUP)
        if joined or groups.gets_all_groups(sock) is False:
            names[joined].add(name)
    both = {one for one in names[True] & names[False] if one.address == GROUP}
    if both:
        return Found(True, f"two sockets of this process have the name {min(both, key=str)}: one is a member, and the "
                           "other gets only what it joins itself.")  # fmt: skip
    return Found(False, f"no two sockets of this process share a name of {GROUP}, one a member and the other neither a "
                        "member nor open to all groups.")  # fmt: skip


EXERCISES = (
    Exercise(
        "members",
        f"Let exactly **{JOINED}** sockets of yours be members of the group **{GROUP}** (other learners get "
        "different ones). All must be bound to one port, and join on the loopback interface. Keep them open. "
        "(Where the loopback interface has no groups, this cannot be done.)",
        _check_members,
        (
            "Bind the first socket to port 0 and set SO_REUSEADDR on it afterwards. Set SO_REUSEADDR on the others "
            "before you bind them to the port that the first one got.",
            "Call `setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, ...)` with eight bytes: the address of the "
            "group and of the interface, `127.0.0.1`. `socket.inet_aton` makes each of them.",
            "Or let the lesson do it: `first = groups.member(...)`, then `groups.member(..., port)`.",
        ),
    ),
    Exercise(
        "deaf",
        f"Bind two sockets to the group **{GROUP}**, at one port. One is a member. The other is not, and must get "
        "**no** copy of what is sent to the group. Send a datagram to see whether it does. Keep both open. (Only Linux "
        "needs an option for this. Where the loopback interface has no groups, it cannot be done.)",
        _check_deaf,
        (
            "Without an option, Linux gives the second socket a copy, too: you saw it in the prediction.",
            "The option is IP_MULTICAST_ALL, number 49. Python has no name for it before version 3.14.",
            "Fill the blanks: `second.setsockopt(socket.IPPROTO_IP, ..., ...)`.",
        ),
    ),
)
