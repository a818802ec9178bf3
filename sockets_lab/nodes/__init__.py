"""Several hosts on one laptop: a lab of nodes, each with a network stack of its own."""

from sockets_lab.nodes.lab import Lab, opened
from sockets_lab.nodes.node import Node, NodeError, Reply
from sockets_lab.nodes.unavailable import LabUnavailable

__all__ = ["Lab", "LabUnavailable", "Node", "NodeError", "Reply", "opened"]
