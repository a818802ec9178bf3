"""Look rows up in the kernel's socket table: all of them, one of them, those at one address and port.

On Linux the rows come straight from the kernel (`sock_diag`), elsewhere through psutil (`psutil_table`); they are the
same rows, but psutil knows neither queues nor inodes. A TCP socket that is bound, and neither listens nor is connected,
has the state "CLOSE": Linux shows it from 6.8 on, other systems may not show it at all.
SOCKETS_LAB_TABLE=psutil in the environment forces the second way, so that it can be tried on Linux too.
"""

import os
import socket
from collections.abc import Iterable

from sockets_lab.errors import BadInput
from sockets_lab.kernel.table import exact, psutil_table, sock_diag
from sockets_lab.kernel.table.exact import unmapped
from sockets_lab.kernel.table.large import Columns
from sockets_lab.kernel.table.owners import holdings_of, owners_of
from sockets_lab.model import TCP_STATES, Endpoint, FourTuple, SocketRow

PROTOCOLS = ("tcp", "udp")
UDP_STATES = ("UNCONNECTED", "CONNECTED")


def source() -> str:
    """Name where the rows come from on this machine: "netlink" or "psutil"."""
    return "netlink" if sock_diag.works() and os.environ.get("SOCKETS_LAB_TABLE") != "psutil" else "psutil"


def covers_machine() -> bool:
    """Tell whether `snapshot` sees every process's sockets; macOS shows an ordinary user only the asking process's."""
    return source() == "netlink" or psutil_table.covers_machine()


def snapshot(
    protocols: Iterable[str] = PROTOCOLS, states: Iterable[str] | None = None, owners: bool = False
) -> list[SocketRow]:
    """Read the socket table of this machine (on Linux: of this network namespace), IPv4 and IPv6.

    Args:
        protocols: "tcp", "udp" or both.
        states: names to keep (TCP_STATES; "UNCONNECTED" and "CONNECTED" for UDP); None = all.
        owners: also find the processes and descriptors; costs several times as much as the rows.
    Returns: one row a socket, as the kernel orders them. The table moves while it is read. For a table of thousands,
        of which you need only some rows or some fields, `columns` is faster.
    Raises: BadInput, for a protocol or state that there is not.
    """
    wanted = (protocols,) if isinstance(protocols, str) else tuple(protocols)
    kept = _checked(wanted, states)
    if source() == "psutil":
        return [row for row in psutil_table.rows(wanted, owners) if kept is None or row.state in kept]
    return _rows({protocol: _messages(protocol, kept) for protocol in wanted}, owners)


def columns(protocol: str = "tcp", states: Iterable[str] | None = None, owners: bool = False) -> Columns:
    """Read a large table of one protocol as `Columns`: where there are thousands of rows, far faster than `snapshot`.

    Args, order of the rows, and mistakes: as `snapshot`.
    Raises: BadInput, where the rows do not come over netlink (see `source`): there `snapshot` is the only way.
    """
    kept = _checked((protocol,), states)
    if source() != "netlink":
        raise BadInput("Columns come over netlink only, which this machine has not or may not use: use table.snapshot.")
    packed = b"".join(sock_diag.packed(protocol, family, kept) for family in sock_diag.FAMILIES)
    found = Columns(protocol, packed)
    return Columns(protocol, packed, holdings_of(found.inodes)) if owners else found


def row_of(sock: socket.socket) -> SocketRow | None:
    """Find the row of one of our own sockets: by its inode where the kernel tells it, else by its names.

    Returns: None where the kernel shows none: not bound yet, or bound TCP before Linux 6.8.
    Raises: OSError (EBADF), for a closed socket.
    """
    if sock.family not in sock_diag.FAMILIES:
        raise BadInput(f"{sock.family.name} sockets are not in this table: pass a socket of AF_INET or AF_INET6.")
    local, remote = Endpoint.of(sock.getsockname()), _remote(sock)
    protocol = "udp" if sock.type == socket.SOCK_DGRAM else "tcp"
    if local.port == 0:
        return None
    if source() == "psutil":
        names = FourTuple(local, remote)
        return next((row for row in psutil_table.rows((protocol,), owners=False) if row.four_tuple == names), None)
    if protocol == "tcp" and remote.port:
        return find(FourTuple(local, remote))
    inode = os.fstat(sock.fileno()).st_ino
    rows = [sock_diag.row(message, protocol, {}) for message in _messages(protocol, None, local.port)]
    return next((row for row in rows if row.inode == inode), None)


