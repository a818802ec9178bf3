"""What can be done to the numbers: choose one, run out of them, and write to one that has another meaning by now."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass

from sockets_lab.errors import BadInput, Refused, attempt, refusal
from sockets_lab.kernel.descriptors import entry
from sockets_lab.lessons.descriptors.sharing import DEADLINE, tcp_pair
from sockets_lab.model import whole_number


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
