"""Which processes hold a descriptor of a socket: one walk of /proc/*/fd. Linux only, read only."""

import os
from collections.abc import Collection, Mapping

from sockets_lab.model import Owner


def owners_of(inodes: Collection[int]) -> dict[int, tuple[Owner, ...]]:
    """Find the holders of these sockets.

    Returns: inode -> owners, by pid and descriptor. An inode is left out where nobody whom we may look at holds it:
    it is then another user's, another pid namespace's, or the kernel's own.
    Source: proc_pid_fd(5).
    """
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, list[Owner]] = {}
    for pid in os.listdir("/proc") if wanted else ():
        if pid.isdecimal() and (held := _held(pid, wanted)):
            program = _program(pid)
            for descriptor, inode in held:
                found.setdefault(inode, []).append(Owner(int(pid), descriptor, program))
    return {inode: tuple(sorted(owners)) for inode, owners in found.items()}


def _held(pid: str, wanted: Mapping[str, int]) -> list[tuple[int, int]]:
    """List descriptor and inode of the wanted sockets; none where it is not ours to see, or the process has ended."""
    held = []
    try:
        folder = os.open(f"/proc/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return []
    try:
        for descriptor in os.listdir(folder):
            try:
                target = os.readlink(descriptor, dir_fd=folder)
            except OSError:  # closed since it was listed
                continue
            if target in wanted:
                held.append((int(descriptor), wanted[target]))
    except OSError:  # the process ended since its folder was opened
        return []
    finally:
        os.close(folder)
    return held


def _program(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            return comm.read().rstrip("\n")
    except OSError:
        return "?"
