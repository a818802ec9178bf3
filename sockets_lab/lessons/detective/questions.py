"""The questions of lesson 14."""

from collections.abc import Callable
from functools import partial

from sockets_lab.course.questions import OTHER, Choice, Claim, Exercise, Found, NotMeasured, Prediction, other, require
from sockets_lab.lessons import detective
from sockets_lab.lessons.detective import Case, Visit
from sockets_lab.lessons.detective.case_assignment import LEVELS

FOUND = {"refused": "refused", "silence": "silence", "no answer": "mute"}
REFUSED = partial(Choice, "refused", "it sees a refused connection")
SILENCE = partial(Choice, "silence", "it sees no response")
MUTE = partial(Choice, "mute", "it sees a connection without an answer")
ODD = "This system differs from the ones that the course knows."


def machine_with(key: str) -> detective.Case:
    """Make the machine with that fault. Raises: NotMeasured, where it cannot be made."""
    if detective.place_with(key) is None:
        raise NotMeasured(f"the machine with the fault {key} cannot be made here")
    return detective.example(key, aside=True)


def _finds(key: str) -> str:
    with machine_with(key) as case:
        return case.ask().outcome


def _cleared() -> str:
    innocent = [key for key in ("address", "protocol", "firewall") if _finds(key) != "refused"]
    return innocent[0] if len(innocent) == 1 else "several" if innocent else "none"


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
        lambda: FOUND.get(_finds("leak"), OTHER),
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
        lambda: FOUND.get(_finds("backlog"), OTHER),
        (other(ODD),),
    ),
)  # fmt: skip


Measured = tuple[str, str]
VERDICTS = {True: "true here", False: "false"}


def broken_by(key: str, tell: Callable[[Case, Visit], Measured]) -> Callable[[], Measured]:
    """Measure at a machine that has this fault, after a customer was there."""

    def measure() -> Measured:
        with machine_with(key) as case:
            return tell(case, case.ask())

    return measure


def _conflict(case: Case, visit: Visit) -> Measured:
    said = case.service.log[-1].rpartition(": ")[2]
    return f"the second program's bind: {said}; customers get: {visit.said}", VERDICTS[said == "EADDRINUSE"]


def _address(case: Case, visit: Visit) -> Measured:
    at = case.service.settings["address"]
    return f"the service is at {at}, the customer uses {case.B.address}: {_answered(visit)}", VERDICTS[not visit.served]


def _answered(visit: Visit) -> str:
    """Return what the customer saw. Raises: NotMeasured, for no response: that may have any cause."""
    require(visit.outcome in ("served", "refused"), f"the kernel gave the customer no answer: {visit.outcome}")
    return visit.outcome


def _protocol(case: Case, visit: Visit) -> Measured:
    has = case.service.settings["protocol"].upper()
    text = f"the service has port {case.endpoint.port} for {has}; over {case.protocol.upper()}: {_answered(visit)}"
    return text, VERDICTS[not visit.served]


def _descriptor(case: Case, visit: Visit) -> Measured:
    said = case.service.log[-1].rpartition(": ")[2]
    text = f"with {case.service.descriptors} open descriptors accept fails with {said}; customers see: {visit.outcome}"
    return text, VERDICTS[said == "EMFILE"]


def _ports(case: Case, visit: Visit) -> Measured:
    first, last = case.ephemeral_range or (0, 0)
    name = visit.refused.name if visit.refused else visit.outcome
    return f"A may choose from {last - first + 1} ports, and all are in use: {name}", VERDICTS[name == "EADDRNOTAVAIL"]


CLAIMS = (
    Claim("Programs conflict when they want one port of one address with one protocol.",
          broken_by("taken", _conflict), "bind(2), EADDRINUSE"),
    Claim("Incoming data goes to the process that is bound to its IP address and port: the right port alone is not "
          "enough.", broken_by("address", _address), "RFC 9293 section 3.5.2: reset where no socket matches"),
    Claim("TCP ports and UDP ports are separate.", broken_by("protocol", _protocol),
          "RFC 9293 section 3.1; RFC 768"),
    Claim("A socket is a kind of file descriptor, so a process can run out of them.", broken_by("leak", _descriptor),
          "accept(2), EMFILE"),
    Claim("A client's end has a port too, which the system takes from a range.", broken_by("exhausted", _ports),
          "proc_sys_net_ipv4(5); connect(2), EADDRNOTAVAIL"),
)  # fmt: skip


METHOD = (
    "Come as a customer, more than once: `case.ask()`. What can be ruled out after that?",
    "Look before you change anything: `figures.of(case, view)`, with one of `detective.VIEWS`. Which program do the "
    "customers come to? Look at A's side too.",
    "Ask for a clue: `print(detective.clue(case))` says where to look, and `detective.clue(case, 2)` what is wrong.",
)


def check(place: str) -> Found:
    """Send customers to the machine of this place, many of them and silent ones too, and start its service again."""
    case = detective.opened()
    if case is None or case.title != place:
        return Found(False, f'the case is not open: take it, `case = detective.take("{place}")`.')
    for step in detective.inspect(case):
        if not step.passed:
            return Found(False, f"{step.because}.")
    return Found(True, f"the {place} serves one customer and many, in spite of silent ones and after a restart.")


EXERCISES = tuple(
    Exercise(place, f"**The {place}**, level {level}. Find out what is wrong there, and repair it.",
             partial(check, place), METHOD)
    for place, level in zip(detective.PLACES, LEVELS, strict=True)
)  # fmt: skip
