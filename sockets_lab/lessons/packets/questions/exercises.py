"""What the learner builds in lesson 08, and what the kernels of A and B must then say."""

from sockets_lab.course.peek import peek
from sockets_lab.course.questions import Exercise, Found, personal_number
from sockets_lab.lab import Lab, opened
from sockets_lab.model import Endpoint

LENGTH = personal_number("08/by-hand", 12, 60)
PORT = personal_number("08/goodbye", 20000, 29999)


def _lab() -> Lab | Found:
    """Return the open lab, or why there is nothing to check."""
    lab = opened()
    if lab is None or len(lab.nodes) < 2:
        return Found(False, "no lab with nodes A and B is open.")
    if lab.kind != "namespaces":
        return Found(False, "this lab is on loopback, and packets made by hand are not sent there.")
    return lab


def _check_by_hand() -> Found:
    lab = _lab()
    if isinstance(lab, Found):
        return lab
    here, there = lab.nodes[:2]
    if any(len(data) == LENGTH and who == Endpoint(here.address, 0) for data, who in peek(there.address)):
        return Found(True, f"a datagram of {LENGTH} bytes from {here.address}, port 0, waits at a socket in B.")
    return Found(False, f"no socket that `lab.B.socket` gave has, as its first, a datagram of {LENGTH} bytes from A's "
                        "address and port 0.")  # fmt: skip


def _check_goodbye() -> Found:
    lab = _lab()
    if isinstance(lab, Found):
        return lab
    here, there = lab.nodes[:2]
    client = Endpoint(here.address, PORT)
    mine = {row.four_tuple for row in here.table(("tcp",)) if row.local == client and row.state == "ESTABLISHED"}
    if not mine:
        return Found(False, f"A's table has no established connection from port {PORT}.")
    theirs = {row.four_tuple.reversed() for row in there.table(("tcp",)) if row.state == "CLOSE_WAIT"}
    if mine & theirs:
        return Found(True, "A's kernel says ESTABLISHED, B's says CLOSE_WAIT: B believes a FIN that A never sent.")
    return Found(False, f"the connection from port {PORT} is there; B's table does not say CLOSE_WAIT for it.")


EXERCISES = (
    Exercise(
        "by-hand",
        f"Make a datagram socket in B. Send to it, from A, a datagram whose **source port is 0** and which carries "
        f"exactly **{LENGTH}** bytes (your number; others get other ones). Let it wait there: do not receive it. "
        "(On loopback, without nodes, this cannot be done.)",
        _check_by_hand,
        (
            "`lab.B.socket(type=socket.SOCK_DGRAM)`, bound to `lab.B.address` and any free port: `getsockname()` says "
            "which.",
            "`headers.compose` puts IPv4 and UDP together, sets the lengths and works out the checksums; the bytes to "
            "carry are its `payload`.",
            "`packets.send(lab, lab.A, packet)` sends it, or a raw socket of your own, as in the lesson.",
        ),
    ),
    Exercise(
        "goodbye",
        f"Connect a socket in A, bound to port **{PORT}** (yours), to a listener in B. Then say goodbye in its name: "
        "write a segment by hand with the flag FIN, such that B's kernel believes it, while A's kernel knows nothing "
        "of it. B's table shall say `CLOSE_WAIT`, A's table still `ESTABLISHED`. (On loopback this cannot be done.)",
        _check_goodbye,
        (
            "B believes a segment whose four names are those of the connection and whose sequence number is the one "
            "that it expects next. Both stand in the segments that A really sends: capture one, with some data in it, "
            "on B's cable.",
            "The next number is that segment's `sequence` plus the number of bytes that it carried.",
            "Take the captured packet, `change(headers.TCP, sequence=..., fin=1, psh=0)`, leave the payload out, "
            "`headers.corrected`, and send it.",
        ),
    ),
)
