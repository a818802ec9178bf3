"""What the learner repairs in lesson 12: ten machines. Real customers find out whether a machine works again."""

from functools import partial

from sockets_lab.course.questions import Exercise, Found
from sockets_lab.lessons import detective

METHOD = (
    "Connect as a customer, `case.ask()`, and compare the result with the table of symptoms. Few suspects are left.",
    "Look before you change anything: at `case.sockets(case.B)` (program, address, protocol, length of the queue), the "
    "programs' `log` and `settings`, `firewall.held(case.B)`, and A's side too.",
    "Ask for a clue: `print(detective.clue(case.name))` says where to look in your case, and "
    "`detective.clue(case.name, 2)` what to do.",
)


def check(place: str) -> Found:
    """Send customers to the machine of this place, many of them and silent ones too, and start its service again."""
    case = detective.opened()
    if case is None or case.name != place:
        return Found(False, f'the case is not open: take it, `case = detective.take("{place}")`.')
    for step in detective.inspect(case):
        if not step.passed:
            return Found(False, f"{step.because}.")
    return Found(True, f"the {place} serves one customer and many, in spite of silent ones and after a restart.")


EXERCISES = tuple(
    Exercise(place, f"**The {place}.** Find out what is wrong there, and repair it.", partial(check, place), METHOD)
    for place in detective.PLACES
)
