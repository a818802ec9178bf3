"""Datagrams: no connection, boundaries kept, loss that nobody reports, one peer after `connect`, many by multicast."""

from sockets_lab.lessons.datagrams.copies import GroupRun, bystander_hears, group_run
from sockets_lab.lessons.datagrams.delivery import Boundaries, Largest, Loss, boundaries, largest_datagram, overflow
from sockets_lab.lessons.datagrams.groups import Everyone, everyone, is_member, join_group, leave_group, member
from sockets_lab.lessons.datagrams.model import DatagramModel, Seat, Sending
from sockets_lab.lessons.datagrams.multi_node import between, four_nodes
from sockets_lab.lessons.datagrams.peers import ClosedPort, OnePeer, closed_port, many_peers, one_peer, source_port
from sockets_lab.lessons.datagrams.rounds import BetweenNodes, Round
from sockets_lab.lessons.datagrams.sending import Datagram, bound, drops, receive, receive_all, send
