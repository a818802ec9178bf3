"""Several hosts on one laptop: a lab of nodes, each with a network stack of its own."""

from sockets_lab.lab.execution import Reply
from sockets_lab.lab.lab import Lab, opened
from sockets_lab.lab.launching import LabUnavailable
from sockets_lab.lab.node import Node
from sockets_lab.lab.rpc import NodeError
