"""The questions of lesson 00: one of each kind, so that a learner meets them all."""

import os
import select
import socket

from sockets_lab import guard
from sockets_lab.course.questions import Choice, Claim, Exercise, Found, Prediction, answer, require
from sockets_lab.errors import Refused, attempt
from sockets_lab.kernel import table
from sockets_lab.kernel.machine import home_address
from sockets_lab.model import Endpoint, FourTuple

DEADLINE = 5.0  # seconds


def _connect_to_nobody() -> str:
    with socket.socket() as quiet, socket.socket() as client:
        quiet.bind(("127.0.0.1", 0))  # it keeps the port from everybody else, and does not listen
        client.settimeout(DEADLINE)
        found = attempt(client.connect, guard.destination(Endpoint.of(quiet.getsockname())).sockaddr)
    known = {"": "connected", "DEADLINE": "silence", "ETIMEDOUT": "silence", "ECONNREFUSED": "refused"}
    return answer(known, found.name if isinstance(found, Refused) else "")


PREDICTIONS = (
    Prediction(
        "nobody-listens",
        "You connect over TCP to a port of your own machine where no program listens. What happens?",
        (Choice("connected", "the connection is made", "Something on this machine, such as a proxy, accepts "
                "connections for every port."),
         Choice("silence", "no response comes until you stop waiting", "Something on this machine, perhaps a "
                "firewall, drops the connection request. Without a firewall the kernel refuses."),
         Choice("refused", "the kernel refuses the connection", "The kernel found no listening socket for this port "
                "and answered with a reset, so `connect` fails with ECONNREFUSED. No program was involved: the "
                "network stack answers.")),
        _connect_to_nobody,
    ),
)  # fmt: skip


def _check_own_address() -> Found:
    home, own = home_address(), []
    for row in table.snapshot(owners=True):
        if any(owner.pid == os.getpid() for owner in row.owners or ()):
            own.append(row)
    if any(row.protocol == "udp" and row.local.address == home for row in own):
        return Found(True, "the kernel's table has a UDP socket of this process at your own address.")
    if any(row.protocol == "tcp" and row.local.address == home and home != "127.0.0.1" for row in own):
        return Found(False, "the socket at your own address is a TCP socket; the task asks for UDP.")
    if any(row.protocol == "udp" for row in own):
        return Found(False, "this process has a UDP socket, but not at your own address.")
    return Found(False, "the kernel's table has no UDP socket of this process at your own address.")


EXERCISES = (
    Exercise(
        "own-address",
        "Open a UDP socket at your own loopback address, with a port that the kernel chooses, and keep it open. "
        "`machine.home_address()` returns your address; other learners have different ones.",
        _check_own_address,
        (
            "Look at the first code cell of this lesson: it opens a UDP socket and binds it. Change only the address.",
            "Call `bind` with one pair: the address and the port. Port 0 lets the kernel choose.",
            "Fill the blank, then bind: `mine = socket.socket(socket.AF_INET, ...)`.",
        ),
    ),
)


def _socket_at_each_end() -> tuple[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        name = guard.destination(Endpoint.of(listener.getsockname())).sockaddr
        with socket.create_connection(name, DEADLINE) as client:
            listener.settimeout(DEADLINE)
            with listener.accept()[0]:
                here = FourTuple.of(client)
                ends = [table.find(here), table.find(here.reversed())]
    found = [end for end in ends if end is not None]
    require(len(found) == 2, f"this system's table shows {len(found)} of the two rows of an open connection")
    said = " and ".join(str(end.local) for end in found)
    return f"for one connection the kernel's table has {len(found)} rows: {said}", "true here"


def _the_one_with_the_port() -> tuple[str, str]:
    receivers = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(2)]
    with receivers[0], receivers[1], socket.socket(type=socket.SOCK_DGRAM) as sender:
        for one in receivers:
            one.bind(("127.0.0.1", 0))
        sender.sendto(b"for the second", guard.destination(Endpoint.of(receivers[1].getsockname())).sockaddr)
        readable, _, _ = select.select(receivers, [], [], DEADLINE)
    got = [number for number, one in enumerate(receivers, 1) if one in readable]
    require(got, "the message came to neither socket")
    if got == [2]:
        said = "of two UDP sockets at one address, the one with the destination port got the message; accepted TCP "
        return f"{said}sockets share one port, and the four-tuple chooses among them (lesson 05)", "only in part"
    return f"the message came to {len(got)} of the two sockets", "false"


CLAIMS = (
    Claim(
        "Data sent to an address and a port reaches the socket that is bound to them.",
        _the_one_with_the_port,
        "RFC 768, destination port",
    ),
    Claim(
        "A connection has a socket at each of its two ends.",
        _socket_at_each_end,
        "RFC 9293 section 3.3.1: each end keeps its own record",
    ),
)
