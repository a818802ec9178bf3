"""The one check that every experiment passes before it sends or binds: nothing leaves this machine.

Inside a node of a lab the nodes' addresses pass too: they are this machine's, and the node has no way to elsewhere.
Addresses are literal: no name is looked up, because a look-up would itself send packets to a name server.
What goes to a group or to everyone is held back twice: the sender is bound to a loopback address, with which a kernel
lets nothing out on another interface, and for a group it is also told to use the loopback interface. A node's sender is
bound to the node's address, and uses the node's only cable, which ends at the lab's switch.
"""

import errno
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from sockets_lab.errors import BadInput
from sockets_lab.model import Endpoint

LOOPBACK = IPv4Network("127.0.0.0/8")  # RFC 1122 section 3.2.1.3 (g): never seen outside a host
EVERYONE = IPv4Address("127.255.255.255")  # the loopback network's broadcast address
ALL_NODES = IPv4Address("255.255.255.255")  # RFC 919 section 7: everyone on this cable; no router passes it on
NOT_A_HOST = (IPv4Address("127.0.0.0"), EVERYONE)  # the network itself, and its broadcast
GROUPS = IPv4Network("239.255.0.0/16")  # RFC 2365 section 6.1: the local scope, which no router passes on
INTERFACE = "127.0.0.1"
TEST_NETWORK = ("192.0.2.1", 9)  # RFC 5737 section 3: nobody's address, for examples
NEAREST = 1  # hop: a time to live that no router passes on. Source: RFC 1112 section 6.1

_node: str | None = None  # the address of the node in which this process lives
_lab: frozenset[str] = frozenset()


def admit(node: str, lab: Iterable[str]) -> None:
    """Let the addresses of a lab pass too, in this process, which is one of its nodes.

    Args: node, its own address; lab, all of them.
    Raises: BadInput, where this process has a way out of the lab. A datagram socket asks for the way by `connect`,
        which sends nothing.
    """
    global _node, _lab
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asks:
        if asks.connect_ex(TEST_NETWORK) != errno.ENETUNREACH:
            raise BadInput("this process is no node of a lab: only there may addresses beyond loopback be used.")
    _node, _lab = node, frozenset(lab)


def destination(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint if a packet to it stays on this machine's loopback.

    Raises: BadInput, before any socket is touched.
    """
    if endpoint.address == "::1" or endpoint.address in _lab:
        return endpoint
    if ":" not in endpoint.address:
        address = IPv4Address(endpoint.address)
        if address in LOOPBACK and address not in NOT_A_HOST:
            return endpoint
    nodes = f", or a node of this lab: {', '.join(sorted(_lab))}" if _lab else ""
    raise BadInput(
        f"{endpoint.address} is not on this machine's loopback: pass 127.0.0.1 (or any 127.x.y.z), or ::1{nodes}."
    )


def group(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint if it is a multicast group of the local scope, from which this course takes its groups.

    Raises: BadInput, before any socket is touched. That the endpoint passes is not enough to send: see `to_group`.
    """
    if ":" not in endpoint.address and IPv4Address(endpoint.address) in GROUPS:
        return endpoint
    raise BadInput(f"{endpoint.address} is not a group of this course: pass a multicast address from 239.255.x.y.")


def interface() -> str:
    """Return the address whose interface is used for groups, and to which whoever sends to many is bound: the node's,
    where this process lives in one, else 127.0.0.1."""
    return _node or INTERFACE


def everyone() -> str:
    """Return the address at which everyone is reached: on this node's cable, or on loopback."""
    return str(ALL_NODES if _node else EVERYONE)


def membership(endpoint: Endpoint) -> bytes:
    """Return what IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP take: the group, and the interface, no other than ours.

    Raises: BadInput. Source: ip(7), struct ip_mreq.
    """
    return socket.inet_aton(group(endpoint).address) + socket.inet_aton(interface())


def to_group(sender: socket.socket, endpoint: Endpoint) -> Endpoint:
    """Hold a socket to the loopback interface, or its node's, for what it sends to groups, and return that endpoint.

    Raises: BadInput, where the endpoint is no group of ours, the sender is not bound to a loopback address (in a node:
        to the node's), or its time to live lets routers pass it on; OSError, where the interface does not take it.
    """
    group(endpoint)
    _is_held(sender, _node is None)
    if sender.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) > NEAREST:
        raise BadInput("this socket's time to live is too long for the course: set IP_MULTICAST_TTL to 0 or 1.")
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface()))
    return endpoint


def to_everyone(sender: socket.socket, endpoint: Endpoint) -> Endpoint:
    """Return the endpoint if it is the loopback network's broadcast address, and the sender is bound to loopback.

    In a node 255.255.255.255 passes too, for a sender that is bound to the node's address, and so to its cable.
    Raises: BadInput, before anything is sent. Source: RFC 1122 section 3.2.1.3 (c), (d), (g).
    """
    address = None if ":" in endpoint.address else IPv4Address(endpoint.address)
    if address != EVERYONE and not (_node and address == ALL_NODES):
        here = f", or {ALL_NODES}: everyone on this node's cable" if _node else ""
        raise BadInput(f"{endpoint.address} is not the loopback network's broadcast address: pass {EVERYONE}{here}.")
    _is_held(sender, address == EVERYONE)
    return endpoint


def _is_held(sender: socket.socket, on_loopback: bool) -> None:
    """Check that a sender is bound to a loopback address, or else to the address of the node in which it lives."""
    bound = sender.getsockname()[0] if sender.family == socket.AF_INET else ""
    if on_loopback and (not bound or IPv4Address(bound) not in LOOPBACK):
        raise BadInput("a socket that sends to many must be bound to loopback first: bind it to 127.0.0.1, port 0.")
    if not on_loopback and bound != _node:
        raise BadInput(f"a socket that sends to many nodes must be bound to its own first: bind it to {_node}, port 0.")
