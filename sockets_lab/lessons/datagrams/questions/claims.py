"""What the text claims about datagrams, measured."""

from sockets_lab.course.questions import Claim, NotMeasured, evidence, require
from sockets_lab.errors import Refused
from sockets_lab.lessons import datagrams


def _connectionless() -> tuple[str, str]:
    found = datagrams.one_peer()
    row = evidence(found.connected, "the row of a connected datagram socket")
    require("peer" in found.heard, "not even the peer was heard")
    text = f"connect() makes no connection, but fixes one peer: the socket table then says {row.state}"
    return f"{text}, and of two senders {len(found.heard)} is heard", "only in part"


def _many_endpoints() -> tuple[str, str]:
    found = datagrams.many_peers(3)
    state = found.row.state if found.row else "not shown"
    peers = len({one.sender for one in found.came})
    text = f"one socket, state {state}, got datagrams from {peers} others and answered {sum(found.answered)} of them"
    require(all(found.answered) and peers == 3, text)
    return text, "true here"


def _many_receivers() -> tuple[str, str]:
    with datagrams.four_nodes() as lab:
        found = evidence(datagrams.between(lab), "a group of several nodes")
    first = found.rounds[0]
    came = [len(first.sent) - len(first.missing(name)) for name in "BC"]
    where = "nodes B and C" if not found.differs else "B and C, here two addresses of one machine"
    text = f"of {len(first.sent)} sends from A's ordinary datagram socket, {came[0]} and {came[1]} came to {where}"
    bystander = "none to D" if first.missing("D") else "here also to D"
    require(all(came), text)
    return f"{text}, who had to join, and {bystander}, who had not", "true here"


def _port_zero() -> tuple[str, str]:
    found = evidence(datagrams.source_port(), "a datagram from an unbound socket")
    zero = found.to_zero.name if isinstance(found.to_zero, Refused) else "accepted"
    text = "in the header (lesson 08); an unbound socket got a port at its first sendto, which the receiver saw"
    seen = text if found.seen == found.after != 0 else "the receiver saw another source port than the sender has"
    return f"{seen}; to port 0: {zero}", "only in part"


def _silent_loss() -> tuple[str, str]:
    found = datagrams.overflow()
    sent = sum(found.rounds)
    require(found.received, f"none of {sent} datagrams came, so it was not for want of room")
    text = f"{found.taken} of {sent} sends succeeded, {len(found.received)} datagrams came"
    text += f", in the order sent: {'yes' if found.in_order else 'no'}; UDP may also deliver one twice"
    return text, "not in the source text"


def _largest() -> tuple[str, str]:
    found = evidence(datagrams.largest_datagram(), "a datagram of any size")
    evidence(found.received, "the largest datagram that sendto took")
    return f"at most {found.size} bytes of data in a datagram, one more: {found.beyond.name}", "not in the source text"


def _all_groups() -> tuple[str, str]:
    found = datagrams.bystander_hears()
    if isinstance(found, Refused):
        require(found.name != "DEADLINE", "not even the member got the datagram")
        raise NotMeasured(f"this system's loopback has no groups ({found.name})")
    got = "got" if found else "did not get"
    return f"a socket that joined nothing {got} what was sent to a group", "not in the source text"


CLAIMS = (
    Claim("UDP is connectionless.", _connectionless, "udp(7), connect(2)"),
    Claim(
        "A socket need not belong to a lasting connection, nor to one other endpoint.", _many_endpoints, "udp(7)"
    ),
    Claim("A multicast socket sends to several nodes.", _many_receivers, "ip(7), RFC 1112"),
    Claim("In UDP the source port is optional, and zero means that there is none.", _port_zero, "RFC 768"),
    Claim("(Not in the text:) a datagram may be lost or come twice, silently.", _silent_loss, "udp(7), RFC 768"),
    Claim("(Not in the text:) a datagram has a largest size.", _largest, "RFC 768, RFC 791: length fields"),
    Claim("(Not in the text:) a socket that never joined may get copies.", _all_groups, "ip(7), IP_MULTICAST_ALL"),
)
