"""What the learner builds in lesson 13, and what B's kernel and real connections must then say."""

import time
import weakref
from hashlib import sha256

from sockets_lab.course.peek import peek
from sockets_lab.course.questions import Exercise, Found, personal_number
from sockets_lab.errors import Refused
from sockets_lab.kernel.machine import learner
from sockets_lab.lab import Lab, Node, firewall, opened
from sockets_lab.lab.firewall import Rule
from sockets_lab.lessons import knocking
from sockets_lab.lessons.knocking import knocker
from sockets_lab.lessons.knocking.authorization import ACCEPTED
from sockets_lab.model import Endpoint

DOOR = personal_number("11/door", 2300, 2999)
SAFE = personal_number("11/safe", 3000, 3999)
SEQUENCE = " ".join(
    f"{personal_number(f'11/knock/{place}', low, low + 900)}:{protocol}"
    for place, (low, protocol) in enumerate([(7000, "tcp"), (5000, "udp"), (9000, "tcp"), (6000, "udp")])
)
KEY = sha256(f"{learner()}/11/key".encode()).digest()  # 32 bytes; for a lesson: a real key is random
ENOUGH = 3.0  # seconds for a connection that should be made
BRIEF = 0.5  # seconds for one that should not
AGE = 3600.0  # seconds: a request may wait for its check for so long

_knocked: weakref.WeakSet[Lab] = weakref.WeakSet()  # labs in which the check has opened the door for C


def _lab() -> Lab | Found:
    """Return the open lab, or why there is nothing to check."""
    lab = opened()
    if lab is None or not {"A", "B", "C"} <= {node.name for node in lab.nodes}:
        return Found(False, "no lab with nodes A, B and C is open.")
    return lab


def _comes_in(lab: Lab, node: Node, wait: float) -> bool:
    """Try the door until a node is let in, or the time is over: the last knock may not have been received yet."""
    door, end = Endpoint(lab["B"].address, DOOR), time.monotonic() + wait
    while True:
        if node.run(knocking.visit, door, node.address, max(end - time.monotonic(), 0.1)).answer == "let in":
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)


def _admits(lab: Lab, node: Node) -> bool | None:
    """Whether B's kernel has a rule that lets this node in at the door, and one that drops all others.

    None: unknown, because where the kernel does not filter, a simulated firewall keeps the door.
    """
    held = firewall.held(lab["B"])
    if firewall.decides(lab["B"]) != "kernel" or isinstance(held, Refused):
        return None
    rules = [rule for chain in held.chains if chain.hook == "input" for rule in chain.rules]
    return Rule("accept", "tcp", DOOR, source=node.address) in rules and Rule("drop", "tcp", DOOR) in rules


def _check_door() -> Found:
    lab = _lab()
    if isinstance(lab, Found):
        return lab
    if _admits(lab, lab["A"]) is False:
        return Found(False, f"B's kernel has no rules that let in A alone at port {DOOR}.")
    if not _comes_in(lab, lab["A"], ENOUGH if _admits(lab, lab["A"]) else BRIEF):
        return Found(False, f"A is not let in at B's port {DOOR}.")
    admitted = _admits(lab, lab["C"])
    if lab["C"].address != lab["A"].address and not (admitted and lab in _knocked):
        if admitted or _comes_in(lab, lab["C"], BRIEF):
            return Found(False, f"C is let in at port {DOOR} too: make a new door, and open it for A only.")
        lab["C"].run(knocking.knock, lab["B"].address, SEQUENCE, knocker.PACE, lab["C"].address)
        if not _comes_in(lab, lab["C"], ENOUGH):
            return Found(False, "A is let in; but C knocked your sequence too, and was not.")
        _knocked.add(lab)
    return Found(True, f"A is let in at port {DOOR}; so is C since it knocked your sequence, and not before.")


def _check_request() -> Found:
    lab = _lab()
    if isinstance(lab, Found):
        return lab
    a, b = lab["A"].address, lab["B"].address
    seen = []
    for data, who in peek(b):
        verdict = knocking.Verifier(KEY, AGE).verify(data, who.address, time.time())
        seen.append(verdict.name)
        if verdict.name != ACCEPTED or verdict.request is None or who.address != a:
            continue
        if verdict.request.port == SAFE:
            return Found(True, f"a request for port {SAFE} waits at B, it came from A, and the verifier accepted it.")
        seen[-1] = "it asks for another port"
    if not seen:
        return Found(False, "no datagram waits at a socket that `lab.B.socket` gave.")
    return Found(False, "what waits first at a socket in B is not a good request of A's. The verifier says: "
                        f"{seen[-1]}. To try again, make a new socket.")  # fmt: skip


EXERCISES = (
    Exercise(
        "door",
        f"Make your own door at B's port **{DOOR}**, which opens to the sequence **{SEQUENCE}** (other learners get "
        "different ones). Keep it running, and knock it open for A. The check reads the rules of B's kernel and "
        "connects from A. Then it knocks from C, to check that your sequence opens it.",
        _check_door,
        (
            "Keep the daemon running while you check: inside a `with`, or by `daemon = knocking.knock_daemon(...)"
            ".__enter__()` and `daemon.close()` at the end. The door shuts after 30 seconds, or after `open_for`.",
            "Call `knocking.knock_daemon(place, sequence, port)` with `knocking.place_of(lab, lab.B)`. "
            "`daemon.wait_for(\"opened\")` waits for the last knock.",
            "Knock in A's process: `lab.A.run(knocking.knock, lab.B.address, ...)`.",
        ),
    ),
    Exercise(
        "request",
        f"Write a request by hand, without `knocking.compose`. It asks B to open port **{SAFE}** (other learners get a "
        "different one) for A, signed with **your key**, `KEY` of `lessons.knocking.questions`. Send it from A to a "
        "datagram socket in B, and let it wait there: do not receive it. The check gives it to a verifier that has "
        "your key.",
        _check_request,
        (
            "Sign 31 bytes: the version (1), the milliseconds since 1970, 16 random bytes, A's address and the port. "
            "The tag follows the fields.",
            "Call `struct.pack(\"!BQ16s4sH\", ...)`, with `int(time.time() * 1000)` and `socket.inet_aton(...)`. "
            "Bind `lab.B.socket(type=socket.SOCK_DGRAM)` to `(lab.B.address, 0)`, and A's likewise.",
            "Fill the blanks: `tag = hmac.new(..., ..., hashlib.sha256).digest()`. The verifier says what is wrong.",
        ),
    ),
)  # fmt: skip
