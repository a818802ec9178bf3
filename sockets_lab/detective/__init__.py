"""Port detective: machines that are really broken, each learner's in another way, to examine and to repair."""

from sockets_lab.detective.acceptance import Step, inspect
from sockets_lab.detective.case import Case
from sockets_lab.detective.customers import Visit
from sockets_lab.detective.drawing_lots import PLACES, clue, fault_of, faults_here, opened, place_with, take
from sockets_lab.detective.evidence import Scene, Seen, Symptom, ask_and_listen, look, symptoms
from sockets_lab.detective.faults import FAULTS, Fault
from sockets_lab.detective.programs import Program

__all__ = [
    "FAULTS", "PLACES", "Case", "Fault", "Program", "Scene", "Seen", "Step", "Symptom", "Visit", "ask_and_listen",
    "clue", "fault_of", "faults_here", "inspect", "look", "opened", "place_with", "symptoms", "take",
]  # fmt: skip
