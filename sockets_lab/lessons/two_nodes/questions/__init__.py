"""The questions of lesson 06."""

from sockets_lab.lessons.two_nodes.questions.claims import CLAIMS
from sockets_lab.lessons.two_nodes.questions.exercises import AT_A, AT_B, COMMON, EXERCISES, PORT
from sockets_lab.lessons.two_nodes.questions.predictions import PREDICTIONS
