"""The predictions of lesson 12: what a fault looks like from a customer's side. Each makes the machine, and asks."""

from sockets_lab.course.questions import Prediction
from sockets_lab.lessons import detective

SUSPECTS = {
    "the service listens at another address": "address",
    "the service speaks the other protocol": "protocol",
    "a firewall drops what is for its port": "firewall",
}
NONE, SEVERAL = "all three are possible", "two of them are impossible"
REFUSED, SILENCE, MUTE, OTHER = (
    "its connection is refused", "no connection comes about", "a connection, and never an answer", "something else"
)  # fmt: skip
WORDS = {"refused": REFUSED, "silence": SILENCE, "no answer": MUTE}
ODD = "This system does it in another way than the ones we know; the table of symptoms shows how."


def _finds(key: str) -> str:
    """Make the machine with that fault, and tell what a customer finds; "" where it cannot be had here."""
    place = detective.place_with(key, "example")
    if place is None:
        return ""
    with detective.take(place, "example", aside=True) as case:
        return case.ask().outcome


def _cleared() -> str:
    innocent = [words for words, key in SUSPECTS.items() if _finds(key) not in ("refused", "")]
    return innocent[0] if len(innocent) == 1 else SEVERAL if innocent else NONE


def _used_up() -> str:
    return WORDS.get(_finds("leak"), OTHER)


def _full() -> str:
    return WORDS.get(_finds("backlog"), OTHER)


ADDRESS, PROTOCOL, FIREWALL = SUSPECTS

PREDICTIONS = (
    Prediction(
        "refused",
        "A customer's connection is refused at once. Which suspect can you let go?",
        (ADDRESS, PROTOCOL, FIREWALL, SEVERAL, NONE),
        _cleared,
        {
            FIREWALL: "A refusal is an answer: B's kernel received the segment, found no TCP socket that listens "
            "there, and sent a reset. A rule that drops answers nothing. (A rule that rejects may answer just so: only "
            "the list of rules tells.)",
            ADDRESS: ODD, PROTOCOL: ODD, SEVERAL: ODD, NONE: ODD,
        },
    ),
    Prediction(
        "used-up",
        "A service has used up all its descriptors, so that its `accept` fails with EMFILE. What does the next "
        "customer find?",
        (REFUSED, SILENCE, MUTE, OTHER),
        _used_up,
        {
            MUTE: "The kernel completes the handshake by itself and puts the connection into the listener's queue, "
            "where it needs no descriptor yet (lesson 05). The program would need one to take it out. So `connect` "
            "succeeds, and nobody ever answers.",
            REFUSED: "This system turns away whom the program cannot accept.",
            SILENCE: "The queue was full already, so that no further connection came about.",
            OTHER: ODD,
        },
    ),
    Prediction(
        "full",
        "Now the queue itself is full: as many connections wait as the backlog allows, and nobody takes them. What "
        "does the next customer find?",
        (REFUSED, SILENCE, MUTE, OTHER),
        _full,
        {
            SILENCE: "Linux drops the customer's SYN, hoping that there will be room when it comes again. From outside "
            "this is the same silence as a firewall's: what tells them apart is the queue in B's table, and a filter "
            "without such a rule.",
            REFUSED: "This system answers a full queue with a reset, as Windows does.",
            MUTE: "This system completes one handshake more than it has room for.",
            OTHER: ODD,
        },
    ),
)
