"""The questions of lesson 07."""

from sockets_lab.course.nodes.claims import CLAIMS
from sockets_lab.course.nodes.exercises import AT_A, AT_B, COMMON, EXERCISES, PORT
from sockets_lab.course.nodes.predictions import PREDICTIONS

__all__ = ["AT_A", "AT_B", "CLAIMS", "COMMON", "EXERCISES", "PORT", "PREDICTIONS"]
