"""How knocks are heard, by a door and by others: read off the cable; or, where nothing can be captured, at sockets.

Read off the cable, ports stay closed; and what somebody overheard there can be sent again: replay. On loopback nothing
can be overheard, and no packet can be made by hand: there the thief is told the sequence, and binds the other's address
himself, because all nodes share one stack. Source: knockd(1), "listens at the link-layer level"; packet(7).
"""

import selectors
import socket
import time
from collections.abc import Iterable
from contextlib import ExitStack

from sockets_lab.errors import Refused, attempt
from sockets_lab.headers import Ethernet, IPv4, corrected, dissect
from sockets_lab.headers.brief import ACK, SYN, brief
from sockets_lab.lab import Lab, Node
from sockets_lab.lab.capture import Capture, Captured, make_socket
from sockets_lab.lessons.knocking import locks
from sockets_lab.lessons.knocking.gate import waiting
from sockets_lab.lessons.knocking.locks import Heard, Knock
from sockets_lab.lessons.packets.sending import card, send
from sockets_lab.model import PROTOCOLS
from sockets_lab.netns.cables import INTERFACE

RING = 1 << 20  # bytes: 512 packets wait until somebody looks
PACE = 0.01  # seconds from one packet that is sent again to the next
MOST = 10_000  # knocks that are heard at a time: whoever knocks without end does not keep us


def knock_in(one: Captured, address: str) -> Heard | None:
    """Return the knock that a captured packet is to this address; None where it is none.

    A knock is the first segment of a connection (SYN without ACK), or a datagram; to whatever port. A SYN that a kernel
    repeats because nobody answered is one more, as it is for knockd.
    """
    packet = brief(one.octets)
    if packet is None or packet.destination != address or not packet.destination_port:
        return None
    if packet.protocol == "udp":
        return Heard(one.time, packet.source, Knock(packet.destination_port, locks.UDP), packet.payload)
    if packet.flags & (SYN | ACK) == SYN:
        return Heard(one.time, packet.source, Knock(packet.destination_port, locks.TCP))
    return None


class CableEar:
    """Hears every knock that crosses a host's cable, at whatever port, by the time that the kernel wrote beside it."""

    def __init__(self, node: Node, sequence: Iterable[Knock]) -> None:
        self._address, self.sequence = node.address, tuple(sequence)
        self._tap = node.call(make_socket, INTERFACE, RING)
        self._capture = Capture(self._tap, RING)
        self.sockets: tuple[socket.socket, ...] = (self._tap,)

    def hear(self) -> tuple[Heard, ...]:
        """Return what came since the last call, in the order in which it crossed the cable. Never waits."""
        self._tap.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # else an interface that went down wakes us for ever
        found = (knock_in(one, self._address) for one in self._capture.packets() if not one.outgoing)
        return tuple(one for one in found if one)

    def close(self) -> None:
        self._capture.close()


class SocketEar:
    """A stand-in where nothing can be captured: a socket at each port of the sequence takes the knocks.

    What differs: these ports are open, so that a TCP knock is a whole connection; knocks at other ports are not heard,
    so none of them is wrong; and the order is sure only where each knock is heard before the same port gets another.
    Args: sequence: where a port is taken, the kernel chooses another: see `sequence`. Raises: OSError.
    """

    def __init__(self, node: Node, sequence: Iterable[Knock]) -> None:
        chosen, opened = {}, []
        with ExitStack() as held:
            selector = held.enter_context(selectors.DefaultSelector())
            for one in dict.fromkeys(wanted := tuple(sequence)):
                sock = held.enter_context(waiting(node, PROTOCOLS[one.protocol].type, one.port))
                if one.protocol == locks.TCP:
                    sock.listen()
                opened.append(sock)
                chosen[one] = Knock(sock.getsockname()[1], one.protocol)
                selector.register(sock, selectors.EVENT_READ, chosen[one])
            self._held, self._selector = held.pop_all(), selector
        self.sequence = tuple(chosen[one] for one in wanted)
        self.sockets: tuple[socket.socket, ...] = tuple(opened)

    def hear(self) -> tuple[Heard, ...]:
        """Return what came since the last call. Never waits.

        One knock at a time from each socket that is ready: Linux names them in the order in which they became so.
        """
        found: list[Heard] = []
        while len(found) < MOST and (ready := self._selector.select(0)):
            for key, _ in ready:
                heard = attempt(self._take, key.fileobj, key.data)
                found += [] if isinstance(heard, Refused) else [heard]  # refused: gone before we looked
        return tuple(found)

    def _take(self, sock: socket.socket, knock: Knock) -> Heard:
        if knock.protocol == locks.UDP:
            payload, sender = sock.recvfrom(65536)
            return Heard(time.time(), sender[0], knock, payload)
        connection, sender = sock.accept()
        connection.close()
        return Heard(time.time(), sender[0], knock)

    def close(self) -> None:
        self._held.close()


def ear_at(node: Node, sequence: Iterable[Knock]) -> CableEar | SocketEar:
    """Return the best ear that can be had in a node. Raises: OSError."""
    return CableEar(node, sequence) if node.own_stack else SocketEar(node, sequence)


def overheard(packets: Iterable[Captured], source: str, address: str) -> tuple[Captured, ...]:
    """Pick what one host knocked at another with: first segments and datagrams, in the order in which they crossed."""
    found = ((one, knock_in(one, address)) for one in packets)
    return tuple(one for one, heard in found if heard and heard.source == source)


def replay(lab: Lab, thief: Node, frames: Iterable[Captured], own_address: bool, pace: float = PACE) -> Refused | None:
    """Send overheard packets again from another node, in their order.

    Args: own_address: put the thief's addresses in; else every byte stays, with the address of who sent it first.
    pace: seconds from one to the next. Returns: None, or what the kernel refused; a lab on loopback always refuses.
    Raises: BadInput, where a packet is for an address outside of the lab.
    """
    for one in frames:
        packet = dissect(one.octets)
        if own_address:
            packet = corrected(packet.change(Ethernet, source=card(thief)).change(IPv4, source=thief.address))
        if refused := send(lab, thief, packet):
            return refused
        time.sleep(pace)
    return None
