"""Joining a class and handing in, as a notebook shows them: what was done, and what the file tells the teacher."""

from sockets_lab.course import handing_in
from sockets_lab.course.lessons import LESSONS
from sockets_lab.errors import refusal
from sockets_lab.figures.tables import Table
from sockets_lab.panels.show import show

SAYS = {True: "live, a moment ago", False: "earlier, when it stood"}


def join(ticket: str) -> None:
    """Join a class with the line that the teacher gave you. Raises: BadInput."""
    try:
        own, _ = handing_in.join(ticket)
    except OSError as error:
        print(f"You are in no class yet: the ticket cannot be kept. {refusal(error)}.")
        return
    print(f"You are {own.learner!r} in this class. Restart all kernels: your exercises have other numbers now.")


def hand_in(folder: str = ".", lesson: str = "") -> None:
    """Check what was solved once more, write one file for the teacher, and show what it tells. Raises: BadInput."""
    try:
        done = handing_in.hand_in(folder, lesson)
    except OSError as error:
        print(f"Nothing was written. {refusal(error)}. Name another folder: hand_in(folder).")
        return
    live, earlier = done.results(live=True), done.results(live=False)
    print(f"Written for {done.content.learner}: {done.path}")
    print(f"  exercises that the kernel showed in this moment: {', '.join(live) or 'none'}")
    print(f"  exercises that it showed earlier: {', '.join(earlier) or 'none'}")
    for sentence in done.left_out:
        print(f"  left out: {sentence}")
    print("  sealed with your ticket" if done.content.sealed else "  not sealed: you have no ticket of a class")
    show(overview(done))


def overview(done: handing_in.HandedIn) -> Table:
    """Show what was written of each lesson."""
    rows = []
    for one in LESSONS:
        part = done.content.of(one)
        if part.predictions or part.results:
            made = sum(predicted is not None for predicted, _ in part.predictions.values())
            results = [f"{key}: {SAYS[result.live]}" for key, result in part.results.items()]
            asked = len(one.questions().PREDICTIONS)
            rows.append((one.name, f"{made} of {asked}", "\n".join(results) or "-"))
    headings = ("lesson", "predictions", "exercises that the kernel showed to be solved")
    return Table("What your file tells, besides your machine's passport.", headings, tuple(rows), (30, 12, 48))
