"""One datagram to a group under changing conditions: who gets a copy, and who does not. Source: ip(7), RFC 1112."""

import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from sockets_lab import guard
from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.kernel import machine
from sockets_lab.lessons.datagrams.sending import QUIET, arrivals, bound, receive_all
from sockets_lab.lessons.groups.membership import IP_MULTICAST_ALL, leave_group, member, send_to_group
from sockets_lab.model import Endpoint

MEMBERS = 3
ALL_MEMBERS = "all three are members"
LEFT = "the third has left"
OTHER_GROUP = "sent to another group"
ALL_GROUPS = "the bystander's IP_MULTICAST_ALL is on"
NEAR = "time to live 0"
NO_LOOP = "the sender's IP_MULTICAST_LOOP is off"
TRIALS = (ALL_MEMBERS, LEFT, OTHER_GROUP, ALL_GROUPS, NEAR, NO_LOOP)


@dataclass(frozen=True)
class GroupTrial:
    """One datagram to a group. what: the case, one of TRIALS.

    copies: how many came to each socket, the members first, the bystander last; ttl: the time to live with which they
    came, None where none came or it is not told; refused: what refused the trial, which then has no copies.
    """

    what: str
    copies: tuple[int, ...] = ()
    ttl: int | None = None
    refused: Refused | None = None


@dataclass(frozen=True)
class GroupRun:
    """Three members of a group, and a bystander that has the same name and joined nothing. trials: as in TRIALS."""

    group: Endpoint
    trials: tuple[GroupTrial, ...]

    def trial(self, what: str) -> GroupTrial:
        """Return one trial by its name. Raises: BadInput."""
        for one in self.trials:
            if one.what == what:
                return one
        raise BadInput(f"{what!r} was not tried: pass one of {', '.join(TRIALS)}.")


def group_run() -> GroupRun | Refused:
    """Send one datagram to a group for each of TRIALS. Returns: Refused where this system's loopback has no groups."""
    return attempt(_group_run, machine.home_group(0), machine.home_group(1))


def bystander_hears() -> bool | Refused:
    """Tell whether a socket that is bound to a group's name and joins nothing gets what others joined, by default.

    Returns: Refused, where the loopback has no groups; DEADLINE, where not even the member got it.
    """
    try:
        group = machine.home_group(0)
        with member(group) as joined, bound(guard.interface()) as sender:
            name = Endpoint.of(joined.getsockname())
            with member(group, name.port, join=False, all_groups=None) as bystander:
                send_to_group(sender, b"to the members", name)
                came = arrivals([joined, bystander])
                if joined.fileno() not in came:
                    raise TimeoutError
                return bystander.fileno() in came
    except OSError as error:
        return refusal(error)


def _group_run(group: str, other: str) -> GroupRun:
    with ExitStack() as stack:
        first = stack.enter_context(member(group))
        port = first.getsockname()[1]
        members = [first] + [stack.enter_context(member(group, port)) for _ in range(MEMBERS - 1)]
        bystander = stack.enter_context(member(group, port, join=False))
        sender = stack.enter_context(bound(guard.interface()))

        def set_option(sock: socket.socket, option: int | None, value: int) -> None:
            if option is None:
                raise OSError(errno.ENOPROTOOPT, "no such option")
            sock.setsockopt(socket.IPPROTO_IP, option, value)

        def trial(what: str) -> GroupTrial:
            try:
                if IP_MULTICAST_ALL is not None or what == ALL_GROUPS:
                    set_option(bystander, IP_MULTICAST_ALL, int(what == ALL_GROUPS))
                if what == LEFT:
                    leave_group(members[-1], group)
                elif what == NEAR:
                    set_option(sender, socket.IP_MULTICAST_TTL, 0)
                elif what == NO_LOOP:
                    set_option(sender, socket.IP_MULTICAST_LOOP, 0)
                send_to_group(sender, what.encode(), Endpoint(other if what == OTHER_GROUP else group, port))
            except OSError as error:
                return GroupTrial(what, refused=refusal(error))
            socks = [*members, bystander]
            arrivals(socks, wait=4 * QUIET)
            came = [receive_all(sock) for sock in socks]
            ttl = next((one.ttl for got in came for one in got), None)
            return GroupTrial(what, tuple(map(len, came)), ttl)

        return GroupRun(Endpoint(group, port), tuple(map(trial, TRIALS)))
