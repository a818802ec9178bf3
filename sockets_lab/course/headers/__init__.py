"""The questions of lesson 08."""

from sockets_lab.course.headers.claims import CLAIMS
from sockets_lab.course.headers.exercises import EXERCISES, LENGTH, PORT
from sockets_lab.course.headers.predictions import PREDICTIONS

__all__ = ["CLAIMS", "EXERCISES", "LENGTH", "PORT", "PREDICTIONS"]
