"""The questions of lesson 13."""

from sockets_lab.lessons.knocking.questions.claims import CLAIMS
from sockets_lab.lessons.knocking.questions.exercises import DOOR, EXERCISES, KEY, SAFE, SEQUENCE
from sockets_lab.lessons.knocking.questions.predictions import PREDICTIONS
