"""Look rows up in the kernel's socket table: all of them, one of them, those at one address and port.

On Linux the rows come straight from the kernel (`sock_diag`), for what it does not tell that way from its files
(`proc_table`), elsewhere through psutil (`psutil_table`); they are the same rows, but psutil knows neither queues nor
inodes. A TCP socket that is bound, and neither listens nor is connected, has the state "CLOSE": Linux shows it from 6.8
on, other systems may not show it at all.
SOCKETS_LAB_TABLE=psutil in the environment forces the last way, so that it can be tried on Linux too.
"""

import os
import socket
from collections.abc import Iterable

from sockets_lab.errors import BadInput
from sockets_lab.kernel.table import proc_table, psutil_table, sock_diag
from sockets_lab.kernel.table.owners import owners_of
from sockets_lab.kernel.table.reader import find_exactly, same_connection
from sockets_lab.model import TCP_STATES, TRANSPORTS, Endpoint, FourTuple, SocketRow, protocol_of

TOLD = (*TRANSPORTS, "mptcp", "udplite", "raw")  # the protocols whose sockets a kernel may list
UDP_STATES = ("UNCONNECTED", "CONNECTED")


def source(protocol: str = "tcp") -> str:
    """Name where the rows of a protocol come from on this machine: "netlink", "proc" or "psutil"."""
    if os.environ.get("SOCKETS_LAB_TABLE") == "psutil":
        return "psutil"
    return "netlink" if sock_diag.works(protocol) else "proc" if proc_table.works(protocol) else "psutil"


def covers_machine() -> bool:
    """Tell whether `snapshot` sees every process's sockets; macOS shows an ordinary user only the asking process's."""
    return source() != "psutil" or psutil_table.covers_machine()


def snapshot(
    protocols: Iterable[str] = TRANSPORTS, states: Iterable[str] | None = None, owners: bool = False
) -> list[SocketRow]:
    """Read the socket table of this machine (on Linux: of this network namespace), IPv4 and IPv6.

    Args:
        protocols: one or some of "tcp", "udp", "mptcp", "udplite", "raw". Each connection of MPTCP is a row of "tcp"
            too; only its row of "mptcp" tells what waits to be read.
        states: names to keep (TCP_STATES; "UNCONNECTED" and "CONNECTED" for the others); None = all.
        owners: also find the processes and descriptors; costs several times as much as the rows.
    Returns: one row a socket, as the kernel orders them. The table moves while it is read.
    Raises: BadInput, for a protocol or state that there is not.
    """
    wanted = (protocols,) if isinstance(protocols, str) else tuple(protocols)
    kept = _checked(wanted, states)
    rows = [row for protocol in wanted for row in _rows(protocol, kept, owners=owners)]
    return _owned(rows) if owners else rows


def ports(protocol: str = "tcp") -> dict[str, set[int]]:
    """Read only which local ports are in use: those of the sockets in each state, by its name.

    In a table of thousands this takes a fraction of the time of `snapshot`. Raises: BadInput, as `snapshot`.
    """
    _checked((protocol,), None)
    if source(protocol) == "netlink":
        names = sock_diag.STATES[protocol]
        each = set(map(sock_diag.IN_USE.unpack_from, sock_diag.dump(protocol)))
        seen = ((names.get(state, "CLOSE"), socket.ntohs(port)) for state, port in each)
    else:
        seen = ((row.state, row.local.port) for row in _rows(protocol, None))
    found: dict[str, set[int]] = {}
    for state, port in seen:
        found.setdefault(state, set()).add(port)
    return found


def row_of(sock: socket.socket) -> SocketRow | None:
    """Find the row of one of our own sockets: by its inode where the kernel tells it, else by its descriptor.

    Returns: None where the kernel shows none: not bound yet, or bound TCP before Linux 6.8.
    Raises: OSError (EBADF), for a closed socket.
    """
    if sock.family not in sock_diag.FAMILIES:
        raise BadInput(f"{sock.family.name} sockets are not in this table: pass a socket of AF_INET or AF_INET6.")
    local, remote = Endpoint.of(sock.getsockname()), _remote(sock)
    protocol = protocol_of(sock).name
    if protocol == "mptcp" and source(protocol) != "netlink":
        protocol = "tcp"  # its first connection
    if local.port == 0 or protocol not in TOLD:
        return None
    if source(protocol) == "psutil":
        return psutil_table.row_of(sock.fileno(), protocol, FourTuple(local, remote))
    inode = os.fstat(sock.fileno()).st_ino
    if protocol == "tcp" and remote.port:
        row = find(FourTuple(local, remote))
        if row and row.inode == inode:  # two connections with one name may be bound to two devices
            return row
    return next((row for row in _rows(protocol, None, local.port) if row.inode == inode), None)


