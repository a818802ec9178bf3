"""The questions of lesson 06."""

from sockets_lab.course.datagrams.claims import CLAIMS
from sockets_lab.course.datagrams.exercises import EXERCISES, GROUP, JOINED
from sockets_lab.course.datagrams.predictions import PREDICTIONS

__all__ = ["CLAIMS", "EXERCISES", "GROUP", "JOINED", "PREDICTIONS"]
