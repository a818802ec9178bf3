"""Replay: packets that somebody overheard are sent again, by somebody else. Only inside a lab.

On loopback nothing can be overheard, and no packet can be made by hand: there the thief is told the sequence, and binds
the other's address himself, because all nodes share one stack.
"""

import time
from collections.abc import Iterable

from sockets_lab.errors import Refused
from sockets_lab.headers import Ethernet, IPv4, Packet, corrected, dissect
from sockets_lab.lab import Lab, Node
from sockets_lab.lab.capture import Captured
from sockets_lab.lessons.knocking.knock_listener import knock_in
from sockets_lab.lessons.packets.sending import card, send

PACE = 0.01  # seconds from one packet to the next


def overheard(packets: Iterable[Captured], source: str, address: str) -> tuple[Captured, ...]:
    """Pick what one host knocked at another with: first segments and datagrams, in the order in which they crossed."""
    found = ((one, knock_in(one, address)) for one in packets)
    return tuple(one for one, heard in found if heard and heard.source == source)


def as_own(packet: Packet, thief: Node) -> Packet:
    """Return a packet as if the thief had sent it: his addresses in it, and its checksums set right."""
    mine = packet.change(Ethernet, source=card(thief)).change(IPv4, source=thief.address)
    return corrected(mine)


def replay(lab: Lab, thief: Node, frames: Iterable[Captured], own_address: bool, pace: float = PACE) -> Refused | None:
    """Send overheard packets again from another node, in their order.

    Args: own_address: put the thief's addresses in; else every byte stays, with the address of who sent it first.
    pace: seconds from one to the next. Returns: None, or what the kernel refused; a lab on loopback always refuses.
    Raises: BadInput, where a packet is for an address outside of the lab.
    """
    for one in frames:
        packet = dissect(one.octets)
        if refused := send(lab, thief, as_own(packet, thief) if own_address else packet):
            return refused
        time.sleep(pace)
    return None
