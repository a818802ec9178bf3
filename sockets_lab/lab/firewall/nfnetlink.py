"""Speak to the packet filter of the kernel: several changes as one, and lists of what it holds. Linux only.

The socket is of the network namespace of this process, and so is the filter. Source: netlink(7); linux/netfilter/
nfnetlink.h, where a message begins with the family, a version and a resource.
"""

import socket
import struct
from collections.abc import Iterator, Sequence

from sockets_lab.kernel.netlink import BUFFER, HEADER, NLM_F_ACK, NLM_F_REQUEST, aligned, ask, messages

NETLINK_NETFILTER = 12
HEAD = struct.Struct(">BBH")  # nfgenmsg: family, version, resource
BATCH_BEGIN, BATCH_END = 0x10, 0x11  # NFNL_MSG_BATCH_...
NF_TABLES, LOG, CONNECTIONS = 10, 4, 1  # subsystems, the upper byte of a message's type
CONFIGURE_LOG, LIST_CONNECTIONS = 1, 1  # NFULNL_MSG_CONFIG, IPCTNL_MSG_CT_GET
IPV4 = 2  # NFPROTO_IPV4
PATIENCE = 5.0  # seconds; the kernel answers at once, so this only keeps a broken one from holding us
Message = tuple[int, int, bytes]  # type within the subsystem, flags, attributes


def change(subsystem: int, changes: Sequence[Message]) -> None:
    """Make all changes at one moment, or none of them.

    Raises: OSError, the kernel's refusal of the first that it refused (EPERM, ENOENT, EOPNOTSUPP, ...).
    """
    packed = _message(BATCH_BEGIN, 0, HEAD.pack(0, 0, subsystem), 0)
    for number, (kind, flags, what) in enumerate(changes, 1):
        ack = NLM_F_ACK if number == len(changes) else 0
        packed += _message(subsystem << 8 | kind, flags | ack, HEAD.pack(IPV4, 0, 0) + what, number)
    packed += _message(BATCH_END, 0, HEAD.pack(0, 0, subsystem), 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
        _send(kernel, packed)


def held(subsystem: int, kind: int, what: bytes = b"") -> Iterator[bytes]:
    """List all things of a kind: the attributes of each. Raises: OSError; Interrupted, where they changed meanwhile."""
    for answer in ask(NETLINK_NETFILTER, subsystem << 8 | kind, HEAD.pack(IPV4, 0, 0) + what, dump=True):
        yield answer[HEAD.size :]


def tell(kernel: socket.socket, kind: int, payload: bytes) -> None:
    """Send one request over a socket that stays open, and wait until it is done. Raises: OSError."""
    _send(kernel, _message(kind, NLM_F_ACK, payload, 1))


def _send(kernel: socket.socket, packed: bytes) -> None:
    kernel.settimeout(PATIENCE)
    kernel.send(packed)
    for _ in messages(kernel.recv(BUFFER)):
        pass  # an error raises


def _message(kind: int, flags: int, payload: bytes, number: int) -> bytes:
    length = HEADER.size + len(payload)
    packed = HEADER.pack(length, kind, NLM_F_REQUEST | flags, number, 0) + payload
    return packed.ljust(aligned(length), b"\0")
