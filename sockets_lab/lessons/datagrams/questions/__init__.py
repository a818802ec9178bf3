"""The questions of lesson 06."""

from sockets_lab.lessons.datagrams.questions.claims import CLAIMS
from sockets_lab.lessons.datagrams.questions.exercises import EXERCISES, GROUP, JOINED
from sockets_lab.lessons.datagrams.questions.predictions import PREDICTIONS
