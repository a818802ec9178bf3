"""Port detective: machines that are really broken, each learner's in another way, to examine and to repair."""

from sockets_lab.lessons.detective.acceptance import Inspected, inspect
from sockets_lab.lessons.detective.case import Case, Fault
from sockets_lab.lessons.detective.case_assignment import FAULTS, PLACES, clue, fault_of, opened, place_with, take
from sockets_lab.lessons.detective.customers import Visit
from sockets_lab.lessons.detective.evidence import Scene, Seen, Symptom, ask_and_listen, look, symptoms
from sockets_lab.lessons.detective.programs import Program
