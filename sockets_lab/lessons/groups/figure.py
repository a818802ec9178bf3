"""The pictures of lesson 09: how many copies of a datagram came to whom, on one machine and between nodes."""

from sockets_lab.errors import Refused
from sockets_lab.figures.tables import Table
from sockets_lab.lessons import groups
from sockets_lab.lessons.datagrams.figure import answer
from sockets_lab.lessons.groups.copies import MEMBERS


def copies(found: groups.GroupRun | Refused) -> Table:
    """Show how many copies of one datagram came to each member of a group, and to a bystander that is none."""
    headings = ("one datagram to the group", *(f"member {n + 1}" for n in range(MEMBERS)), "bystander", "its TTL")
    title = "One datagram to a group, and how many copies came to each socket."
    if isinstance(found, Refused):
        return Table(title, ("", ""), (("groups on this system's loopback", f"{found}"),), (34, 60))
    rows = []
    for one in found.trials:
        counts = (one.refused.name, *[""] * MEMBERS) if one.refused else tuple(map(str, one.copies))
        rows.append((one.what, *counts, "-" if one.ttl is None else str(one.ttl)))
    return Table(title, headings, tuple(rows), (40, 9, 9, 9, 10, 8))


def between(found: groups.BetweenNodes | Refused) -> Table:
    """Show how many of one node's datagrams came to each node, and how many passed along the last one's cable."""
    title = "Datagrams from one node to a group: how many came to each node."
    if isinstance(found, Refused):
        return Table(title, ("", ""), (("groups between nodes", f"{found}"),), (34, 60))
    own_stacks = not found.differs
    last = found.names[-1]
    headings = ("datagrams to the group", "sent", *(f"came to {name}" for name in found.names))
    rows = []
    for one in found.rounds:
        came = one.came or {}
        known = one.members if own_stacks else ()  # one common stack has one list for all of them
        counts = (f"{len(came[name])}{', member' * (name in (known or ()))}" for name in found.names)
        sent = one.refused.name if one.refused else str(len(one.sent))
        rows.append((one.what, sent, *counts, *([str(len(one.carried[last]))] if one.carried else [])))
    watched = (f"{last}'s cable",) if own_stacks else ()
    widths = (26, 4, *[10] * len(found.names), *[9] * len(watched))
    return Table(title, (*headings, *watched), tuple(rows), widths)


def loud(found: groups.Everyone | Refused) -> Table:
    """Show who may broadcast, and who hears it."""
    title = "One datagram to everyone on the loopback network."
    if isinstance(found, Refused):
        return Table(title, ("", ""), (("broadcast on this system's loopback", f"{found}"),), (36, 58))
    heard = ((f"came to the socket bound to {name}", "yes" if name in found.heard else "no") for name in found.watched)
    rows = (("sendto without SO_BROADCAST", answer(found.without)), ("sendto with it", answer(found.allowed)), *heard)
    return Table(title, ("", ""), rows, (46, 24))
