"""Lesson 09: groups. One datagram, many receivers: multicast and broadcast, on one machine and between nodes."""

from sockets_lab.lessons.groups.copies import GroupRun, bystander_hears, group_run
from sockets_lab.lessons.groups.membership import (
    Everyone,
    everyone,
    gets_all_groups,
    is_member,
    join_group,
    leave_group,
    member,
)
from sockets_lab.lessons.groups.model import GroupModel
from sockets_lab.lessons.groups.multi_node import between, four_nodes
from sockets_lab.lessons.groups.rounds import BetweenNodes, Round
