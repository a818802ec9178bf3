"""Forwarding: a program that takes connections at one endpoint and passes all that comes along them on to another."""

from sockets_lab.forwarding.between import Between, between, soon
from sockets_lab.forwarding.forwarder import Forwarder
from sockets_lab.forwarding.values import STATES, Forwarded

__all__ = ["STATES", "Between", "Forwarded", "Forwarder", "between", "soon"]
