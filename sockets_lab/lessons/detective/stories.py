"""The report of a case, as an operator writes it: what happens, since when, and what else was going on."""

from collections.abc import Sequence
from random import Random

from sockets_lab.lessons.detective.case import Case, Fault

OPENINGS = (
    "Since Tuesday's update the {name} does not serve its customers; the one next door still does.",
    "Three calls this morning: the {name} is out of order. I have restarted nothing, so as not to spoil the traces.",
    "The {name}'s service worked all weekend. Today it does not, and I was told that nothing was changed.",
    "Please look at the {name}. Its customers complain, the log is quiet, and the backup ran as always.",
)
AT_TIMES = (
    "Sometimes the {name} serves, and sometimes it does not. When I come to look, it mostly does.",
    "Half of the {name}'s customers are content. The other half have called, all of them twice.",
)
FACTS = "Customers at {A} come over {protocol} to {endpoint}; the program runs, or should run, at B ({B})."
GATEWAY = (
    "They come to the gateway, which leads them on to one of two releases at B, blue and green. I do not know which "
    "one is in use this week; the other one is of no importance, in whatever state it is."
)
INNOCENT = (
    "The backup takes longer than usual, but it ends before we open.",
    "The clock of the machine was four seconds slow, and was set right.",
    "The monitoring has been red since Friday; it is red every Friday.",
    "The fan is loud. A new one has been ordered.",
    "A colleague has changed the colors of the page. I can see no connection.",
    "The certificate will end in nine days. That is nine days away.",
)
TWO = "I have a feeling that it is not one thing alone."


def report(case: Case, faults: Sequence[Fault], lot: Random) -> str:
    """Write a case's report. Args: faults: also an innocent neighbor's; lot: draws what is left to chance."""
    told = [one.story for one in faults] + lot.sample(INNOCENT, case.level)
    lot.shuffle(told)
    opening = lot.choice(AT_TIMES if case.level == 4 else OPENINGS)
    facts = FACTS.format(A=case.A.address, B=case.B.address, protocol=case.protocol.upper(), endpoint=case.endpoint)
    return " ".join([opening.format(name=case.name), facts, *[GATEWAY] * (case.level == 2), *told,
                     *[TWO] * (case.level == 3)])  # fmt: skip
