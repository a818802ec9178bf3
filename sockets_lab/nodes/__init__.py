"""Several hosts on one laptop: a lab of nodes, each with a network stack of its own."""

from sockets_lab.nodes.lab import Lab, opened
from sockets_lab.nodes.node import Node
from sockets_lab.nodes.questions import NodeError
from sockets_lab.nodes.unavailable import LabUnavailable
from sockets_lab.nodes.work import Reply

__all__ = ["Lab", "LabUnavailable", "Node", "NodeError", "Reply", "opened"]
