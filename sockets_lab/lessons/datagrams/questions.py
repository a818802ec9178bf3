"""The questions of lesson 08."""

from sockets_lab.course.peek import datagram_sockets
from sockets_lab.course.questions import (
    OTHER,
    Choice,
    Claim,
    Exercise,
    Found,
    Prediction,
    answer,
    evidence,
    other,
    personal_number,
    require,
)
from sockets_lab.errors import Refused
from sockets_lab.kernel import descriptors
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
)  # fmt: skip


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


def _port_zero() -> tuple[str, str]:
    found = evidence(datagrams.source_port(), "a datagram from an unbound socket")
    zero = found.to_zero.name if isinstance(found.to_zero, Refused) else "accepted"
    text = "in the header (lesson 10); an unbound socket got a port at its first sendto, which the receiver saw"
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


CLAIMS = (
    Claim("UDP is connectionless.", _connectionless, "udp(7), connect(2)"),
    Claim(
        "A socket need not belong to a lasting connection, nor to one other endpoint.", _many_endpoints, "udp(7)"
    ),
    Claim("In UDP the source port is optional, and zero means that there is none.", _port_zero, "RFC 768"),
    Claim("(Not in the text:) a datagram may be lost or come twice, silently.", _silent_loss, "udp(7), RFC 768"),
    Claim("(Not in the text:) a datagram has a largest size.", _largest, "RFC 768, RFC 791: length fields"),
)


DROPPED = personal_number("datagrams/dropped", 5, 40)


def _check_pair() -> Found:
    entries = [entry for entry in descriptors.table() if entry.type == "UDP" and entry.local and entry.remote]
    names = {(entry.local, entry.remote) for entry in entries}
    if any(local != remote and (remote, local) in names for local, remote in names):
        return Found(True, "two datagram sockets of this process are connected, each to the other.")
    return Found(False, "no two datagram sockets of this process are connected to each other.")


def _check_dropped() -> Found:
    counts = [datagrams.drops(sock) for sock in datagram_sockets()]
    if None in counts:
        return Found(False, "this system does not count dropped datagrams for each socket, so this cannot be checked.")
    if DROPPED in counts:
        return Found(True, f"the kernel dropped {DROPPED} datagrams at a socket of this process.")
    seen = ", ".join(map(str, counts)) or "there is none"
    return Found(False, f"no datagram socket of this process has lost exactly {DROPPED} datagrams; theirs are: {seen}.")


EXERCISES = (
    Exercise(
        "pair",
        "Make two datagram sockets that are connected **to each other**, and keep them open.",
        _check_pair,
        (
            "Bind both sockets first, to `127.0.0.1` and port 0: a socket can only connect to an address that exists.",
            "Call `connect` on both: each call fixes one direction.",
            "Fill the blank, and do the same the other way round: `one.connect(two...)`.",
        ),
    ),
    Exercise(
        "dropped",
        f"Keep a datagram socket open at which the kernel has dropped **exactly {DROPPED}** datagrams. First measure "
        "how many datagrams of one size its receive buffer holds. Then you know how many you have to send.",
        _check_dropped,
        (
            "Bind a receiver, do not read, and send small datagrams to it. `datagrams.drops(sock)` tells the kernel's "
            "count for this socket.",
            "Send one datagram at a time until the count is 1. The number that you sent, less one, is what the buffer "
            "holds at this size.",
            f"Fill the blank: a new socket of the same buffer has lost {DROPPED} datagrams after `holds + ...` sends.",
        ),
    ),
)
