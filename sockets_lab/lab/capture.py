"""Packets as they cross a link, read from a packet socket.

The socket is made where the link is, inside a node's process; its descriptor then travels to the process that reads.
The kernel copies each frame into a ring of slots which both share, so a burst waits there until somebody looks, and
reading needs no call. Source: packet(7); Documentation/networking/packet_mmap.rst in the kernel's sources.
"""

import errno
import mmap
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from sockets_lab.errors import BadInput
from sockets_lab.kernel.connecting import Owner
from sockets_lab.netns.cables import INTERFACE

SOL_PACKET, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION = 263, 5, 6, 10  # linux/if_packet.h
PACKET_IGNORE_OUTGOING = 23  # from Linux 4.20
ETH_P_ALL = 3  # packets of every protocol, outgoing ones too

# Of the ring's three versions the second hands over each frame at once; the third hands over blocks, when they are full
# or a timer runs out, which saves work at millions of packets and here would only make a lesson wait.
TPACKET_V2 = 1
SLOT = 2048  # bytes: a frame of 1514 and what the kernel puts before it
BLOCK = 1 << 16  # bytes: has to be a multiple of the page, and pages have 4 to 64 KiB
OCTETS = 4 << 20  # bytes of a ring: 2,048 slots, so a burst of 3 MB in frames of 1514; the kernel's memory

WORD = 4  # bytes of a slot's status, which comes first in its tpacket2_hdr
OURS, KERNELS = 1, 0  # a status: TP_STATUS_USER, the frame is there to be read; TP_STATUS_KERNEL, the slot is free
SEEN = struct.Struct("IIHHII")  # what follows it: length, octets kept, where they begin, -, seconds, nanoseconds
PACKET_TYPE = 32 + 10  # bytes from the slot's begin: the header has 32, then sll_pkttype is the 11th of a sockaddr_ll
OUTGOING = 4  # PACKET_OUTGOING
COUNTS = struct.Struct("II")  # tpacket_stats: packets, drops
PATIENCE = 2.0  # seconds that `wait` waits unless told otherwise


@dataclass(frozen=True)
class Captured:
    """One packet as it crossed the link.

    time_ns: when, in nanoseconds since 1970, by the kernel's clock; octets: the frame, Ethernet header first.
    outgoing: this host sent it; None where that is not known, as in a file.
    length: bytes on the wire, more than `octets` has where the frame was cut.
    """

    time_ns: int
    octets: bytes = field(repr=False)
    outgoing: bool | None
    length: int

    @property
    def time(self) -> float:
        """Seconds since 1970, to a fraction of a microsecond."""
        return self.time_ns / 1e9


def make_socket(interface: str = INTERFACE, octets: int = OCTETS) -> socket.socket:
    """Make a socket that gets a copy of every packet on an interface of the network in which this process lives.

    Args: octets: size of its ring in bytes, a multiple of 65536. Each packet takes 2048 of them, so that more than
        1982 bytes of a frame are cut: a link with frames of 1514 is not concerned, loopback is.
    Raises: BadInput, where there is no such interface; OSError (EPERM, without CAP_NET_RAW in this network).
    """
    if octets < BLOCK or octets % BLOCK:
        raise BadInput(f"a ring has a multiple of {BLOCK} bytes, not {octets}: pass such as {OCTETS}.")
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # protocol 0: it gets nothing before it is bound
    try:
        sock.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
        sock.setsockopt(SOL_PACKET, PACKET_RX_RING, struct.pack("4I", BLOCK, octets // BLOCK, SLOT, octets // SLOT))
        sock.bind((interface, ETH_P_ALL))
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError) and error.errno == errno.ENODEV:
            names = ", ".join(name for _, name in socket.if_nameindex())
            raise BadInput(f"there is no interface {interface!r} here: pass one of {names}.") from None
        raise
    return sock


class Capture(Owner):
    """What a socket of `make_socket` has caught; owns the socket, and gives it back at the end of `with`.

    It may live in another process and network than the link. Two threads may read: each packet comes to one of them.
    Args: octets: as for `make_socket`. Raises: BadInput, where the socket's ring is another.
    """

    def __init__(self, sock: socket.socket, octets: int = OCTETS) -> None:
        self._socket, self._slots, self._next, self._dropped = sock, octets // SLOT, 0, 0
        self._lock = Lock()
        try:
            self._ring = mmap.mmap(sock.fileno(), octets)
            self._words = memoryview(self._ring).cast("I")
        except OSError as error:
            sock.close()
            if error.errno == errno.ENOMEM:
                raise
            raise BadInput(f"this socket has no ring of {octets} bytes: pass what make_socket was given.") from None

    def packets(self) -> tuple[Captured, ...]:
        """Return all that came since the last call, in the order in which it crossed the link. Never waits.

        What this host sent is there as soon as the sending call is over; what comes in takes a moment: see `wait`.
        """
        found: list[Captured] = []
        ring, words = self._ring, self._words
        with self._lock:
            if self.closed:
                raise BadInput("this capture is closed: open a new one.")
            while len(found) < self._slots:  # once around: whoever sends without end does not keep us here
                at = self._next * SLOT
                if not words[at // WORD] & OURS:
                    break
                length, kept, begin, _, seconds, nanoseconds = SEEN.unpack_from(ring, at + WORD)
                outgoing = ring[at + PACKET_TYPE] == OUTGOING
                octets = ring[at + begin : at + begin + kept]
                # Handed back by one store. With two, as struct makes, a kernel that waits for this slot fills it in
                # between, the second takes that frame away unread, and we wait one slot behind the kernel from then on.
                words[at // WORD] = KERNELS
                self._next = (self._next + 1) % self._slots
                found.append(Captured(seconds * 10**9 + nanoseconds, octets, outgoing, length))
        return tuple(found)

    def wait(
        self, count: int = 1, deadline: float = PATIENCE, which: Callable[[Captured], object] | None = None
    ) -> tuple[Captured, ...]:
        """Wait until so many packets came since the last call, and return all that came.

        Args: deadline: seconds; which: whether a packet counts; None: each does.
        Returns: like `packets`; too few where the deadline passed.
        """
        found: list[Captured] = []
        end, missing = time.monotonic() + deadline, count
        while True:
            new = self.packets()
            found += new
            missing -= len(new) if which is None else sum(bool(which(one)) for one in new)
            left = end - time.monotonic()
            if missing <= 0 or left <= 0:
                return tuple(found)
            self._rest(left)

    def _rest(self, seconds: float) -> None:
        """Wait until something is there to be read, or the interface went down, or the time is over."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        for _, event in poll.poll(seconds * 1000):
            if event & select.POLLERR:  # the interface went down; once asked why, the socket lets us wait again
                self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def ignore_outgoing(self) -> None:
        """Catch from now on only what comes in. Raises: OSError (ENOPROTOOPT, where the kernel is too old)."""
        with self._lock:
            self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)

    @property
    def dropped(self) -> int:
        """Packets since the beginning for which the ring had no room."""
        with self._lock:
            self._count()
            return self._dropped

    def _count(self) -> None:
        if not self.closed:  # the kernel begins again at 0 each time that it is asked
            self._dropped += COUNTS.unpack(self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, COUNTS.size))[1]

    @property
    def closed(self) -> bool:
        return self._ring.closed

    def close(self) -> None:
        """Give back the ring and the socket; `dropped` can still be read."""
        with self._lock:
            self._count()
            self._words.release()
            self._ring.close()  # it held a descriptor of the socket too
            self._socket.close()
