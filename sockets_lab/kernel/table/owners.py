"""Which processes hold a descriptor of a socket: one walk of /proc/*/fd. Linux only, read only."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sockets_lab.model import Owner


@dataclass(frozen=True)
class Holdings:
    """Descriptors that lead to sockets: three lists of one length, by pid and descriptor as /proc lists them.

    programs: the name of each of these processes.
    """

    inodes: list[int] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    programs: dict[int, str] = field(default_factory=dict)

    def owners(self) -> dict[int, tuple[Owner, ...]]:
        """Return inode -> owners, by pid and descriptor."""
        found: dict[int, tuple[Owner, ...]] = {}
        for inode, pid, descriptor in zip(self.inodes, self.pids, self.descriptors, strict=True):
            found[inode] = (*found.get(inode, ()), Owner(pid, descriptor, self.programs[pid]))
        return found


def holdings_of(inodes: Iterable[int], among: Iterable[int] | None = None) -> Holdings:
    """Find the descriptors that lead to these sockets, in one walk.

    Args: among: look into these processes only, which takes a part of the time; None = all.
    An inode is left out where nobody whom we may look at holds it: it is then another user's, another pid namespace's,
    or the kernel's own.
    Source: proc_pid_fd(5).
    """
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found = Holdings()
    pids = _processes() if among is None else map(str, among)
    for pid in pids if wanted else ():
        held, descriptors = _held(pid, wanted)
        if held:
            found.inodes.extend(held)
            found.pids.extend([int(pid)] * len(held))
            found.descriptors.extend(descriptors)
            found.programs[int(pid)] = _program(pid)
    return found


def owners_of(inodes: Iterable[int], among: Iterable[int] | None = None) -> dict[int, tuple[Owner, ...]]:
    """Find the holders of these sockets. Returns: inode -> owners, without the inodes that `holdings_of` leaves out."""
    return holdings_of(inodes, among).owners()


def _processes() -> list[str]:
    """List the process ids; none where /proc is not there."""
    try:
        return list(filter(str.isdecimal, os.listdir("/proc")))
    except OSError:
        return []


def _held(pid: str, wanted: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """List inodes and descriptors of the wanted sockets; none where it is not ours to see, or the process has ended."""
    inodes: list[int] = []
    descriptors: list[int] = []
    try:
        folder = os.open(f"/proc/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return [], []
    try:
        for descriptor in os.listdir(folder):
            try:
                target = os.readlink(descriptor, dir_fd=folder)
            except OSError:  # closed since it was listed
                continue
            if target in wanted:
                inodes.append(wanted[target])
                descriptors.append(int(descriptor))
    except OSError:  # the process ended since its folder was opened
        return [], []
    finally:
        os.close(folder)
    return inodes, descriptors


def _program(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            return comm.read().rstrip("\n")
    except OSError:
        return "?"
