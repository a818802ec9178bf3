"""This process's descriptor table: what each number stands for, and what can be done to the numbers.

A descriptor is a number that this process hands to the kernel; the socket is the kernel's. Two numbers may stand for
one socket, one number may stand for different sockets at different times, and none of them means anything elsewhere.
"""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass

from sockets_lab import table as socket_table
from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.machine import descriptor_limits
from sockets_lab.model import Endpoint, SocketRow

DEADLINE = 10.0  # seconds that a child process may take to answer
PROBED = 4096  # numbers tried one by one, where the system does not list a process's descriptors
LISTS = ("/proc/self/fd", "/dev/fd")  # proc(5) on Linux; macOS and the BSDs


@dataclass(frozen=True)
class Entry:
    """One row of the descriptor table.

    kind: "socket", "file", "directory", "pipe", "device" or "other"; inode: the number of the thing behind it, which
    two descriptors of one socket have in common; local, foreign: a socket's names where it has them.
    """

    number: int
    kind: str
    inode: int
    type: str = ""
    local: Endpoint | None = None
    foreign: Endpoint | None = None


def table() -> tuple[Entry, ...]:
    """List this process's open descriptors by number. Source: proc(5), fstat(2).

    On Windows a socket is a handle and not a file descriptor, so only files, pipes and devices appear there.
    """
    entries = (attempt(_entry, number) for number in _numbers())
    return tuple(entry for entry in entries if isinstance(entry, Entry))


def _numbers() -> list[int]:
    for place in LISTS:
        with suppress(OSError):
            return sorted(int(name) for name in os.listdir(place))
    return list(range(min(descriptor_limits()[0], PROBED)))


def _entry(number: int) -> Entry:
    status = os.fstat(number)
    kinds = {stat.S_IFSOCK: "socket", stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFIFO: "pipe",
             stat.S_IFCHR: "device", stat.S_IFBLK: "device"}  # fmt: skip
    kind = kinds.get(stat.S_IFMT(status.st_mode), "other")
    if kind != "socket":
        return Entry(number, kind, status.st_ino)
    with closing(socket.socket(fileno=os.dup(number))) as again:  # a second descriptor, so closing it harms nobody
        type_name = {socket.SOCK_STREAM: "TCP", socket.SOCK_DGRAM: "UDP"}.get(again.type, "raw")
        if again.family not in (socket.AF_INET, socket.AF_INET6):
            return Entry(number, kind, status.st_ino, "local")
        local, foreign = attempt(again.getsockname), attempt(again.getpeername)
        return Entry(number, kind, status.st_ino, type_name, _endpoint(local), _endpoint(foreign))


def _endpoint(name: object) -> Endpoint | None:
    return Endpoint.of(name) if isinstance(name, tuple) else None


def rows_behind(entries: Iterable[Entry]) -> dict[int, SocketRow]:
    """Find, for each socket among the entries, its row in the kernel's socket table: {inode: row}.

    A socket without a name has no row, and is left out.
    """
    found = {}
    for one in entries:
        with socket.socket(fileno=os.dup(one.number)) as again:
            found[one.inode] = socket_table.row_of(again)
    return {inode: row for inode, row in found.items() if row is not None}


def entry(number: int) -> Entry | Refused:
    """Return what one descriptor stands for, or Refused (EBADF) where it stands for nothing."""
    return attempt(_entry, _checked_number(number))


def _checked_number(number: object) -> int:
    highest = descriptor_limits()[0] - 1
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= highest:
        raise BadInput(f"{number!r} is no descriptor that this process can have: pass 0 to {highest}.")
    return number


def lowest_free() -> int:
    """Return the number that the next descriptor gets by the rule of POSIX: the lowest one that is not in use."""
    used = {entry.number for entry in table()}
    return next(number for number in range(len(used) + 1) if number not in used)


def at_number(sock: socket.socket, number: int) -> socket.socket | Refused:
    """Give a socket one more descriptor, with a number of one's choice.

    Args: number, 0 up to the process's limit; it must be free, because dup2 would silently close what is there.
    Returns: a socket object that owns the new descriptor. The old one stays open.
    Raises: BadInput, where the number cannot be had or stands for something already.
    Source: fcntl(2), F_DUPFD_CLOEXEC: "the lowest available descriptor greater than or equal to" the number.
    """
    taken = f"Descriptor {number} stands for something already: choose a number that is free."
    if not isinstance(entry(number), Refused):
        raise BadInput(taken)
    try:
        import fcntl
    except ImportError:
        return Refused("ENOSYS", "on this system a socket is a handle whose value cannot be chosen")
    given = attempt(fcntl.fcntl, sock.fileno(), fcntl.F_DUPFD_CLOEXEC, number)
    if isinstance(given, Refused):
        return given
    if given != number:  # somebody took it since we looked, and the kernel went on to the next one
        os.close(given)
        raise BadInput(taken)
    return socket.socket(fileno=given)


