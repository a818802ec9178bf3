"""The questions of lesson 05."""

from sockets_lab.lessons.fourtuples.questions.claims import CLAIMS
from sockets_lab.lessons.fourtuples.questions.exercises import ACCEPTED, EXERCISES, WAITING
from sockets_lab.lessons.fourtuples.questions.predictions import PREDICTIONS
