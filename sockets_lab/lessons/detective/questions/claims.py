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
    return f"the second program's bind: {said}; customers get: {visit.said}", _verdict(said == "EADDRINUSE")


def _address(case: Case, visit: Visit) -> Measured:
    at = case.service.settings["address"]
    return f"the service is at {at}, the customer uses {case.B.address}: {_answered(visit)}", _verdict(not visit.served)


def _answered(visit: Visit) -> str:
    """Return what the customer saw. Raises: NotMeasured, for no response: that may have any cause."""
    require(visit.outcome in ("served", "refused"), f"the kernel gave the customer no answer: {visit.outcome}")
    return visit.outcome


def _protocol(case: Case, visit: Visit) -> Measured:
    has = case.service.settings["protocol"].upper()
    text = f"the service has port {case.endpoint.port} for {has}; over {case.protocol.upper()}: {_answered(visit)}"
    return text, _verdict(not visit.served)


def _descriptor(case: Case, visit: Visit) -> Measured:
    said = case.service.log[-1].rpartition(": ")[2]
    held = case.service.descriptors
    text = f"with {held} open descriptors accept fails with {said}; the customer sees: {visit.outcome}"
    return text, _verdict(said == "EMFILE")


def _ports(case: Case, visit: Visit) -> Measured:
    first, last = case.ephemeral_range or (0, 0)
    name = visit.refused.name if visit.refused else visit.outcome
    return f"A may choose from {last - first + 1} ports, and all are in use: {name}", _verdict(name == "EADDRNOTAVAIL")


def _verdict(holds: bool) -> str:
    return "true here" if holds else "false"


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
