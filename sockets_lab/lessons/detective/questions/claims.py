"""What the text says about ports, seen where it went wrong: each measured at a machine that is broken in this way."""

from collections.abc import Callable

from sockets_lab.course.questions import Claim, require
from sockets_lab.lessons.detective import Case, Visit
from sockets_lab.lessons.detective.questions.predictions import machine_with

Measured = tuple[str, str]


def broken_by(key: str, tell: Callable[[Case, Visit], Measured]) -> Callable[[], Measured]:
    """Measure at a machine that has this fault, after a customer was there."""

    def measure() -> Measured:
        with machine_with(key) as case:
            return tell(case, case.ask())

    return measure


def _conflict(case: Case, visit: Visit) -> Measured:
    said = case.service.log[-1].rpartition(": ")[2]
    return f"the second program's bind: {said}; customers get: {visit.said}", "so" if said == "EADDRINUSE" else "not so"


def _address(case: Case, visit: Visit) -> Measured:
    at = case.service.settings["address"]
    return f"the service is at {at}, the customer asks at {case.B.address}: {_answered(visit)}", _so(not visit.served)


def _answered(visit: Visit) -> str:
    """Return what the customer found. Raises: NotMeasured, for a silence: that may have any cause."""
    require(visit.outcome in ("served", "refused"), f"the kernel gave the customer no answer: {visit.outcome}")
    return visit.outcome


def _protocol(case: Case, visit: Visit) -> Measured:
    has = case.service.settings["protocol"].upper()
    text = f"port {case.endpoint.port} is the service's for {has}; over {case.protocol.upper()}: {_answered(visit)}"
    return text, _so(not visit.served)


def _descriptor(case: Case, visit: Visit) -> Measured:
    said = case.service.log[-1].rpartition(": ")[2]
    held = case.service.descriptors
    text = f"with {held} descriptors held, accept says {said}; the customer finds: {visit.outcome}"
    return text, _so(said == "EMFILE")


def _ports(case: Case, visit: Visit) -> Measured:
    first, last = case.ephemeral_range or (0, 0)
    name = visit.refused.name if visit.refused else visit.outcome
    return f"A may choose from {last - first + 1} ports, and all are in use: {name}", _so(name == "EADDRNOTAVAIL")


def _so(holds: bool) -> str:
    return "so" if holds else "not so"


CLAIMS = (
    Claim("Programs get into a conflict when they want one port of one address with one protocol.",
          broken_by("taken", _conflict), "bind(2), EADDRINUSE"),
    Claim("What arrives is handed to the process that is bound to its IP address and port: the right port alone is not "
          "enough.", broken_by("address", _address), "RFC 9293 section 3.10.7.1"),
    Claim("Ports of TCP and ports of UDP are numbers of two kinds.", broken_by("protocol", _protocol),
          "RFC 9293 section 3.1; RFC 768"),
    Claim("A socket is a kind of file descriptor, and so there is an end to them.", broken_by("leak", _descriptor),
          "accept(2), EMFILE"),
    Claim("A client's end has a port too, which the system takes from a range.", broken_by("exhausted", _ports),
          "ip(7), ip_local_port_range; connect(2), EADDRNOTAVAIL"),
)  # fmt: skip
