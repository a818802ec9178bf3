"""The questions of lesson 04."""

from sockets_lab.lessons.conflicts.questions.claims import CLAIMS
from sockets_lab.lessons.conflicts.questions.exercises import BACKLOG, EXERCISES
from sockets_lab.lessons.conflicts.questions.predictions import PREDICTIONS
