"""The questions of lesson 12."""

from sockets_lab.lessons.scanning.questions.claims import CLAIMS
from sockets_lab.lessons.scanning.questions.exercises import EXERCISES, FIRST, LAST, THRESHOLD, WINDOW, hide
from sockets_lab.lessons.scanning.questions.predictions import PREDICTIONS
