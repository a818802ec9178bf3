"""What the learner repairs in lesson 12: ten machines. Real customers find out whether a machine works again."""

from functools import partial

from sockets_lab.course.questions import Exercise, Found
from sockets_lab.lessons import detective

METHOD = (
    "Ask as a customer, `case.ask()`, and hold what you find against the table of symptoms. It leaves few suspects.",
    "Look before you touch: `case.sockets(case.B)` (who owns the port, at which address, over which protocol, how many "
    "wait?), the programs' `log` and `settings`, `firewall.held(case.B)`, and A's side too.",
    "Still stuck? `print(detective.clue(case.name))` says where to look in your case, `detective.clue(case.name, 2)` "
    "what to do.",
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
