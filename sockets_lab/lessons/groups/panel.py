"""The panel of lesson 09: senders, three members that join and leave a group, and a bystander."""

import ipywidgets as widgets

from sockets_lab.errors import BadInput
from sockets_lab.lessons.datagrams.panel import DatagramPanel
from sockets_lab.lessons.groups.model import GROUP, MEMBERS, GroupModel
from sockets_lab.panels.fields import choice


def model() -> GroupModel:
    """Open the bench. Raises: BadInput, where this system's loopback has no groups."""
    try:
        return GroupModel()
    except OSError as error:
        raise BadInput(f"There are no groups on this system's loopback: {error.strerror}.") from error


class GroupPanel(DatagramPanel):
    """A bench of real datagram sockets at one name of a group; at first one datagram waits at each that got a copy."""

    model = model
    purpose = "send to a group, let members join and leave it, and see who gets a copy"
    receiver = GROUP

    def rows(self) -> list[list[widgets.Widget]]:
        self.chosen = choice("Member", 190, MEMBERS, aligned=True)
        self.target = choice("To", 190, (GROUP,), aligned=True)
        return [
            [
                self.sender, self.text, self.button("Send", lambda: self.send(1), "One datagram to the group"),
                self.button("Read all", self.read, "Receive what waits at all four sockets"),
            ],
            [
                self.chosen,
                self.button("Join", lambda: self.member(True), "The chosen member joins the group"),
                self.button("Leave", lambda: self.member(False), "The chosen member leaves the group"),
            ],
        ]  # fmt: skip

    def member(self, joined: bool) -> None:
        """Let the chosen socket join or leave."""
        name = self.chosen.value
        if any(seat.name == name and seat.joined is joined for seat in self.bench.seats()):
            raise BadInput(f"{name.capitalize()} {'is in the group already' if joined else 'has left already'}.")
        refused = self.bench.set_membership(name, joined)
        self.refresh()
        if refused is not None:
            raise BadInput(f"The kernel refused. {refused}.")
        self.say(f"**{name}** {'joined' if joined else 'left'} the group {self.bench.group}.")


make = GroupPanel.make
