"""The questions of lesson 10."""

from sockets_lab.course.scanning.claims import CLAIMS
from sockets_lab.course.scanning.exercises import EXERCISES, FIRST, LAST, THRESHOLD, WINDOW, hide
from sockets_lab.course.scanning.predictions import PREDICTIONS

__all__ = ["CLAIMS", "EXERCISES", "FIRST", "LAST", "PREDICTIONS", "THRESHOLD", "WINDOW", "hide"]
