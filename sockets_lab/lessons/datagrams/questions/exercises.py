"""What the learner builds in lesson 06, and what the kernel must then say."""

import os
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

from sockets_lab.course.questions import Exercise, Found, personal_number
from sockets_lab.kernel import descriptors, machine
from sockets_lab.lessons import datagrams
from sockets_lab.model import Endpoint

GROUP = machine.home_group(2)
JOINED = personal_number("06/members", 2, 4)


def _udp_sockets() -> Iterator[socket.socket]:
    """Yield each IPv4 datagram socket of this process once, under a descriptor of its own that is closed after use."""
    seen = set()
    for entry in descriptors.table():
        if entry.type == "UDP" and entry.inode not in seen and not (entry.local and ":" in entry.local.address):
            seen.add(entry.inode)
            with closing(socket.socket(fileno=os.dup(entry.number))) as sock:
                yield sock


def _check_pair() -> Found:
    entries = [entry for entry in descriptors.table() if entry.type == "UDP" and entry.local and entry.remote]
    names = {(entry.local, entry.remote) for entry in entries}
    if any(local != remote and (remote, local) in names for local, remote in names):
        return Found(True, "two datagram sockets of this process are connected, each to the other.")
    return Found(False, "no two datagram sockets of this process are connected to each other.")


def _check_members() -> Found:
    ports: Counter[int] = Counter()
    for sock in _udp_sockets():
        if sock.getsockname()[1] and datagrams.is_member(sock, GROUP):
            ports[Endpoint.of(sock.getsockname()).port] += 1
    if JOINED in ports.values() and len(ports) == 1:
        return Found(True, f"{JOINED} sockets of this process are members of {GROUP} on loopback, at one port.")
    return Found(False, f"there are not exactly {JOINED} bound sockets of this process in the group, all at one port.")


EXERCISES = (
    Exercise(
        "pair",
        "Make two datagram sockets that are connected **to each other**, and keep them open.",
        _check_pair,
        (
            "Bind both sockets first, to `127.0.0.1` and port 0: a socket can only connect to an address that exists.",
            "Call `connect` on both: each call fixes one direction.",
            "Fill the blank, and do the same the other way round: `one.connect(two...)`.",
        ),
    ),
    Exercise(
        "members",
        f"Let exactly **{JOINED}** sockets of yours be members of the group **{GROUP}** (other learners get "
        "different ones). All must be bound to one port, and join on the loopback interface. Keep them open. "
        "(Where the loopback interface has no groups, this cannot be done.)",
        _check_members,
        (
            "Bind the first socket to port 0 and set SO_REUSEADDR on it afterwards. Set SO_REUSEADDR on the others "
            "before you bind them to the port that the first one got.",
            "Call `setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, ...)` with eight bytes: the address of the "
            "group and of the interface, `127.0.0.1`. `socket.inet_aton` makes each of them.",
            "Or let the lesson do it: `first = datagrams.member(...)`, then `datagrams.member(..., port)`.",
        ),
    ),
)
