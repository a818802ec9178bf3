"""What the learner builds in lesson 10, and what the kernels of A and B must then say."""

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
        f"exactly **{LENGTH}** bytes (other learners get a different number). Let it wait there: do not receive it. "
        "(On loopback, without nodes, this cannot be done.)",
        _check_by_hand,
        (
            "Bind `lab.B.socket(type=socket.SOCK_DGRAM)` to `lab.B.address` and port 0; `getsockname()` says which "
            "port it got.",
            "Call `headers.compose`: it joins IPv4, UDP and the `payload`, and sets the lengths and checksums.",
            "Send the packet with `packets.send(lab, ..., packet)`, or with your own raw socket as in the lesson.",
        ),
    ),
    Exercise(
        "goodbye",
        f"Connect a socket in A, bound to port **{PORT}** (other learners get a different one), to a listener in B. "
        "Then close the connection in its name: write a segment by hand with the flag FIN that B's kernel accepts, "
        "without A's kernel. B's table must say `CLOSE_WAIT` and A's table still `ESTABLISHED`. (On loopback this "
        "cannot be done.)",
        _check_goodbye,
        (
            "Use the connection's four-tuple and the sequence number that B expects next: B accepts only such a "
            "segment. Capture a segment of A's with some data on B's cable: it has both.",
            "Add to that segment's `sequence` the number of bytes that it carried.",
            "Change the captured packet, leave the payload out, correct and send it: "
            "`change(headers.TCP, sequence=..., fin=1, psh=0)`, `headers.corrected`.",
        ),
    ),
)
