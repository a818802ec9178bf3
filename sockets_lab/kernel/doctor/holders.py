"""Who holds a port: every row of the socket table in every state, and the processes with a descriptor of it."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from sockets_lab.kernel import table
from sockets_lab.kernel.table import proc_table, sock_diag
from sockets_lab.kernel.table.owners import owners_of
from sockets_lab.model import TRANSPORTS, Owner, SocketRow

TIME_WAIT_TIMER = 3  # of idiag_timer: sock_diag(7)
WAITING = ("LISTEN", "UNCONNECTED")  # what has no peer yet


@dataclass(frozen=True)
class Process:
    """One process. user: its name; since: seconds of the Unix epoch; state: Linux's letter, "T" = stopped, "Z" = its
    first thread has ended; parent: a pid."""

    pid: int
    program: str
    user: str
    since: float
    state: str = ""
    parent: int = 0


@dataclass(frozen=True)
class Holder:
    """One row at the port.

    processes: None = this system does not say, () = no descriptor leads to it (TIME_WAIT, before accept); user: the
    socket's, "" = not told; ends_in: seconds until TIME_WAIT ends, None = not told; ipv6_only: None = not told;
    at_peer: the port is the peer's, and this row does not hold it; elsewhere: the row is of another network namespace
    (a container), and does not hold the port here.
    """

    row: SocketRow
    processes: tuple[Process, ...] | None
    user: str = ""
    ends_in: float | None = None
    ipv6_only: bool | None = None
    at_peer: bool = False
    elsewhere: bool = False

    @property
    def waits(self) -> bool:
        """Whether it has no peer yet: it is a listener, or any host may send to it."""
        return self.row.state in WAITING

    @property
    def where(self) -> str:
        """Its endpoint, and of a wildcard what that covers."""
        wide = "every address" if self.ipv6_only is False else "every IPv6 address"
        covers = {"0.0.0.0": "every IPv4 address", "::": wide}
        address = self.row.local.address
        return f"{self.row.local} ({covers[address]})" if address in covers else str(self.row.local)


def holders(port: int) -> tuple[Holder, ...]:
    """Find every row of TCP and UDP at this port: local ones, then TIME_WAIT at a peer's end.

    Where no socket has it here, those of other network namespaces follow; reading each namespace takes a moment.
    """
    if table.source() == "netlink":
        found = [one for protocol in TRANSPORTS for one in _of_kernel(port, protocol)]
        found += [] if any(not one.at_peer for one in found) else _elsewhere(port)
        owners = owners_of({one.row.inode for one in found if one.row.inode})
        read = cache(_process)  # one process may hold thousands
        for one in found:
            if one.row.inode:
                object.__setattr__(one, "processes", _named(owners.get(one.row.inode), read))  # it was just made
        return tuple(found)
    every = table.snapshot(owners=True)
    here = [Holder(row, _named(row.owners, _process)) for row in every if row.local.port == port]
    left = [row for row in every if row.remote.port == port and row.state == "TIME_WAIT"]
    return (*here, *(Holder(row, (), at_peer=True) for row in left))


def _of_kernel(port: int, protocol: str) -> Iterator[Holder]:
    if table.source(protocol) != "netlink":
        yield from (Holder(row, ()) for row in table.at_port(port, protocol))
        return
    names: dict = {}
    for message in sock_diag.dump(protocol, port=port):
        row = sock_diag.row(message, protocol, names)
        timer, milliseconds, uid = sock_diag.TIMER.unpack_from(message)
        ends_in = milliseconds / 1000 if timer == TIME_WAIT_TIMER else None
        only = sock_diag.is_ipv6_only(message) if row.local.family == socket.AF_INET6 else None
        yield Holder(row, (), user_name(uid) if row.inode else "", ends_in, only)
    if protocol == "tcp":
        for message in sock_diag.dump(protocol, states=frozenset(("TIME_WAIT",)), remote_port=port):
            ends_in = sock_diag.TIMER.unpack_from(message)[1] / 1000
            yield Holder(sock_diag.row(message, protocol, names), (), ends_in=ends_in, at_peer=True)


def _elsewhere(port: int) -> Iterator[Holder]:
    """Look for the port in each other network namespace that has a process which we may look into."""
    seen, pids = {_namespace("thread-self")}, list[str]()
    with suppress(OSError):  # /proc may be shut
        pids = list(filter(str.isdecimal, os.listdir("/proc")))
    for pid in pids:
        if (namespace := _namespace(pid)) and namespace not in seen:
            seen.add(namespace)
            rows = (row for protocol in TRANSPORTS for row in proc_table.rows(protocol, f"/proc/{pid}/net"))
            found = (Holder(row, (), elsewhere=True) for row in rows if row.local.port == port)
            yield from (one for one in found if one.waits)


def _namespace(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:  # ended, another user's, or a system without them
        return ""


def _named(owners: tuple[Owner, ...] | None, read: Callable[[int, str], Process]) -> tuple[Process, ...] | None:
    programs = {one.pid: one.program for one in owners or ()}
    return None if owners is None else tuple(read(pid, program) for pid, program in programs.items())


def _process(pid: int, program: str) -> Process:
    try:
        return _of_proc(pid, program) if os.path.exists("/proc/self/stat") else _of_psutil(pid, program)
    except (OSError, ValueError, IndexError):  # it has ended since
        return Process(pid, program, "", 0)


def _of_proc(pid: int, program: str) -> Process:
    """Read one process from its files. Source: proc_pid_stat(5), proc_pid_status(5)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()  # the program's name may have blanks and brackets
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        uid = next(line.split()[2] for line in file if line.startswith("Uid:"))
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return Process(pid, program, user_name(int(uid)), time.time() - age, fields[0], int(fields[1]))


def _of_psutil(pid: int, program: str) -> Process:
    import psutil

    try:
        one = psutil.Process(pid)
        with one.oneshot():
            state = "T" if one.status() == psutil.STATUS_STOPPED else ""
            return Process(pid, program, one.username(), one.create_time(), state, one.ppid())
    except psutil.Error:  # it has ended, or is another user's
        return Process(pid, program, "", 0)


@cache
def user_name(uid: int) -> str:
    import pwd  # not on Windows, where nothing tells the number of a user

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
