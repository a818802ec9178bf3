"""Ask the Linux kernel for rows of its socket table, over netlink. Read only, no privilege needed.

A *dump* is answered by one message a socket, a *get* of one exact four-tuple by a single message. A message becomes a
row where one is needed; in a large table BRIEF and IN_USE read two numbers a socket, in a fifth of the time.
Source: sock_diag(7), linux/inet_diag.h.
"""

import errno
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from functools import cache
from operator import itemgetter

from sockets_lab.kernel import netlink
from sockets_lab.model import PROTOCOLS, TCP_STATES, Endpoint, FourTuple, SocketRow, interface_name

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY, TCPDIAG_GETSOCK = 20, 18
INET_DIAG_REQ_PROTOCOL, INET_DIAG_SKV6ONLY = 3, 11
ANY_COOKIE = b"\xff" * 8

REQUEST = struct.Struct("=BBxxI36sI8s")  # inet_diag_req_v2: family, protocol, states, names, interface, cookie
BOTH = struct.Struct("=4x4s36x8sI4x")  # inet_diag_req, the older one, of TCP only: ports, cookie, states
NAMES = struct.Struct("=2s2s16s16s")  # the beginning of inet_diag_sockid: ports and addresses, local and remote
ASKED = struct.Struct("=36sI")  # the same, and the interface
ENDS = struct.Struct("=Bxxx2s2s16s16sI")  # of inet_diag_msg: family, names, interface
VALUES = struct.Struct("=xB54xII4xI")  # of the same: state, queues, inode, with which it ends
BRIEF = struct.Struct("=4xH62xI")  # of the same: local port (as it is sent: `socket.ntohs` makes it a number), inode
IN_USE = struct.Struct("=xBxxH")  # of the same: state, local port (as it is sent)
TIMER = struct.Struct("=2xB49xI8xI4x")  # of the same: which timer runs, milliseconds until it expires, user
SIZE = VALUES.size  # bytes of an inet_diag_msg; attributes may follow

FAMILIES = (socket.AF_INET, socket.AF_INET6)
MAPPED = bytes(10) + b"\xff\xff"  # how an IPv4 address inside an IPv6 one begins. Source: RFC 4291 section 2.5.5.2
ADDRESS_BYTES: dict[int, int] = {socket.AF_INET: 4, socket.AF_INET6: 16}

# linux/tcp_states.h counts from 1, in the order of TCP_STATES. Two more are the kernel's own: a connection that is
# still only asked for, and (from Linux 6.8) a TCP socket that is bound and neither listens nor is connected.
NEW_SYN_RECV, BOUND_INACTIVE = 12, 13
OF_STREAMS = {**dict(enumerate(TCP_STATES, 1)), NEW_SYN_RECV: "SYN_RECV", BOUND_INACTIVE: "CLOSE"}
OF_DATAGRAMS = {1: "CONNECTED", 7: "UNCONNECTED"}
STATES = {
    name: OF_STREAMS if protocol.type == socket.SOCK_STREAM else OF_DATAGRAMS for name, protocol in PROTOCOLS.items()
}


@cache
def works(protocol: str) -> bool:
    """Tell whether this kernel reports a protocol over netlink, by asking for no state at all."""
    try:
        return protocol != "raw" and not dump(protocol, states=frozenset())
    except (OSError, AttributeError):  # AttributeError: no AF_NETLINK, so no Linux
        return False


@cache
def state_mask(protocol: str, states: frozenset[str] | None) -> int:
    """Return the bits of the states to ask for, all where None is given."""
    return sum(1 << number for number, name in STATES[protocol].items() if states is None or name in states)


def opened() -> socket.socket:
    """Open a socket for such questions. Raises: OSError."""
    return netlink.opened(NETLINK_SOCK_DIAG)


def dump(protocol: str, family: int | None = None, states: frozenset[str] | None = None, port: int = 0,
         remote_port: int = 0, through: socket.socket | None = None) -> list[bytes]:  # fmt: skip
    """Return one inet_diag_msg a socket, unread, for all sockets of one protocol.

    Args: family: AF_INET or AF_INET6, None = both, IPv4 first; states: names to keep, None = all; port, remote_port:
        those to keep, 0 = all; through: an open socket.
    Returns: none where the kernel has no IPv6. The kernel does not tell whether sockets came or went meanwhile.
    Raises: OSError; an open socket may then hold the rest of the answer.
    """
    ports = port.to_bytes(2, "big") + remote_port.to_bytes(2, "big")
    with nullcontext(through) if through else opened() as kernel:
        if family is None and protocol == "tcp":
            found = _both(kernel, states, ports)
        else:
            families = FAMILIES if family is None else (family,)
            parts = (part for each in families for part in _parts(kernel, protocol, each, states, ports))
            found = [message for part in parts for message in part]
    if not (port or remote_port):
        return found
    # Asked for one port, Linux also lists the bound sockets of all others that do nothing yet
    return [
        one for one in found if (not port or one[4:6] == ports[:2]) and (not remote_port or one[6:8] == ports[2:])
    ]


def _both(kernel: socket.socket, states: frozenset[str] | None, ports: bytes) -> list[bytes]:
    """Ask for TCP of both families in one walk through the kernel's tables, which takes half the time of two.

    Their buckets are many, and most of them empty: in a small table the walk is nearly all of the time.
    """
    request = BOTH.pack(ports, ANY_COOKIE, state_mask("tcp", states))
    found = [message for part in _answers(kernel, TCPDIAG_GETSOCK, request) for message in part]
    return sorted(found, key=itemgetter(0))  # its first byte is the family


