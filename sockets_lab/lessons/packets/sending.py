"""Send a whole packet, headers and all, just as it stands.

A packet from its Ethernet header on goes straight to the network card (AF_PACKET). One from its IP header on goes
through a raw socket: the kernel finds the way and writes the Ethernet header; it also sets the IP header's length and
checksum right, whatever stands there. Source: packet(7); raw(7), "IP_HDRINCL".
"""

import socket

from sockets_lab.errors import BadInput, Refused, refusal
from sockets_lab.headers import Ethernet, IPv4, Packet, build
from sockets_lab.kernel.connecting import closed_on_failure
from sockets_lab.lab import Lab, Node
from sockets_lab.lab.node import hardware_address
from sockets_lab.netns.cables import INTERFACE

NO_NODES = Refused("ENOSYS", "packets made by hand are sent only between nodes with network stacks of their own")


def send(lab: Lab, sender: Node, packet: Packet) -> Refused | None:
    """Send a packet from a node, every byte as it stands; nobody corrects it.

    Returns: None, or what the kernel refused; a lab on loopback always refuses.
    Raises: BadInput, where the packet is for an address outside of the lab, or is no IP packet and no frame.
    """
    inside(lab, packet)
    if lab.kind != "namespaces":
        return NO_NODES
    frame = isinstance(packet.layers[0], Ethernet)
    ip = packet.find(IPv4)
    try:
        if frame:
            with on_card(sender) as raw:
                raw.send(build(packet))
        elif ip is not None:
            with sender.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
                raw.sendto(build(packet), (ip.destination, 0))
    except OSError as error:
        return refusal(error)
    return None


def on_card(node: Node) -> socket.socket:
    """Make a socket that sends frames from a node's network card. To close it takes the kernel some milliseconds.

    Raises: OSError, what the kernel refused.
    """
    with closed_on_failure(node.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)) as raw:
        raw.bind((INTERFACE, 0))
        return raw


def framed(packet: Packet, sender: Node, receiver: Node) -> Packet:
    """Put an Ethernet header from one node's card to another's in front of an IP packet; a frame stays as it is."""
    if not packet.layers or isinstance(packet.layers[0], Ethernet):
        return packet
    return Packet((Ethernet(card(receiver), card(sender)), *packet.layers), packet.payload, packet.trailer)


def card(node: Node) -> str:
    """Return the Ethernet address of a node, as the codec writes it."""
    return hardware_address(node.address).hex(":")


def inside(lab: Lab, packet: Packet) -> None:
    """Check that a packet is for a node of the lab. Raises: BadInput."""
    if not packet.layers or not isinstance(packet.layers[0], Ethernet | IPv4):
        raise BadInput("Only a frame, or a packet from its IPv4 header on, can be sent: compose it from there.")
    ip = packet.find(IPv4)
    addresses = [node.address for node in lab.nodes]
    if ip is not None and ip.destination not in addresses:
        raise BadInput(f"{ip.destination} is no node of this lab: send to one of {', '.join(addresses)}.")
