"""Datagrams: no connection, boundaries kept, loss that nobody reports, one peer after `connect`, many by multicast."""

from sockets_lab.datagrams.between import between, four_nodes
from sockets_lab.datagrams.boundaries import Boundaries, Largest, boundaries, largest_datagram
from sockets_lab.datagrams.copies import TRIALS, GroupRun, GroupTrial, bystander_hears, group_run
from sockets_lab.datagrams.everyone import Everyone, everyone
from sockets_lab.datagrams.groups import is_member, join_group, leave_group, member, send_to_group
from sockets_lab.datagrams.loss import Loss, overflow
from sockets_lab.datagrams.peers import (
    ClosedPort,
    ManyPeers,
    OnePeer,
    SourcePort,
    closed_port,
    dissolve,
    many_peers,
    one_peer,
    source_port,
)
from sockets_lab.datagrams.rounds import BetweenNodes, Round
from sockets_lab.datagrams.sending import Datagram, bound, drops, receive, receive_all, send
from sockets_lab.datagrams.workbench import Seat, Sending, Workbench

__all__ = [
    "TRIALS", "BetweenNodes", "Boundaries", "ClosedPort", "Datagram", "Everyone", "GroupRun", "GroupTrial", "Largest",
    "Loss", "ManyPeers", "OnePeer", "Round", "Seat", "Sending", "SourcePort", "Workbench", "between", "bound",
    "boundaries", "bystander_hears", "closed_port", "dissolve", "drops", "everyone", "four_nodes", "group_run",
    "is_member", "join_group", "largest_datagram", "leave_group", "many_peers", "member", "one_peer", "overflow",
    "receive", "receive_all", "send", "send_to_group", "source_port",
]  # fmt: skip
