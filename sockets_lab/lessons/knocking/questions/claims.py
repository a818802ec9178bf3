"""What the text claims about port knocking, measured."""

from sockets_lab.course.questions import Claim, require
from sockets_lab.lessons import knocking
from sockets_lab.lessons.knocking import debian
from sockets_lab.lessons.knocking.door import SEQUENCE

LET_IN = "let in"


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
    with knocking.three_nodes() as lab, knocking.Knockd(lab, lab.nodes[1], SEQUENCE) as theirs:
        if not theirs.refused:
            one = lab.nodes[0]
            one.run(knocking.knock, lab.nodes[1].address, SEQUENCE)
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
