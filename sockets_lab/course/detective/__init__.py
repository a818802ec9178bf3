"""The questions of lesson 12."""

from sockets_lab.course.detective.claims import CLAIMS
from sockets_lab.course.detective.exercises import EXERCISES
from sockets_lab.course.detective.predictions import PREDICTIONS

__all__ = ["CLAIMS", "EXERCISES", "PREDICTIONS"]
