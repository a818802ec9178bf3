"""The teacher's side: tickets for the class, hand-ins read and merged, and what the class did, counted."""

from sockets_lab.classroom.counting import (
    Answers,
    Machines,
    Place,
    answers,
    differing,
    elsewhere,
    machines,
    most_missed,
    places,
    share_done,
)
from sockets_lab.classroom.keys import new_secret, read_secret, tickets
from sockets_lab.classroom.made_up import write_class
from sockets_lab.classroom.merging import Class, NotMerged, merge

__all__ = [
    "Answers", "Class", "Machines", "NotMerged", "Place", "answers", "differing", "elsewhere", "machines", "merge",
    "most_missed", "new_secret", "places", "read_secret", "share_done", "tickets", "write_class",
]  # fmt: skip
