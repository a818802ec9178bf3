"""The questions of lesson 12."""

from sockets_lab.lessons.detective.questions.claims import CLAIMS
from sockets_lab.lessons.detective.questions.exercises import EXERCISES
from sockets_lab.lessons.detective.questions.predictions import PREDICTIONS
