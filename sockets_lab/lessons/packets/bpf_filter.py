"""A packet filter: a small program that the kernel runs over each packet's bytes; here it picks by the port fields.

Firewalls and tcpdump decide in the same way: by numbers at known places, without asking sender or receiver.
Source: McCanne and Jacobson, "The BSD Packet Filter" (1993); Documentation/networking/filter.rst in the kernel.
"""

import ctypes
import socket
import struct
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.headers.brief import brief
from sockets_lab.lab import Lab
from sockets_lab.lessons.packets.examples import DEADLINE, bound
from sockets_lab.lessons.packets.sending import INTERFACE, NO_NODES
from sockets_lab.model import checked_port

SO_ATTACH_FILTER, ETH_P_ALL = 26, 3
HALF, BYTE, HALF_BEHIND, IP_SIZE = 0x28, 0x30, 0x48, 0xB1  # load 16 bits, 8 bits, 16 bits behind x; x = IP's size
EQUAL, ANY, RETURN = 0x15, 0x45, 0x06  # jump where equal, jump where any of these bits is set, end
ALL, NOTHING = 0xFFFF, 0  # how many bytes of the packet pass
TIMES = 3  # that each port gets a datagram


@dataclass(frozen=True)
class Picked:
    """What came through a filter for one port: to which ports datagrams were sent, and to which those that passed."""

    wanted: int
    sent: tuple[int, ...] = ()
    passed: tuple[int, ...] = ()
    refused: Refused | None = None


def program(port: int) -> bytes:
    """Return the filter for UDP datagrams to a port, as `tcpdump -d "ip and udp dst port N"` writes it.

    Each step: code, how many steps to skip if it is so, how many if not, a number. Raises: BadInput.
    """
    steps = (
        (HALF, 0, 0, 12), (EQUAL, 0, 8, 0x800),  # the frame's type is IPv4
        (BYTE, 0, 0, 23), (EQUAL, 0, 6, 17),  # its protocol is UDP
        (HALF, 0, 0, 20), (ANY, 4, 0, 0x1FFF),  # no later part of a cut packet: that has no UDP header
        (IP_SIZE, 0, 0, 14), (HALF_BEHIND, 0, 0, 16), (EQUAL, 0, 1, checked_port(port)),  # the destination port
        (RETURN, 0, 0, ALL), (RETURN, 0, 0, NOTHING),
    )  # fmt: skip
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def attach(sock: socket.socket, steps: bytes) -> None:
    """Let the kernel run a filter over everything that comes to a socket. Raises: OSError."""
    buffer = ctypes.create_string_buffer(steps, len(steps))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(steps) // 8, ctypes.addressof(buffer)))


def picked(lab: Lab) -> Picked:
    """Send datagrams to two ports in turn, and let a filter on the receiving cable pick those to the first port."""
    if lab.kind != "namespaces":
        return Picked(0, refused=NO_NODES)
    here, there = lab.nodes[:2]
    with ExitStack() as held:
        receivers = [held.enter_context(bound(there, socket.SOCK_DGRAM)) for _ in range(2)]
        ports = [sock.getsockname()[1] for sock in receivers]
        tap = held.enter_context(there.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        attach(tap, program(ports[0]))
        tap.bind((INTERFACE, ETH_P_ALL))
        tap.setblocking(False)
        sender = held.enter_context(bound(here, socket.SOCK_DGRAM))
        for _ in range(TIMES):
            for sock in receivers:
                sock.settimeout(DEADLINE)
                sender.sendto(b"to whom?", sock.getsockname())
                sock.recv(100)
        return Picked(ports[0], tuple(ports * TIMES), _ports(tap))


def _ports(tap: socket.socket) -> tuple[int, ...]:
    found: list[int] = []
    with suppress(BlockingIOError):
        while True:
            packet = brief(tap.recv(2048))
            found.append(packet.destination_port if packet else -1)
    return tuple(found)


