"""The ten ways in which a machine is broken, each made for real."""

from sockets_lab.lessons.detective.faults.fault import Fault
from sockets_lab.lessons.detective.faults.listening import LISTENING
from sockets_lab.lessons.detective.faults.load import LOAD
from sockets_lab.lessons.detective.faults.network import NETWORK

FAULTS: tuple[Fault, ...] = (*LISTENING, *NETWORK, *LOAD)
