"""What the learner predicts in lesson 13."""

from sockets_lab.course.questions import Choice, Prediction, require
from sockets_lab.lessons import knocking
from sockets_lab.lessons.knocking import Try
from sockets_lab.lessons.knocking.authorization import MEANINGS

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
