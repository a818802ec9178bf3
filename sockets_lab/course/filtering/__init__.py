"""The questions of lesson 09."""

from sockets_lab.course.filtering.claims import CLAIMS
from sockets_lab.course.filtering.exercises import ENTRANCE, EXERCISES, OPEN, REFUSED, SILENT, TARGET
from sockets_lab.course.filtering.predictions import PREDICTIONS

__all__ = ["CLAIMS", "ENTRANCE", "EXERCISES", "OPEN", "PREDICTIONS", "REFUSED", "SILENT", "TARGET"]
