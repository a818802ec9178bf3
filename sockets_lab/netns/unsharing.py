"""Leave the namespaces of one's parent for new ones. Linux only. Source: namespaces(7), unshare(2), prctl(2)."""

import ctypes
import os
import signal

USER, NETWORK, PID, HOSTNAME = 0x10000000, 0x40000000, 0x20000000, 0x04000000  # CLONE_NEW...: sched.h
PR_SET_PDEATHSIG = 1


def unshare(flags: int) -> None:
    """Enter new namespaces of these kinds. Raises: OSError, where this system does not allow it."""
    if hasattr(os, "unshare"):  # from Python 3.12
        os.unshare(flags)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def become_root(user: int, group: int) -> None:
    """Count this user as root inside the new user namespace: root over what belongs to it, and over nothing else.

    Raises: OSError. Source: user_namespaces(7).
    """
    for name, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def die_with_parent() -> None:
    """Let the kernel kill this process when the thread that forked it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
