"""What the text claims about port knocking, measured."""

from sockets_lab import knocking
from sockets_lab.course.questions import Claim
from sockets_lab.knocking import debian
from sockets_lab.knocking.door import SEQUENCE

LET_IN = "let in"


def _opens() -> tuple[str, str]:
    with knocking.three_nodes() as lab:
        found = knocking.opening(lab, open_for=1.0)
    came = {when: visit.answer for when, who, visit in found.visits if who == "A"}
    text = f"before: {came['before']}; after {len(found.sent)} knocks: {came.get('open')}; later: {came['after']}"
    return text, "so" if came.get("open") == LET_IN != came["before"] else "not so"


def _closed_ports() -> tuple[str, str]:
    with knocking.three_nodes() as lab:
        found = knocking.opening(lab, open_for=1.0)
    answers = sorted({sent.answer for sent in found.sent})
    text = f"each knock was answered: {' or '.join(answers)}"
    if found.differs:
        return f"{text}; here sockets wait at these ports, because nothing can be captured", "unknown"
    return text, "so" if answers == ["refused"] else "not so"


def _for_one_only() -> tuple[str, str]:
    with knocking.three_nodes() as lab:
        found = knocking.opening(lab, open_for=1.0)
    came = {who: visit.answer for when, who, visit in found.visits if when == "open"}
    text = f"while it was open: A {came.get('A')}, C {came.get('C')}"
    return text, "so" if came.get("A") == LET_IN != came.get("C") else "not so"


def _nobody() -> tuple[str, str]:
    here = [name for name in ("knock", "knockd", "fwknop") if isinstance(debian.installed(name), str)]
    text = f"installed here: {', '.join(here) or 'none of knock, knockd, fwknop'}"
    with knocking.three_nodes() as lab, knocking.Knockd(lab, lab.nodes[1], SEQUENCE) as theirs:
        if not theirs.refused:
            one = lab.nodes[0]
            one.run(knocking.knock, lab.nodes[1].address, SEQUENCE)
            done = "opened" if theirs.opened_for(one.address) else "did not open"
            text += f"; knockd at B {done} to A's knocks"
    return f"{text}. Debian has packages of both kinds", "a niche, but maintained"


def _replay() -> tuple[str, str]:
    with knocking.three_nodes() as lab:
        found = knocking.replays(lab)
    came = dict(found.as_itself.visits)["C"].answer
    return f"C sent A's {len(found.knocked.events)} knocks again, and was {came}", "left out"


def _cure() -> tuple[str, str]:
    with knocking.three_nodes() as lab:
        found = knocking.cure(lab)
    first, again = found.asked[:2]
    others = sum(not one.opened for one in found.asked)
    return f"A's request: {first.verdict}; sent again: {again.verdict}; {others} bad ones refused", "left out"


CLAIMS = (
    Claim("A series of knocks, in the right order, makes the real port open.", _opens, "knockd(1)"),
    Claim("The knocks go to closed ports.", _closed_ports, "knockd(1), RFC 9293"),
    Claim("The port opens for your address.", _for_one_only, "knockd(1)"),
    Claim("Nobody uses it in the real world.", _nobody, "Debian; jvinet/knock issue 88"),
    Claim("(The text leaves out:) who overhears the knocks can repeat them.", _replay, "jvinet/knock issue 88"),
    Claim("(The text leaves out:) one authenticated datagram cannot be repeated.", _cure, "RFC 2104, fwknop(8)"),
)
