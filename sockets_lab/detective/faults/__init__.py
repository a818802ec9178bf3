"""The ten ways in which a machine is broken, each made for real."""

from sockets_lab.detective.faults.fault import Fault
from sockets_lab.detective.faults.listening import LISTENING
from sockets_lab.detective.faults.load import LOAD
from sockets_lab.detective.faults.network import NETWORK

FAULTS: tuple[Fault, ...] = (*LISTENING, *NETWORK, *LOAD)

__all__ = ["FAULTS", "Fault"]
