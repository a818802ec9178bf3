"""The questions of lesson 11."""

from sockets_lab.lessons.filtering.questions.claims import CLAIMS
from sockets_lab.lessons.filtering.questions.exercises import ENTRANCE, EXERCISES, OPEN, REFUSED, SILENT, TARGET
from sockets_lab.lessons.filtering.questions.predictions import PREDICTIONS