def _parts(
    kernel: socket.socket, protocol: str, family: int, states: frozenset[str] | None, ports: bytes
) -> Iterator[list[bytes]]:
    """Ask for one family, and yield the messages of each part of the answer."""
    number, kept = PROTOCOLS[protocol].number, state_mask(protocol, states)
    request = REQUEST.pack(family, number if number < 256 else 0, kept, ports, 0, ANY_COOKIE)
    if number >= 256:  # the field has one byte
        request += netlink.attribute(INET_DIAG_REQ_PROTOCOL, number.to_bytes(4, sys.byteorder))
    try:
        yield from _answers(kernel, SOCK_DIAG_BY_FAMILY, request)
    except OSError as error:
        if error.errno != errno.ENOENT or family != socket.AF_INET6:
            raise


def _answers(kernel: socket.socket, kind: int, request: bytes) -> Iterator[list[bytes]]:
    netlink.send(kernel, kind, request, netlink.NLM_F_DUMP)
    more = True
    while more:
        found, more = _split(netlink.receive(kernel), kind)
        yield found


def _split(part: bytes, kind: int) -> tuple[list[bytes], bool]:
    """Return the messages of one part, and whether another part follows.

    What `netlink.messages` does, in half the time, as a table may have a hundred thousand rows: behind a first row it
    looks at lengths only. It leaves to `messages` a refusal, which comes alone, and the end, which is shorter.
    """
    header, shortest = netlink.HEADER.size, netlink.HEADER.size + SIZE
    words, place = memoryview(part).cast("I"), 0
    found: list[bytes] = []
    if netlink.HEADER.unpack_from(part)[1] == kind:
        while place < len(words) and (length := words[place]) >= shortest:
            begin = 4 * place
            found.append(part[begin + header : begin + length])
            place += (length + 3) >> 2
    return found, all(told != netlink.NLMSG_DONE for told, _, _ in netlink.messages(part[4 * place :]))


def get(four_tuple: FourTuple, kernel: socket.socket) -> SocketRow | None:
    """Ask for the row of one TCP connection, through an open socket.

    Returns: None where the kernel has nothing for these names; a listener, where it has no connection but that. A
        socket that is bound to a device is found where the four-tuple has this interface, and only there.
    Raises: OSError; the socket may then hold the rest of the answer.
    """
    local, remote = four_tuple.local, four_tuple.remote
    (family, here), (other, there) = _packed(local.address), _packed(remote.address)
    if family != other:
        return None
    names = NAMES.pack(local.port.to_bytes(2, "big"), remote.port.to_bytes(2, "big"), here, there)
    index = _index(local.address, remote.address)
    request = REQUEST.pack(family, socket.IPPROTO_TCP, state_mask("tcp", None), names, index, ANY_COOKIE)
    try:
        message = netlink.ask_for_one(kernel, SOCK_DIAG_BY_FAMILY, request)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    if message[4 : 4 + ASKED.size] == ASKED.pack(names, index) and message[0] == local.family:
        return _row(message, "tcp", local, remote, index)
    return row(message, "tcp", {})


def row(message: bytes, protocol: str, names: dict[tuple, Endpoint]) -> SocketRow:
    """Read one inet_diag_msg. Args: names: the endpoints made so far, as most are in the table more than once."""
    family, local_port, remote_port, local, remote, index = ENDS.unpack_from(message)
    here = names.get((family, local, local_port, index)) or _endpoint(family, local, local_port, index, names)
    there = names.get((family, remote, remote_port, index)) or _endpoint(family, remote, remote_port, index, names)
    return _row(message, protocol, here, there, index)


def _row(message: bytes, protocol: str, local: Endpoint, remote: Endpoint, index: int) -> SocketRow:
    state, receive_queue, send_queue, inode = VALUES.unpack_from(message)
    named = STATES[protocol].get(state, "CLOSE")
    device = interface_name(index) if index else ""
    return SocketRow(protocol, local, remote, named, receive_queue, send_queue, inode, None, device)


def is_ipv6_only(message: bytes) -> bool:
    """Tell whether an IPv6 socket takes no IPv4: attribute INET_DIAG_SKV6ONLY, sent for those that wait."""
    return netlink.attributes(message[SIZE:]).get(INET_DIAG_SKV6ONLY, b"\0")[0] != 0


def _endpoint(family: int, address: bytes, port: bytes, index: int, names: dict[tuple, Endpoint]) -> Endpoint:
    text = socket.inet_ntop(family, address[: ADDRESS_BYTES[family]])
    if index and family == socket.AF_INET6 and _of_one_link(address):
        text = f"{text}%{interface_name(index)}"
    endpoint = names[family, address, port, index] = Endpoint.trusted(text, int.from_bytes(port, "big"))
    return endpoint


def _of_one_link(address: bytes) -> bool:
    """Tell whether `getsockname` gives a scope id with this IPv6 address. Source: RFC 4291 sections 2.5.6 and 2.7."""
    return (address[0] == 0xFE and address[1] & 0xC0 == 0x80) or (address[0] == 0xFF and address[1] & 0xF in (1, 2))


def _packed(address: str) -> tuple[int, bytes]:
    """Return the family by which the kernel knows an address, and its bytes: IPv4 inside IPv6 is IPv4."""
    if ":" not in address:
        return socket.AF_INET, socket.inet_aton(address)
    packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    return (socket.AF_INET, packed[12:]) if packed.startswith(MAPPED) else (socket.AF_INET6, packed)


def _index(*addresses: str) -> int:
    """Return the number of the interface that one of these addresses names; 0 = none."""
    for address in addresses:
        if "%" in address:
            with suppress(OSError):  # no interface has this name
                return socket.if_nametoindex(address.partition("%")[2])
    return 0
