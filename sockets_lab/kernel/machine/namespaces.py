"""Whether this user may make a network stack of one's own here, and fill its filter, found out by doing it.

Nothing is left behind.
"""

import os
import subprocess
import sys
from functools import cache

from sockets_lab.errors import Refused, refusal
from sockets_lab.kernel import HOME

DEADLINE = 5.0  # seconds

# unshare(CLONE_NEWUSER | CLONE_NEWNET), then the first thing that only its owner may do: switch its loopback on.
# Some systems allow the first and refuse the second. Then, where there are arguments, its packet filter: they are the
# folders from which the course is imported. Prints the errno, 0 for success.
TRIAL = """
import ctypes, errno, os, socket, struct, sys
flags, number = 0x50000000, 0
try:
    if hasattr(os, "unshare"):  # from Python 3.12
        os.unshare(flags)
    elif (libc := ctypes.CDLL(None, use_errno=True)).unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")
    import fcntl
    with socket.socket() as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP: netdevice(7)
    if sys.argv[1:]:
        sys.path[:] = sys.argv[1:]
        from sockets_lab.lab.firewall import kernel
        kernel.try_out()
except OSError as error:
    number = error.errno
except (AttributeError, ImportError, TypeError):  # no such call on this system
    number = errno.ENOSYS
print(number)
"""


@cache
def try_namespaces() -> bool | Refused | None:
    """Try to make a network stack of one's own, in a process of its own: when that ends, the stack is gone with it.

    Returns: True; `Refused`; None where this could not be found out (no interpreter to start, or no answer in 5 s).
    Source: network_namespaces(7), user_namespaces(7).
    """
    return _tried()


@cache
def try_firewall() -> bool | Refused | None:
    """Try whether the packet filter of such a network stack takes rules. Returns: as above. Source: nft(8)."""
    stacks = try_namespaces()
    return _tried(HOME, *sys.path) if stacks is True else stacks


def _tried(*folders: str) -> bool | Refused | None:
    command = [sys.executable or "python3", "-I", "-S", "-c", TRIAL, *folders]
    try:
        trial = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=True)
        number = int(trial.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return refusal(OSError(number, os.strerror(number))) if number else True
