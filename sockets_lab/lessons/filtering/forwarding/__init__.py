"""Forwarding: a program that takes connections at one endpoint and passes all that comes along them on to another."""

from sockets_lab.lessons.filtering.forwarding.forwarder import Forwarder
from sockets_lab.lessons.filtering.forwarding.multi_node import Between, between, soon
from sockets_lab.lessons.filtering.forwarding.pair import Forwarded
