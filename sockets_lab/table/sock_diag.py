"""Ask the Linux kernel for rows of its socket table, over netlink. Read only, no privilege needed.

A *dump* is answered by one message a socket, a *get* of one exact four-tuple by a single message.
Source: sock_diag(7), linux/inet_diag.h.
"""

import errno
import socket
import struct
from collections.abc import Mapping
from functools import cache

from sockets_lab import netlink
from sockets_lab.model import TCP_STATES, Endpoint, FourTuple, Owner, SocketRow

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
INET_DIAG_SKV6ONLY = 11
ANY_COOKIE = b"\xff" * 8

REQUEST = struct.Struct("=BBBxI")  # inet_diag_req_v2 before its id: family, protocol, extensions, states
SOCKET_ID = struct.Struct("=2s2s16s16sI8s")  # inet_diag_sockid: ports, addresses, interface, cookie
MESSAGE = struct.Struct("=BBxx2s2s16s16s12x4xIIII")  # inet_diag_msg: family, state, id, queues, user, inode
INODE = struct.Struct("=I")

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
TRIES = 4


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


def dump(protocol: str, family: int, states: frozenset[str] | None = None, port: int = 0,
         through: socket.socket | None = None) -> list[bytes]:  # fmt: skip
    """Return one inet_diag_msg a socket, unread, for all sockets of one protocol and family.

    Args: states: names to keep, None = all; port: the local port to keep, 0 = all; through: a netlink socket
            that stays open.
    Returns: none where the kernel has no IPv6. Raises: OSError.
    """
    socket_id = SOCKET_ID.pack(port.to_bytes(2, "big"), b"", b"", b"", 0, ANY_COOKIE)
    request = REQUEST.pack(family, PROTOCOLS[protocol], 0, state_mask(protocol, states)) + socket_id
    found: list[bytes] = []
    for _ in range(TRIES):
        found = []
        try:
            found.extend(netlink.ask(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, request, dump=True, through=through))
            break
        except netlink.Interrupted:
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
        (message,) = netlink.ask(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, request, dump=False)
        return message
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def inode_of(message: bytes) -> int:
    """Read only the inode of one inet_diag_msg; 0 = no descriptor stands for this socket."""
    return int(INODE.unpack_from(message, MESSAGE.size - INODE.size)[0])


def port_of(message: bytes) -> int:
    """Read only the local port of one inet_diag_msg."""
    return int.from_bytes(message[4:6], "big")


def row(
    message: bytes, protocol: str, names: dict[tuple, Endpoint], owners: Mapping[int, tuple[Owner, ...]] | None = None
) -> SocketRow:
    """Read one inet_diag_msg.

    Args:
        names: the endpoints made so far, as most stand in the table more than once.
        owners: by inode, where they were asked for; a socket without inode has none, and it is known that it has none.
    """
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
        None if owners is None else owners.get(inode) if inode else (),
    )


def is_ipv6_only(message: bytes) -> bool:
    """Tell whether an IPv6 socket takes no IPv4: attribute INET_DIAG_SKV6ONLY, sent for those that wait."""
    return netlink.attributes(message[MESSAGE.size :]).get(INET_DIAG_SKV6ONLY, b"\0")[0] != 0


def _endpoint(family: int, address: bytes, port: bytes, names: dict[tuple, Endpoint]) -> Endpoint:
    text = socket.inet_ntop(family, address[: ADDRESS_BYTES[family]])
    endpoint = names[family, address, port] = Endpoint.trusted(text, int.from_bytes(port, "big"))
    return endpoint


def _packed(endpoint: Endpoint) -> bytes:
    return socket.inet_pton(endpoint.family, endpoint.address.partition("%")[0])
