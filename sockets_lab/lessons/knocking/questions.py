"""The questions of lesson 13."""

import time
import weakref
from hashlib import sha256

from sockets_lab.course.peek import peek
from sockets_lab.course.questions import Choice, Claim, Exercise, Found, Prediction, personal_number, require
from sockets_lab.errors import Refused
from sockets_lab.kernel.machine import learner
from sockets_lab.lab import Lab, Node, firewall, opened
from sockets_lab.lab.firewall import Rule
from sockets_lab.lessons import knocking
from sockets_lab.lessons.knocking import Try, debian, door, knocker
from sockets_lab.lessons.knocking.authorization import ACCEPTED, MEANINGS
from sockets_lab.lessons.knocking.knocker import LET_IN
from sockets_lab.model import Endpoint

WRONG_BETWEEN = "7000:udp 8000:tcp 1234:tcp 9000:tcp"


def _wrong_between() -> str:
    with knocking.three_nodes() as lab:
        found = knocking.opening(lab, WRONG_BETWEEN, open_for=1.0)
    if any(event.what == "opened" for event in found.events):
        return "opens"
    require(len(found.events) >= len(found.sequence), f"the door received only {len(found.events)} of A's knocks")
    return "shut"


def _opened_for(tried: Try) -> str:
    require(tried.refused is None, f"the packets could not be sent again ({tried.refused})")
    require(tried.opened_for or tried.events, "the door received no knock")
    return "both" if len(tried.opened_for) > 1 else next(iter(tried.opened_for), "nobody")


def _own_address() -> str:
    with knocking.three_nodes() as lab:
        return _opened_for(knocking.replays(lab).as_itself)


def _byte_for_byte() -> str:
    with knocking.three_nodes() as lab:
        return _opened_for(knocking.replays(lab).as_owner)


def _signed() -> str:
    with knocking.three_nodes() as lab:
        return knocking.cure(lab).asked[1].verdict.replace(" ", "-")


NOBODY = Choice("nobody", "for neither", "The packets did not reach the door in the right order.")
BY_ANOTHER_WAY = "The door used something else than the source address."
BOTH = Choice("both", "for A and for C", "All nodes have one address here.")

PREDICTIONS = (
    Prediction(
        "wrong-between",
        "The door opens to 7000:udp, 8000:tcp, 9000:tcp, in this order. A knocks all three in order, but between the "
        "second and the third it also knocks at 1234:tcp. What does the door do?",
        (Choice("opens", "it opens", "Nothing can be captured here, so sockets at the three ports receive the knocks, "
                "and no socket receives the one at port 1234. A daemon that captures on the cable sees that knock, "
                "and its door stays shut."),
         Choice("shut", "it stays shut", "A wrong knock sets its source back to the beginning, so 9000:tcp is wrong "
                "too. Otherwise a plain port scan would open the door as soon as it happened to hit these three in "
                "order.")),
        _wrong_between,
    ),
    Prediction(
        "own-address",
        "C has captured A's three knocks. It writes its own address into copies of these packets, corrects their "
        "checksums, and sends them. For which node does a new door open?",
        (NOBODY,
         Choice("A", "for A", BY_ANOTHER_WAY),
         Choice("C", "for C", "The knocks are the whole secret, and every host on the way can read them. The door "
                "cannot know who used them first. This attack is a **replay**."),
         BOTH),
        _own_address,
    ),
    Prediction(
        "byte-for-byte",
        "Now C sends A's packets exactly as it captured them, every byte, with A's address as the source. For which "
        "node does a new door open?",
        (NOBODY,
         Choice("A", "for A", "The sender of a packet writes the source address, and this network does not check it. C "
                "can open the door in A's name at any time. The door does not let C itself in: the answers go to A."),
         Choice("C", "for C", BY_ANOTHER_WAY),
         BOTH),
        _byte_for_byte,
    ),
    Prediction(
        "signed-replay",
        "A's request has opened the door. C has captured that datagram, and sends it again at once, byte for byte, "
        "with A's address. What does the verifier say?",
        (*(Choice(name.replace(" ", "-"), name, f"{MEANINGS[name][0].upper()}{MEANINGS[name][1:]}.")
           for name in ("accepted", "not authentic", "too old", "another source")),
         Choice("replayed", "replayed", "The tag, the time and the address are right: the request is A's own. But the "
                "verifier has seen its **nonce**, a number used once, and accepts each nonce only once.")),
        _signed,
    ),
)  # fmt: skip


def _opens() -> tuple[str, str]:
    with knocking.three_nodes() as lab:
        found = knocking.opening(lab)
    came = {(when, who): visit.answer for when, who, visit in found.visits}
    knocks = f"the ports of the knocks: {' or '.join(sorted({sent.answer for sent in found.sent}))}"
    if found.differs:
        knocks = "sockets wait at the ports of the knocks, because nothing can be captured here"
    before, a, c = (came.get(key, "not tried") for key in (("before", "A"), ("open", "A"), ("open", "C")))
    text = f"{knocks}; the door, before: {before}; after {len(found.sent)} knocks of A, A: {a}, C: {c}"
    require(found.events, "the door received no knock")
    return f"{text}; later: {came['after', 'A']}", "true here" if a == LET_IN not in (before, c) else "false"


def _nobody() -> tuple[str, str]:
    here = [name for name in ("knock", "knockd", "fwknop") if isinstance(debian.installed(name), str)]
    text = f"installed here: {', '.join(here) or 'none of knock, knockd, fwknop'}"
    with knocking.three_nodes() as lab, knocking.Knockd(lab, lab.nodes[1], door.SEQUENCE) as theirs:
        if not theirs.refused:
            one = lab.nodes[0]
            one.run(knocking.knock, lab.nodes[1].address, door.SEQUENCE)
            done = "opened" if theirs.opened_for(one.address) else "did not open"
            text += f"; knockd at B {done} to A's knocks"
    return f"{text}. A niche, but Debian maintains packages of both kinds", "false"


def _replay() -> tuple[str, str]:
    with knocking.three_nodes() as lab:
        found = knocking.replays(lab)
    require(found.as_itself.events, "the door received none of C's knocks")
    came = dict(found.as_itself.visits)["C"].answer
    return f"C sent A's {len(found.knocked.events)} knocks again, and was {came}", "not in the source text"


def _cure() -> tuple[str, str]:
    with knocking.three_nodes() as lab:
        found = knocking.cure(lab)
    first, again = found.asked[:2]
    others = sum(not one.opened for one in found.asked[2:])
    text = f"A's request: {first.verdict}; sent again: {again.verdict}; {others} bad ones rejected"
    return text, "not in the source text"


CLAIMS = (
    Claim("The right series of knocks at closed ports opens the real port, for your address.", _opens, "knockd(1)"),
    Claim("No one uses it in the real world.", _nobody, "Debian; jvinet/knock issue 88"),
    Claim("(Not in the text:) a host that captures the knocks can repeat them.", _replay, "jvinet/knock issue 88"),
    Claim("(Not in the text:) one authenticated datagram cannot be replayed.", _cure, "RFC 2104, fwknop(8)"),
)


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
    there, end = Endpoint(lab["B"].address, DOOR), time.monotonic() + wait
    while True:
        if node.run(knocking.visit, there, node.address, max(end - time.monotonic(), 0.1)).answer == LET_IN:
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
