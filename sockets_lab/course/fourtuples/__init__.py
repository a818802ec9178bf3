"""The questions of lesson 05."""

from sockets_lab.course.fourtuples.claims import CLAIMS
from sockets_lab.course.fourtuples.exercises import ACCEPTED, EXERCISES, WAITING
from sockets_lab.course.fourtuples.predictions import PREDICTIONS

__all__ = ["ACCEPTED", "CLAIMS", "EXERCISES", "PREDICTIONS", "WAITING"]
