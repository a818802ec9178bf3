"""What the learner predicts in lesson 11."""

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
    require(len(found.events) >= len(found.sequence), f"the door heard only {len(found.events)} of A's knocks")
    return "shut"


def _opened_for(tried: Try) -> str:
    require(tried.refused is None, f"the packets could not be sent again ({tried.refused})")
    require(tried.opened_for or tried.events, "the door heard no knock")
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


NOBODY = Choice("nobody", "nobody", "The packets did not reach the door in their order.")
BY_ANOTHER_WAY = "The door went by something else than the source address."
BOTH = Choice("both", "A and C", "All nodes have one address here.")

PREDICTIONS = (
    Prediction(
        "wrong-between",
        "The door opens to 7000:udp, 8000:tcp, 9000:tcp, in this order. A knocks all three in order, but between the "
        "second and the third also at 1234:tcp. What does the door do?",
        (Choice("opens", "it opens", "Here the knocks are heard by sockets at the three ports, because nothing can "
                "be captured; so nobody hears the knock at port 1234. A daemon that reads the cable hears it, and "
                "the door stays shut."),
         Choice("shut", "it stays shut", "A wrong knock throws its source back to the beginning, and then 9000:tcp "
                "is wrong too. Were it not so, a scan of all ports would open the door whenever it comes by these "
                "three in their order.")),
        _wrong_between,
    ),
    Prediction(
        "own-address",
        "C has overheard A's three knocks. It writes its own address into copies of these packets, sets their "
        "checksums right, and sends them. For whom does a fresh door open?",
        (NOBODY,
         Choice("A", "A", BY_ANOTHER_WAY),
         Choice("C", "C", "The knocks are the whole secret, and they cross the network for everybody to read. The "
                "door cannot tell who thought of them first. This is a **replay**."),
         BOTH),
        _own_address,
    ),
    Prediction(
        "byte-for-byte",
        "Now C sends A's packets exactly as it caught them, every byte, with A's address as the source. For whom does "
        "a fresh door open?",
        (NOBODY,
         Choice("A", "A", "Whoever writes a packet writes its source address too, and nobody checks it. C has opened "
                "the door in A's name, and whenever it likes. C itself is not let in like this: the answers go to A."),
         Choice("C", "C", BY_ANOTHER_WAY),
         BOTH),
        _byte_for_byte,
    ),
    Prediction(
        "signed-replay",
        "A's request has opened the door. C has caught that datagram, and sends it again at once, byte for byte, with "
        "A's address. What does the verifier say?",
        (*(Choice(name.replace(" ", "-"), name, f"{MEANINGS[name][0].upper()}{MEANINGS[name][1:]}.")
           for name in ("accepted", "not authentic", "too old", "another source")),
         Choice("replayed", "replayed", "The tag is right, the time is right, the address is A's: all of it is A's "
                "own. But its nonce was seen before, and each is taken once only.")),
        _signed,
    ),
)  # fmt: skip
