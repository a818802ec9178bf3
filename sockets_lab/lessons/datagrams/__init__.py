"""Lesson 08: datagrams. No connection, boundaries kept, loss that nobody reports, one peer after `connect`."""

from sockets_lab.lessons.datagrams.delivery import Boundaries, Largest, Loss, boundaries, largest_datagram, overflow
from sockets_lab.lessons.datagrams.model import DatagramModel, Seat, Sending
from sockets_lab.lessons.datagrams.peers import ClosedPort, OnePeer, closed_port, many_peers, one_peer, source_port
from sockets_lab.lessons.datagrams.sending import Datagram, bound, drops, receive, receive_all, send