def find(four_tuple: FourTuple) -> SocketRow | None:
    """Find one TCP connection by its exact four-tuple, as seen from `four_tuple.local`, or None.

    Also before `accept` (inode 0), in TIME_WAIT, and bound to a device. On Linux one question, however many sockets
    there are; where that finds nothing, the rows at this local port are looked through.
    """
    if source() != "netlink":
        return same_connection(_rows("tcp", None, four_tuple.local.port), four_tuple)
    with sock_diag.opened() as kernel:
        return find_exactly(four_tuple, kernel)


def at_port(port: int, protocol: str = "tcp", states: Iterable[str] | None = None) -> list[SocketRow]:
    """Find all rows with this local port, whatever their address, without owners. Args and errors: as `snapshot`."""
    return _rows(protocol, _checked((protocol,), states), port)


def holders(endpoint: Endpoint, protocol: str = "tcp", among: Iterable[int] | None = None) -> list[SocketRow]:
    """Find, with owners, all rows at this local port whose local address is this one, or a wildcard that covers it.

    Args: among: the ids of processes that are known to hold them, so that no others need be looked into; None = all.
    The wildcard "::" covers IPv4 too unless its socket is IPv6-only; only netlink tells which, else its rows count.
    """
    _checked((protocol,), None)
    if source(protocol) == "netlink":
        found = [
            row
            for message in sock_diag.dump(protocol, port=endpoint.port)
            if _covers((row := sock_diag.row(message, protocol, {})).local, endpoint, sock_diag.is_ipv6_only(message))
        ]
    else:
        rows = _rows(protocol, None, endpoint.port, owners=True)
        found = [row for row in rows if _covers(row.local, endpoint, False)]
    return _owned(found, among)


def _covers(local: Endpoint, asked: Endpoint, ipv6_only: bool) -> bool:
    if local.agrees_with(asked):
        return True
    wide = local.is_wildcard and (local.family == asked.unmapped.family or (local.address == "::" and not ipv6_only))
    return wide and local.port == asked.port


def _remote(sock: socket.socket) -> Endpoint:
    try:
        return Endpoint.of(sock.getpeername())
    except OSError:  # ENOTCONN: the table then shows the wildcard and port 0
        return Endpoint("::" if sock.family == socket.AF_INET6 else "0.0.0.0", 0)


def _rows(protocol: str, states: frozenset[str] | None, port: int = 0, owners: bool = False) -> list[SocketRow]:
    """Read the rows of one protocol from its source. Args: port: 0 = all; owners: only psutil tells them at once."""
    if source(protocol) == "netlink":
        if not sock_diag.state_mask(protocol, states):
            return []
        names: dict[tuple, Endpoint] = {}
        return [sock_diag.row(one, protocol, names) for one in sock_diag.dump(protocol, states=states, port=port)]
    every = proc_table.rows(protocol) if source(protocol) == "proc" else psutil_table.rows((protocol,), owners)
    return [row for row in every if (states is None or row.state in states) and port in (0, row.local.port)]


def _owned(rows: list[SocketRow], among: Iterable[int] | None = None) -> list[SocketRow]:
    """Fill in the owners of rows that were just made; one without inode has none, and it is known that it has none."""
    holders = owners_of({row.inode for row in rows if row.inode}, among)
    for row in rows:
        if row.inode is not None:
            object.__setattr__(row, "owners", holders.get(row.inode) if row.inode else ())
    return rows


def _checked(protocols: tuple[str, ...], states: Iterable[str] | None) -> frozenset[str] | None:
    for protocol in protocols:
        if protocol not in TOLD:
            rarer = ", ".join(map(repr, TOLD[2:]))
            raise BadInput(f"{protocol!r} is not in the table: pass 'tcp' or 'udp', or of the rarer ones {rarer}.")
    if states is None:
        return None
    kept = frozenset((states,) if isinstance(states, str) else states)
    for state in kept - {*TCP_STATES, *UDP_STATES}:
        raise BadInput(f"{state!r} is not a state: pass some of {', '.join((*TCP_STATES, *UDP_STATES))}.")
    return kept
