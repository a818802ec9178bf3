"""The questions of lesson 03."""

from sockets_lab.lessons.ports.questions.claims import CLAIMS
from sockets_lab.lessons.ports.questions.exercises import COLUMN, EXERCISES
from sockets_lab.lessons.ports.questions.predictions import PREDICTIONS