def since(before: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the internet sockets among the descriptors that were opened after `before = table()`."""
    known = {(entry.number, entry.inode) for entry in before}
    return tuple(one for one in table() if one.type in ("TCP", "UDP") and (one.number, one.inode) not in known)


@contextmanager
def tcp_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Connect two TCP sockets of this process over loopback; both are closed at the end."""
    with ExitStack() as stack:
        listener = socket.create_server(("127.0.0.1", 0))
        with listener:
            client = stack.enter_context(socket.create_connection(listener.getsockname(), timeout=DEADLINE))
            listener.settimeout(DEADLINE)
            server = stack.enter_context(listener.accept()[0])
        server.settimeout(DEADLINE)
        yield client, server


@dataclass(frozen=True)
class TwoProcesses:
    """One socket held by two processes: who they are, the inode that each sees, and what came out of the other end."""

    parent: int
    child: int
    parent_inode: int
    child_inode: int
    received: bytes


def share_with_child() -> TwoProcesses | Refused:
    """Let a child process inherit a connected socket and send on it. Source: fork(2), execve(2), PEP 446."""
    program = (
        "import os, socket, sys\n"
        "with socket.socket(fileno=int(sys.argv[1])) as inherited:\n"
        "    inherited.sendall(b'from the child')\n"
        "    print(os.getpid(), os.fstat(inherited.fileno()).st_ino)\n"
    )
    with tcp_pair() as (ours, other):
        number = ours.fileno()
        try:
            child = subprocess.run([sys.executable, "-c", program, str(number)], pass_fds=[number],
                                   capture_output=True, text=True, timeout=DEADLINE, check=True)  # fmt: skip
        except (ValueError, AssertionError):
            return Refused("ENOSYS", "on this system a child process does not inherit descriptors by number")
        pid, inode = child.stdout.split()
        received = other.recv(64)
        return TwoProcesses(os.getpid(), int(pid), os.fstat(number).st_ino, int(inode), received)


def number_elsewhere(number: int) -> str | Refused:
    """Ask another process, which inherits nothing, what it has under this number: its kind, or Refused (EBADF)."""
    program = (
        "import os, stat, sys\n"
        "try: print(int(stat.S_ISSOCK(os.fstat(int(sys.argv[1])).st_mode)))\n"
        "except OSError as error: print(-error.errno)\n"
    )
    command = [sys.executable, "-c", program, str(_checked_number(number))]
    answer = int(subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=True).stdout)
    return refusal(OSError(-answer, "")) if answer < 0 else "another socket" if answer else "something else"


@dataclass(frozen=True)
class StaleNumber:
    """What a remembered number did after its socket was closed.

    number: the descriptor; while_free: the refusal while it stood for nothing; reached: who received what was sent to
    it once the second socket had it: "the first peer" (whom the number once meant), "the second peer" or "nobody".
    """

    number: int
    while_free: Refused
    reached: str


def use_stale_number() -> StaleNumber | Refused:
    """Close a socket, keep its number, and write to the number before and after another socket has it.

    Returns: Refused, where numbers cannot be chosen.
    Raises: BadInput, where another thread of this process took the number in between; then nothing was written.
    """
    with tcp_pair() as (first, first_peer), tcp_pair() as (second, second_peer):
        number = first.detach()  # from here on only the bare number is left
        os.close(number)
        while_free = attempt(os.fstat, number)
        moved = at_number(second, number)
        if isinstance(moved, Refused):
            return moved
        with moved:
            os.write(number, b"for the first peer")
        second.close()
        received = {"the first peer": first_peer.recv(64), "the second peer": second_peer.recv(64)}
        return StaleNumber(number, while_free, next((who for who, data in received.items() if data), "nobody"))


@dataclass(frozen=True)
class FullTable:
    """How many sockets a process could open under its limit, and what it met then."""

    limit: int
    opened: int
    then: Refused


def fill_table(limit: int = 32) -> FullTable | Refused:
    """Let a child process with room for `limit` descriptors (16-1024) open sockets until it is refused.

    A child, because a limit holds for the whole process, and this one has other work to do. Source: getrlimit(2).
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 16 <= limit <= 1024:
        raise BadInput(f"{limit!r} is not a limit to try: pass a whole number from 16 to 1024.")
    program = (
        "import resource, socket, sys\n"
        "limit = int(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))\n"
        "opened = []\n"
        "try:\n"
        "    while True: opened.append(socket.socket())\n"
        "except OSError as error:\n"
        "    count, number = len(opened), error.errno\n"
        "    for one in opened: one.close()\n"
        "print(count, number)\n"
    )
    command = [sys.executable, "-c", program, str(limit)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    if child.returncode:
        return Refused("ENOSYS", "on this system a process cannot lower its limit of descriptors")
    opened, number = map(int, child.stdout.split())
    return FullTable(limit, opened, refusal(OSError(number, "")))
