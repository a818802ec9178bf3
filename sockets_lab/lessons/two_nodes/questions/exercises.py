"""What the learner builds in lesson 06, and what the nodes' kernels must then say."""

from sockets_lab.course.questions import Exercise, Found, personal_number
from sockets_lab.lab import Lab, opened
from sockets_lab.lessons import two_nodes

PORT = personal_number("07/port", 5000, 5999)
AT_A = personal_number("07/at-a", 100, 149)
AT_B = personal_number("07/at-b", 150, 199)
COMMON = personal_number("07/common", 200, 240)
NO_LAB = Found(False, "no lab with nodes A and B is open.")


def _lab() -> Lab | None:
    lab = opened()
    return lab if lab and {"A", "B"} <= {node.name for node in lab.nodes} else None


def _check_numbers() -> Found:
    lab = _lab()
    if lab is None:
        return NO_LAB
    a, b = two_nodes.look(lab["A"]), two_nodes.look(lab["B"])
    ours, theirs = a.row_at(AT_A), b.row_at(AT_B)
    for name, number, row in (("A", AT_A, ours), ("B", AT_B, theirs)):
        if row is None or row.state != "ESTABLISHED":
            return Found(False, f"descriptor {number} at {name} does not refer to a connection.")
    if not ours or not theirs or ours.four_tuple != theirs.four_tuple.reversed():
        return Found(False, f"{AT_A} at A and {AT_B} at B are not the two ends of one connection.")
    if ours.local.port != PORT:
        return Found(False, f"A's end of the connection is not at port {PORT}.")
    return Found(True, f"A's port {PORT} is connected; the ends are descriptor {AT_A} at A and {AT_B} at B.")


def _check_common() -> Found:
    lab = _lab()
    if lab is None:
        return NO_LAB
    a, b = two_nodes.look(lab["A"]), two_nodes.look(lab["B"])
    row = a.row_at(COMMON)
    if row is None or row.state != "LISTEN":
        return Found(False, f"descriptor {COMMON} at A does not refer to a TCP socket that listens.")
    if (COMMON, "UDP") not in [(entry.number, entry.type) for entry in b.entries]:
        return Found(False, f"descriptor {COMMON} at B does not refer to a UDP socket.")
    return Found(True, f"{COMMON} is a TCP socket that listens at A, and a UDP socket at B.")


EXERCISES = (
    Exercise(
        "numbers",
        f"Connect A and B. A's end has port **{PORT}** and the descriptor **{AT_A}** in A's process. "
        f"B's end has a port of your choice and the descriptor **{AT_B}** in B's process. Keep the connection open. "
        "(Other learners get different numbers.)",
        _check_numbers,
        (
            "Use three cells as at the beginning of the lesson: `%%node B` binds and listens, `%%node A` binds and "
            "connects, `%%node B` accepts.",
            "Call `bind((ME, port))` before `connect`: it gives A's end its port.",
            "Duplicate the descriptor at A with `fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, ...)`, and likewise at B "
            "for the accepted socket.",
        ),
    ),
    Exercise(
        "common",
        f"Let the descriptor **{COMMON}** refer to a TCP socket that listens at A, and at the same time to a UDP "
        "socket at B.",
        _check_common,
        (
            "Use `%%node A` and `%%node B`. `lab.A.socket()` will not do: its descriptor is one of your notebook's.",
            "Call `descriptors.at_number` in the node's process, after `from sockets_lab import descriptors`.",
            "Keep the result, because Python closes what no variable holds: `kept = descriptors.at_number(sock, ...)`.",
        ),
    ),
)
