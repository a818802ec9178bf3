"""What can be done to the numbers: choose one, run out of them, use a stale one, and hand one to another process."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.kernel.descriptors import checked_number, entry
from sockets_lab.model import whole_number

DEADLINE = 10.0  # seconds that a child process may take to answer


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
        while_free: Any = attempt(os.fstat, number)
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
    whole_number(limit, 16, 1024, "a limit to try")
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
    command = [sys.executable, "-c", program, str(checked_number(number))]
    answer = int(subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=True).stdout)
    return refusal(OSError(-answer, "")) if answer < 0 else "another socket" if answer else "something else"
