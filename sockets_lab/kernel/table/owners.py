"""Which processes hold a descriptor of a socket: one walk of /proc/*/fd. Linux only, read only."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

from sockets_lab.model import Owner

KCMP = {"x86_64": 312, "aarch64": 272}  # by the machine, the number of this system call. Source: kcmp(2)
KCMP_FILES = 2


def owners_of(inodes: Iterable[int], among: Iterable[int] | None = None) -> dict[int, tuple[Owner, ...]]:
    """Find the processes and descriptors that lead to these sockets. Returns: inode -> owners, as /proc lists them.

    Args: among: look into these processes only, which takes a part of the time; None = all.
    An inode is left out where nobody whom we may look at holds it: it is then another user's, another pid namespace's,
    or the kernel's own. Threads usually share the descriptors of their process; those that do not are looked into only
    for what no process holds.
    Source: proc_pid_fd(5), unshare(2) on CLONE_FILES.
    """
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    if not wanted:
        return {}
    pids = _listed("/proc") if among is None else list(map(str, among))
    empty: list[str] = []
    found = _found(wanted, ((pid, f"/proc/{pid}/fd") for pid in pids), empty)
    left = {target: inode for target, inode in wanted.items() if inode not in found}
    if left:
        tables = ((pid, f"/proc/{pid}/task/{thread}/fd") for pid in pids for thread in _apart(pid, pid in empty))
        found |= _found(left, tables, [])
    return found


def _found(
    wanted: Mapping[str, int], tables: Iterable[tuple[str, str]], empty: list[str]
) -> dict[int, tuple[Owner, ...]]:
    """Look through some tables of descriptors. Args: empty: takes the processes whose table lists nothing."""
    found: dict[int, tuple[Owner, ...]] = {}
    for pid, folder in tables:
        held = _held(folder, wanted)
        if held is None:
            empty.append(pid)
        elif held:
            program = _program(pid)
            for inode, descriptor in held:
                owner, known = Owner(int(pid), descriptor, program), found.get(inode, ())
                found[inode] = known if owner in known else (*known, owner)
    return found


def _listed(folder: str) -> list[str]:
    """List the numbers among the names in a folder of /proc; none where it is not there."""
    try:
        return list(filter(str.isdecimal, os.listdir(folder)))
    except OSError:
        return []


def _apart(pid: str, ended: bool) -> Iterator[str]:
    """List the threads of a process that do not share its table of descriptors.

    Args: ended: the first thread has no table that we may see, as one that has ended: then all others count.
    """
    threads = [thread for thread in _listed(f"/proc/{pid}/task") if thread != pid]
    number = KCMP.get(os.uname().machine)
    if ended or not threads or number is None:
        return iter(threads if ended else ())
    compare = _system_calls()
    return (thread for thread in threads if compare(number, int(pid), int(thread), KCMP_FILES, 0, 0) > 0)


@cache
def _system_calls() -> Callable[..., int]:
    try:
        from ctypes import CDLL  # needed only for a socket that no process seems to hold
    except ImportError:  # a Python without it compares no tables, and takes each thread's for its process's
        return lambda *_: 0
    call: Callable[..., int] = CDLL(None).syscall
    return call


def _held(folder: str, wanted: Mapping[str, int]) -> list[tuple[int, int]] | None:
    """List inodes and descriptors of the wanted sockets; None where the table is empty, not ours to see, or gone."""
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    held = []
    try:
        descriptors = os.listdir(place)
        for descriptor in descriptors:
            try:
                target = os.readlink(descriptor, dir_fd=place)
            except OSError:  # closed since it was listed
                continue
            if target in wanted:
                held.append((wanted[target], int(descriptor)))
    except OSError:  # the process ended since its folder was opened
        return None
    finally:
        os.close(place)
    return held if descriptors else None


def _program(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            return comm.read().rstrip("\n")
    except OSError:
        return "?"
