"""The questions of lesson 03."""

from sockets_lab.course.ports.claims import CLAIMS
from sockets_lab.course.ports.exercises import COLUMN, EXERCISES
from sockets_lab.course.ports.predictions import PREDICTIONS

__all__ = ["CLAIMS", "COLUMN", "EXERCISES", "PREDICTIONS"]
