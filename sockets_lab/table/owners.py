"""Which processes hold a descriptor of a socket: one walk of /proc/*/fd. Linux only, read only."""

import os
from collections.abc import Collection

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
        if pid.isdecimal():
            for target, descriptor in _links(pid):
                if target in wanted:
                    found.setdefault(wanted[target], []).append(Owner(int(pid), descriptor, ""))
    programs = {pid: _program(pid) for pid in {owner.pid for owners in found.values() for owner in owners}}
    return {
        inode: tuple(sorted(Owner(owner.pid, owner.descriptor, programs[owner.pid]) for owner in owners))
        for inode, owners in found.items()
    }


def _links(pid: str) -> list[tuple[str, int]]:
    """Read what each descriptor of a process stands for; nothing where it is not ours to see, or has just ended."""
    folder = f"/proc/{pid}/fd"
    links = []
    try:
        descriptors = os.listdir(folder)
    except OSError:
        return []
    for descriptor in descriptors:
        try:
            links.append((os.readlink(f"{folder}/{descriptor}"), int(descriptor)))
        except OSError:  # closed since we listed it
            continue
    return links


def _program(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            return comm.read().rstrip("\n")
    except OSError:
        return "?"
