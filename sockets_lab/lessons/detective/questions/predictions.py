"""The predictions of lesson 12: what a fault looks like from a customer's side. Each makes the machine, and asks."""

from functools import partial

from sockets_lab.course.questions import OTHER, Choice, NotMeasured, Prediction, other
from sockets_lab.lessons import detective

FOUND = {"refused": "refused", "silence": "silence", "no answer": "mute"}
REFUSED = partial(Choice, "refused", "its connection is refused")
SILENCE = partial(Choice, "silence", "no connection comes about")
MUTE = partial(Choice, "mute", "a connection, and never an answer")
ODD = "This system does it in another way than the ones we know; the table of symptoms shows how."


def machine_with(key: str) -> detective.Case:
    """Make the machine with that fault. Raises: NotMeasured, where it cannot be had."""
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
        "A customer's connection is refused at once. Which suspect can you let go?",
        (Choice("address", "the service listens at another address", ODD),
         Choice("protocol", "the service speaks the other protocol", ODD),
         Choice("firewall", "a firewall drops what is for its port", "A refusal is an answer: B's kernel received "
                "the segment, found no TCP socket that listens there, and sent a reset. A rule that drops answers "
                "nothing. (A rule that rejects may answer just so: only the list of rules tells.)"),
         Choice("several", "two of them are impossible", ODD),
         Choice("none", "all three are possible", ODD)),
        _cleared,
    ),
    Prediction(
        "used-up",
        "A service has used up all its descriptors, so that its `accept` fails with EMFILE. What does the next "
        "customer find?",
        (REFUSED("This system turns away whom the program cannot accept."),
         SILENCE("The queue was full already, so that no further connection came about."),
         MUTE("The kernel completes the handshake by itself and puts the connection into the listener's queue, where "
              "it needs no descriptor yet (lesson 05). The program would need one to take it out. So `connect` "
              "succeeds, and nobody ever answers.")),
        _used_up,
        (other(ODD),),
    ),
    Prediction(
        "full",
        "Now the queue itself is full: as many connections wait as the backlog allows, and nobody takes them. What "
        "does the next customer find?",
        (REFUSED("This system answers a full queue with a reset, as Windows does."),
         SILENCE("Linux drops the customer's SYN, hoping that there will be room when it comes again. From outside "
                 "this is the same silence as a firewall's: what tells them apart is the queue in B's table, and a "
                 "filter without such a rule."),
         MUTE("This system completes one handshake more than it has room for.")),
        _full,
        (other(ODD),),
    ),
)  # fmt: skip
