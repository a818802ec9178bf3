"""What a kernel knows of one connection: round trip, windows, what was sent again. Source: linux/tcp.h, tcp(7)."""

import errno
import socket
import struct
from dataclasses import dataclass

from sockets_lab.errors import Refused, refusal

# struct tcp_info: the place of a field, in bytes from the beginning, and its kind. Newer kernels only append
PLACES = {
    "backoff": (4, "B"), "retransmission_timeout": (8, "I"), "segment_size": (16, "I"), "unconfirmed": (24, "I"),
    "round_trip": (68, "I"), "congestion_window": (80, "I"), "sent_again": (100, "I"), "peer_window": (228, "I"),
}  # fmt: skip
SIZE = 256  # bytes: more than any field above needs


@dataclass(frozen=True)
class TcpInfo:
    """One connection, as the kernel at one end sees it now.

    round_trip: milliseconds, smoothed; retransmission_timeout: milliseconds; backoff: how often that was doubled;
    segment_size: bytes of data in a full segment; congestion_window, unconfirmed: in segments; sent_again: segments
    since the beginning; peer_window: bytes that the peer has room for, None where the kernel does not tell (Linux
    before 5.4).
    """

    round_trip: float
    retransmission_timeout: float
    backoff: int
    segment_size: int
    congestion_window: int
    unconfirmed: int
    sent_again: int
    peer_window: int | None


def tcp_info(sock: socket.socket) -> TcpInfo | Refused:
    """Ask the kernel what it knows of a TCP socket's connection. Returns: Refused, where it does not tell."""
    if not hasattr(socket, "TCP_INFO"):
        return refusal(OSError(errno.ENOPROTOOPT, "this system has no TCP_INFO"))
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, SIZE)
    except OSError as error:
        return refusal(error)
    found = {name: struct.unpack_from(f"={kind}", told, place)[0] for name, (place, kind) in PLACES.items()
             if len(told) >= place + struct.calcsize(kind)}  # fmt: skip
    return TcpInfo(**{"peer_window": None} | found | {
        "round_trip": found["round_trip"] / 1000,
        "retransmission_timeout": found["retransmission_timeout"] / 1000,
    })  # fmt: skip
