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
from sockets_lab.classroom.merging import Class, NotMerged, merge
from sockets_lab.classroom.sample_class import write_sample_class
