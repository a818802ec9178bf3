"""The socket table through psutil, for systems where the kernel cannot be asked by netlink. Read only.

psutil tells no queues and no inodes, and on most systems one owner a socket. What it may not see, it leaves out.
"""

import os
from collections.abc import Collection
from dataclasses import replace
from functools import cache
from socket import AF_INET6, SOCK_STREAM
from typing import Any

from sockets_lab.model import TCP_STATES, Endpoint, FourTuple, Owner, SocketRow


def rows(protocols: Collection[str], owners: bool) -> list[SocketRow]:
    """Read the table. An ordinary user of macOS gets the rows of the asking process only."""
    program = cache(_program)
    found = []
    for entry in _entries()[0]:
        protocol = "tcp" if entry.type == SOCK_STREAM else "udp"
        if protocol not in protocols or not entry.laddr:
            continue
        pid = getattr(entry, "pid", os.getpid())  # entries of the asking process alone carry no pid
        holder = (Owner(pid, entry.fd, program(pid)),) if owners and pid is not None else None
        wildcard = ("::" if entry.family == AF_INET6 else "0.0.0.0", 0)
        local, remote = Endpoint.of(entry.laddr), Endpoint.of(entry.raddr or wildcard)
        found.append(SocketRow(protocol, local, remote, _state(protocol, entry), owners=holder))
    return found


def row_of(descriptor: int, protocol: str, names: FourTuple) -> SocketRow | None:
    """Find the row of a socket of this process: by its descriptor where psutil tells it, else by its names."""
    me, found = (os.getpid(), descriptor), rows((protocol,), owners=True)
    same = [row for row in found if row.local.agrees_with(names.local) and row.remote.agrees_with(names.remote)]
    mine = [row for row in same if any((one.pid, one.descriptor) == me for one in row.owners or ())]
    return replace((mine or same)[0], owners=None) if same else None


@cache
def covers_machine() -> bool:
    """Tell whether psutil may list every process's sockets."""
    return _entries()[1]


def _entries() -> tuple[list[Any], bool]:
    """Return psutil's entries, and whether they are the whole machine's."""
    import psutil  # imported when first used: where netlink tells, nobody needs it

    try:
        return psutil.net_connections("inet"), True
    except (psutil.Error, OSError):  # it may list our own only, or there is no /proc
        pass
    try:
        return psutil.Process().net_connections("inet"), False
    except (psutil.Error, OSError):
        return [], False


def _state(protocol: str, entry: Any) -> str:
    if protocol == "udp":
        return "CONNECTED" if entry.raddr else "UNCONNECTED"
    return entry.status if entry.status in TCP_STATES else "CLOSE"  # bound only: NONE, BOUND, IDLE; Windows: DELETE_TCB


def _program(pid: int) -> str:
    import psutil

    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "?"
