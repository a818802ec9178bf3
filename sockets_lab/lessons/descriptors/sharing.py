"""One socket in two processes, and one number in two processes: what a child inherits and what it does not."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sockets_lab.errors import Refused, refusal
from sockets_lab.kernel.descriptors import checked_number

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
