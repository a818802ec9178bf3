"""The questions of lesson 04."""

from sockets_lab.course.conflicts.claims import CLAIMS
from sockets_lab.course.conflicts.exercises import BACKLOG, EXERCISES
from sockets_lab.course.conflicts.predictions import PREDICTIONS

__all__ = ["BACKLOG", "CLAIMS", "EXERCISES", "PREDICTIONS"]
