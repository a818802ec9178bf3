"""The questions of lesson 11."""

from sockets_lab.course.knocking.claims import CLAIMS
from sockets_lab.course.knocking.exercises import DOOR, EXERCISES, KEY, SAFE, SEQUENCE
from sockets_lab.course.knocking.predictions import PREDICTIONS

__all__ = ["CLAIMS", "DOOR", "EXERCISES", "KEY", "PREDICTIONS", "SAFE", "SEQUENCE"]
