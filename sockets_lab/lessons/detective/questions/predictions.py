"""The predictions of lesson 12: what a fault looks like from a customer's side. Each makes the machine, and asks."""

from functools import partial

from sockets_lab.course.questions import OTHER, Choice, NotMeasured, Prediction, other
from sockets_lab.lessons import detective

FOUND = {"refused": "refused", "silence": "silence", "no answer": "mute"}
REFUSED = partial(Choice, "refused", "it sees a refused connection")
SILENCE = partial(Choice, "silence", "it sees no response")
MUTE = partial(Choice, "mute", "it sees a connection without an answer")
ODD = "This system differs from the ones that the course knows; the table of symptoms shows how."


def machine_with(key: str) -> detective.Case:
    """Make the machine with that fault. Raises: NotMeasured, where it cannot be made."""
    place = detective.place_with(key, "example")
    if place is None:
        why = next(fault.missing() for fault in detective.FAULTS if fault.key == key)
        raise NotMeasured(f"the machine cannot be made here: {why}")
    return detective.take(place, "example", aside=True)


def _finds(key: str) -> str:
    with machine_with(key) as case:
        return case.ask().outcome


def _cleared() -> str:
    innocent = [key for key in ("address", "protocol", "firewall") if _finds(key) != "refused"]
    return innocent[0] if len(innocent) == 1 else "several" if innocent else "none"


def _used_up() -> str:
    return FOUND.get(_finds("leak"), OTHER)


def _full() -> str:
    return FOUND.get(_finds("backlog"), OTHER)


PREDICTIONS = (
    Prediction(
        "refused",
        "A customer's connection is refused at once. Which suspect can you rule out?",
        (Choice("address", "that the service listens on another address", ODD),
         Choice("protocol", "that the service uses the other protocol", ODD),
         Choice("firewall", "that a firewall drops the packets to its port", "B's kernel received the segment, found "
                "no TCP socket that listens there, and sent a reset. A rule that drops sends nothing. A rule that "
                "rejects can send the same reset: only the list of rules shows the difference."),
         Choice("several", "two of the three", ODD),
         Choice("none", "none of the three", ODD)),
        _cleared,
    ),
    Prediction(
        "used-up",
        "A service has used up all its descriptors, so its `accept` fails with EMFILE. What does the next customer "
        "see?",
        (REFUSED("This system refuses a client that the program cannot accept."),
         SILENCE("The accept queue was full already, so no further connection was made."),
         MUTE("The kernel completes the handshake and puts the connection into the accept queue, where it needs no "
              "descriptor (lesson 05). `accept` would need one. So `connect` succeeds, and no program answers.")),
        _used_up,
        (other(ODD),),
    ),
    Prediction(
        "full",
        "Now the accept queue is full: no more connections can wait, and the program accepts none. What does the next "
        "customer see?",
        (REFUSED("This system answers a full queue with a reset, as Windows does."),
         SILENCE("Linux drops the customer's SYN; the customer's kernel will send it again. From outside this looks "
                 "like a firewall that drops. The queue in B's socket table and B's list of rules show the "
                 "difference."),
         MUTE("This system completes one handshake more than the queue has room for.")),
        _full,
        (other(ODD),),
    ),
)  # fmt: skip
