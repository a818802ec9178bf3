"""Ask the Linux kernel for rows of its socket table: netlink, family NETLINK_SOCK_DIAG. Read only, no privilege needed.

A request is one message. A *dump* is answered by many messages in several parts, one message a socket; a *get* of one
exact four-tuple by a single one. Source: sock_diag(7), netlink(7), linux/inet_diag.h.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from functools import cache

from sockets_lab.model import TCP_STATES, Endpoint, FourTuple, SocketRow

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST, NLM_F_DUMP_INTR, NLM_F_DUMP = 0x1, 0x10, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
INET_DIAG_SKV6ONLY = 11
ANY_COOKIE = b"\xff" * 8

HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port id
REQUEST = struct.Struct("=BBBxI")  # inet_diag_req_v2 before its id: family, protocol, extensions, states
SOCKET_ID = struct.Struct("=2s2s16s16sI8s")  # inet_diag_sockid: ports, addresses, interface, cookie
MESSAGE = struct.Struct("=BBxx2s2s16s16s12x4xIIII")  # inet_diag_msg: family, state, id, queues, user, inode
ATTRIBUTE = struct.Struct("=HH")  # nlattr: length, type

PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
FAMILIES = (socket.AF_INET, socket.AF_INET6)
ADDRESS_BYTES: dict[int, int] = {socket.AF_INET: 4, socket.AF_INET6: 16}

# linux/tcp_states.h counts from 1, in the order of TCP_STATES. Two more are the kernel's own: a connection that is
# still only asked for, and (from Linux 6.8) a TCP socket that is bound and neither listens nor is connected.
NEW_SYN_RECV, BOUND_INACTIVE = 12, 13
STATES = {
    "tcp": {**dict(enumerate(TCP_STATES, 1)), NEW_SYN_RECV: "SYN_RECV", BOUND_INACTIVE: "CLOSE"},
    "udp": {1: "CONNECTED", 7: "UNCONNECTED"},
}
RETRIES = 4
BUFFER = 1 << 16  # bytes; the kernel makes no part larger than 32 KiB
PATIENCE = 5.0  # seconds; the kernel answers at once, so this only keeps a broken one from holding us


class Interrupted(Exception):
    """The answer is not whole: the table changed under the dump, or a part was larger than our buffer."""


@cache
def works() -> bool:
    """Tell whether this kernel reports TCP and UDP over netlink, by asking for no state at all."""
    try:
        return not any(dump(protocol, socket.AF_INET, frozenset()) for protocol in PROTOCOLS)
    except (OSError, AttributeError):  # AttributeError: no AF_NETLINK, so no Linux
        return False


def state_mask(protocol: str, states: frozenset[str] | None) -> int:
    """Return the bits of the states to ask for, all where None is given."""
    return sum(1 << number for number, name in STATES[protocol].items() if states is None or name in states)


def dump(protocol: str, family: int, states: frozenset[str] | None = None, port: int = 0) -> list[bytes]:
    """Return one inet_diag_msg a socket, unread, for all sockets of one protocol and family.

    Args: states: names to keep, None = all; port: the local port to keep, 0 = all.
    Returns: none where the kernel has no IPv6. Raises: OSError.
    """
    socket_id = SOCKET_ID.pack(port.to_bytes(2, "big"), b"", b"", b"", 0, ANY_COOKIE)
    request = REQUEST.pack(family, PROTOCOLS[protocol], 0, state_mask(protocol, states)) + socket_id
    found: list[bytes] = []
    for _ in range(RETRIES):
        found = []
        try:
            found.extend(_answers(request, NLM_F_REQUEST | NLM_F_DUMP))
        except Interrupted:
            continue
        except OSError as error:
            if error.errno != errno.ENOENT or family != socket.AF_INET6:
                raise
        break
    return found  # after the last try what came: a busy table is never still


def get(four_tuple: FourTuple) -> bytes | None:
    """Return the inet_diag_msg of one TCP connection, None where the kernel has none. Raises: OSError."""
    local, foreign = four_tuple.local, four_tuple.foreign
    socket_id = SOCKET_ID.pack(
        local.port.to_bytes(2, "big"), foreign.port.to_bytes(2, "big"), _packed(local), _packed(foreign), 0, ANY_COOKIE
    )
    request = REQUEST.pack(local.family, socket.IPPROTO_TCP, 0, state_mask("tcp", None)) + socket_id
    try:
        return next(_answers(request, NLM_F_REQUEST), None)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def row(message: bytes, protocol: str, names: dict[tuple, Endpoint]) -> SocketRow:
    """Read one inet_diag_msg. Args: names: the endpoints made so far, as most stand in the table more than once."""
    family, state, local_port, foreign_port, local, foreign, receive_queue, send_queue, _user, inode = (
        MESSAGE.unpack_from(message)
    )
    return SocketRow(
        protocol,
        names.get((family, local, local_port)) or _endpoint(family, local, local_port, names),
        names.get((family, foreign, foreign_port)) or _endpoint(family, foreign, foreign_port, names),
        STATES[protocol].get(state, "CLOSE"),
        receive_queue,
        send_queue,
        inode,
    )


def is_ipv6_only(message: bytes) -> bool:
    """Tell whether an IPv6 socket takes no IPv4: attribute INET_DIAG_SKV6ONLY, sent for those that wait."""
    offset = MESSAGE.size
    while offset + ATTRIBUTE.size <= len(message):
        length, kind = ATTRIBUTE.unpack_from(message, offset)
        if kind == INET_DIAG_SKV6ONLY:
            return message[offset + ATTRIBUTE.size] != 0
        offset += max(_aligned(length), ATTRIBUTE.size)
    return False


def _answers(request: bytes, flags: int) -> Iterator[bytes]:
    """Send one request and yield the payload of each message of the answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(PATIENCE)
        kernel.send(HEADER.pack(HEADER.size + len(request), SOCK_DIAG_BY_FAMILY, flags, 1, 0) + request)
        more, torn = True, False
        while more:
            part, _, answer_flags, _ = kernel.recvmsg(BUFFER)
            if answer_flags & socket.MSG_TRUNC:
                raise Interrupted
            more = bool(flags & NLM_F_DUMP)
            offset = 0
            while offset < len(part):
                length, kind, message_flags, _, _ = HEADER.unpack_from(part, offset)
                if kind == NLMSG_ERROR:
                    number = -struct.unpack_from("=i", part, offset + HEADER.size)[0]
                    raise OSError(number, os.strerror(number))
                torn = torn or bool(message_flags & NLM_F_DUMP_INTR)
                if kind == NLMSG_DONE:
                    more = False
                    break
                yield part[offset + HEADER.size : offset + length]
                offset += _aligned(max(length, HEADER.size))
        if torn:
            raise Interrupted  # only now, so that the last try still gives every row that came


def _endpoint(family: int, address: bytes, port: bytes, names: dict[tuple, Endpoint]) -> Endpoint:
    text = socket.inet_ntop(family, address[: ADDRESS_BYTES[family]])
    endpoint = names[family, address, port] = Endpoint(text, int.from_bytes(port, "big"))
    return endpoint


def _packed(endpoint: Endpoint) -> bytes:
    return socket.inet_pton(endpoint.family, endpoint.address.partition("%")[0])


def _aligned(length: int) -> int:
    return (length + 3) & ~3
