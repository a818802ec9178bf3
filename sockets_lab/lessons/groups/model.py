"""A bench of live datagram sockets: senders, three members of a group, and a bystander that joins nothing."""

import socket

from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel import machine
from sockets_lab.lessons.datagrams.model import DatagramModel
from sockets_lab.lessons.groups.membership import is_member, join_group, leave_group, member, send_to_group
from sockets_lab.model import Endpoint

GROUP, BYSTANDER = "group", "bystander"
MEMBERS = ("member 1", "member 2", "member 3")


class GroupModel(DatagramModel):
    """Three senders, and four sockets at one name of a group of this learner's own; the bystander never joins.

    Nothing is received before `read` is called. Raises: OSError, where this system's loopback has no groups.
    """

    def _open_receivers(self, buffer: int) -> dict[str, Endpoint]:
        self.group, port = machine.home_group(0), 0
        for name in (*MEMBERS, BYSTANDER):
            joins = name != BYSTANDER
            self._socks[name] = member(self.group, port, joins, all_groups=None if name == BYSTANDER else False)
            port = self._socks[name].getsockname()[1]
        return {GROUP: Endpoint(self.group, port)}

    def set_membership(self, name: str, joined: bool) -> Refused | None:
        """Let one of MEMBERS join the group, or leave it. Returns: what refused it (it is one already, or none)."""
        return attempt(join_group if joined else leave_group, self._one_of(name, MEMBERS), self.group)

    def _send_one(self, sock: socket.socket, data: bytes, to: Endpoint) -> int:
        return send_to_group(sock, data, to)

    def _joined(self, name: str) -> bool | None:
        return is_member(self._socks[name], self.group) if name in (*MEMBERS, BYSTANDER) else None
