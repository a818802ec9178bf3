"""The questions of lesson 10."""

from sockets_lab.lessons.packets.questions.claims import CLAIMS
from sockets_lab.lessons.packets.questions.exercises import EXERCISES, LENGTH, PORT
from sockets_lab.lessons.packets.questions.predictions import PREDICTIONS