def find(four_tuple: FourTuple) -> SocketRow | None:
    """Find one TCP connection by its exact four-tuple, as seen from `four_tuple.local`, or None.

    Also before `accept` (inode 0) and in TIME_WAIT. On Linux one question, however many sockets there are.
    """
    if source() == "psutil":
        return exact.same(psutil_table.rows(("tcp",), owners=False), four_tuple)
    with sock_diag.opened() as kernel:
        return exact.find(four_tuple, kernel)


def at_port(port: int, protocol: str = "tcp", states: Iterable[str] | None = None) -> list[SocketRow]:
    """Find all rows with this local port, whatever their address, without owners. Args and errors: as `snapshot`."""
    if source() == "psutil":
        return [row for row in snapshot((protocol,), states) if row.local.port == port]
    return _rows({protocol: _messages(protocol, _checked((protocol,), states), port)}, owners=False)


def holders(endpoint: Endpoint, protocol: str = "tcp", among: Iterable[int] | None = None) -> list[SocketRow]:
    """Find, with owners, all rows at this local port whose local address is this one, or a wildcard that covers it.

    Args: among: the ids of processes that are known to hold them, so that no others need be looked into; None = all.
    The wildcard "::" covers IPv4 too unless its socket is IPv6-only; only netlink tells which, psutil's rows count.
    """
    _checked((protocol,), None)
    if source() == "psutil":
        return [row for row in psutil_table.rows((protocol,), owners=True) if _covers(row.local, endpoint, False)]
    found = [
        message
        for message in _messages(protocol, None, endpoint.port)
        if _covers(sock_diag.row(message, protocol, {}).local, endpoint, sock_diag.is_ipv6_only(message))
    ]
    return _rows({protocol: found}, owners=True, among=among)


def _covers(local: Endpoint, asked: Endpoint, ipv6_only: bool) -> bool:
    local, asked = unmapped(local), unmapped(asked)
    if local.port != asked.port:
        return False
    return local.address == asked.address or (
        local.is_wildcard and (local.family == asked.family or (local.address == "::" and not ipv6_only))
    )


def _messages(protocol: str, states: frozenset[str] | None, port: int = 0) -> list[bytes]:
    if not sock_diag.state_mask(protocol, states):
        return []
    return sock_diag.dump(protocol, states=states, port=port)


def _remote(sock: socket.socket) -> Endpoint:
    try:
        return Endpoint.of(sock.getpeername())
    except OSError:  # ENOTCONN: the table then shows the wildcard and port 0
        return Endpoint("::" if sock.family == socket.AF_INET6 else "0.0.0.0", 0)


def _rows(found: dict[str, list[bytes]], owners: bool, among: Iterable[int] | None = None) -> list[SocketRow]:
    names: dict[tuple, Endpoint] = {}
    inodes = {sock_diag.inode_of(message) for messages in found.values() for message in messages} if owners else set()
    holders = owners_of(inodes - {0}, among) if owners else None
    return [
        sock_diag.row(message, protocol, names, holders) for protocol, messages in found.items() for message in messages
    ]


def _checked(protocols: tuple[str, ...], states: Iterable[str] | None) -> frozenset[str] | None:
    for protocol in protocols:
        if protocol not in PROTOCOLS:
            raise BadInput(f"{protocol!r} is not in the table: pass 'tcp' or 'udp'.")
    if states is None:
        return None
    kept = frozenset((states,) if isinstance(states, str) else states)
    for state in kept - {*TCP_STATES, *UDP_STATES}:
        raise BadInput(f"{state!r} is not a state: pass some of {', '.join((*TCP_STATES, *UDP_STATES))}.")
    return kept
