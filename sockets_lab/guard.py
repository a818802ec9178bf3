"""The one check that every experiment passes before it sends or binds: nothing leaves this machine.

Addresses are literal: no name is looked up, because a look-up would itself send packets to a name server.
What goes to a group or to everyone is held back twice: the sender is bound to a loopback address, with which a kernel
lets nothing out on another interface, and for a group it is also told to use the loopback interface.
"""

import socket
from ipaddress import IPv4Address, IPv4Network

from sockets_lab.errors import BadInput
from sockets_lab.model import Endpoint

LOOPBACK = IPv4Network("127.0.0.0/8")  # RFC 1122 section 3.2.1.3 (g): never seen outside a host
EVERYONE = IPv4Address("127.255.255.255")  # the loopback network's broadcast address
NOT_A_HOST = (IPv4Address("127.0.0.0"), EVERYONE)  # the network itself, and its broadcast
GROUPS = IPv4Network("239.255.0.0/16")  # RFC 2365 section 6.1: the local scope, which no router passes on
INTERFACE = socket.inet_aton("127.0.0.1")
NEAREST = 1  # hop: a time to live that no router passes on. Source: RFC 1112 section 6.1


def destination(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint if a packet to it stays on this machine's loopback.

    Raises: BadInput, before any socket is touched.
    """
    if endpoint.address == "::1":
        return endpoint
    if ":" not in endpoint.address:
        address = IPv4Address(endpoint.address)
        if address in LOOPBACK and address not in NOT_A_HOST:
            return endpoint
    raise BadInput(f"{endpoint.address} is not on this machine's loopback: pass 127.0.0.1 (or any 127.x.y.z), or ::1.")


def group(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint if it is a multicast group of the local scope, from which this course takes its groups.

    Raises: BadInput, before any socket is touched. That the endpoint passes is not enough to send: see `to_group`.
    """
    if ":" not in endpoint.address and IPv4Address(endpoint.address) in GROUPS:
        return endpoint
    raise BadInput(f"{endpoint.address} is not a group of this course: pass a multicast address from 239.255.x.y.")


def membership(endpoint: Endpoint) -> bytes:
    """Return what IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP take: the group, and the loopback interface, no other.

    Raises: BadInput. Source: ip(7), struct ip_mreq.
    """
    return socket.inet_aton(group(endpoint).address) + INTERFACE


def to_group(sender: socket.socket, endpoint: Endpoint) -> Endpoint:
    """Hold a socket to the loopback interface for what it sends to groups, and return the endpoint of the group.

    Raises: BadInput, where the endpoint is no group of ours, the sender is not bound to a loopback address, or its time
        to live lets routers pass it on; OSError, where this system's loopback interface does not take it.
    """
    group(endpoint)
    _from_loopback(sender)
    if sender.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) > NEAREST:
        raise BadInput("this socket's time to live is too long for the course: set IP_MULTICAST_TTL to 0 or 1.")
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, INTERFACE)
    return endpoint


def to_everyone(sender: socket.socket, endpoint: Endpoint) -> Endpoint:
    """Return the endpoint if it is the loopback network's broadcast address, and the sender is bound to loopback.

    Raises: BadInput, before anything is sent. Source: RFC 1122 section 3.2.1.3 (d), (g).
    """
    if ":" in endpoint.address or IPv4Address(endpoint.address) != EVERYONE:
        raise BadInput(f"{endpoint.address} is not the loopback network's broadcast address: pass {EVERYONE}.")
    _from_loopback(sender)
    return endpoint


def _from_loopback(sender: socket.socket) -> None:
    if sender.family != socket.AF_INET or IPv4Address(sender.getsockname()[0]) not in LOOPBACK:
        raise BadInput("a socket that sends to many must be bound to loopback first: bind it to 127.0.0.1, port 0.")
