"""What a lesson must not leave behind: sockets, threads and processes that were not there when it began."""

import threading
from contextlib import suppress
from dataclasses import dataclass

import psutil

from sockets_lab.kernel import descriptors
from sockets_lab.watch.sockets import Follower

JUPYTER = {"ipykernel", "zmq", "IPython", "tornado"}  # their threads come when they like, and are not the lesson's


@dataclass(frozen=True)
class Held:
    """What this process holds: internet sockets by inode, ports on which it listens, threads, child processes."""

    sockets: dict[int, str]
    ports: frozenset[int]
    threads: dict[int | None, str]  # without Jupyter's own and the inspector's
    processes: dict[int, str]


def held() -> Held:
    """Look at what this process holds now."""
    sockets = [entry for entry in descriptors.table() if entry.type in ("TCP", "UDP")]
    return Held(
        {entry.inode: f"descriptor {entry.number}, {entry.type} {entry.local or ''}".strip() for entry in sockets},
        frozenset(entry.local.port for entry in sockets if entry.local and entry.remote is None),
        {one.ident: one.name for one in threading.enumerate() if not _of_the_house(one)},
        _children(),
    )


def _of_the_house(thread: threading.Thread) -> bool:
    """Tell whether a thread is Jupyter's, or the inspector's, who looks on for as long as the learner likes."""
    return type(thread).__module__.split(".")[0] in JUPYTER or isinstance(thread, Follower)


def _children() -> dict[int, str]:
    """Name the child processes that are alive; none on a system that hides its processes, our own among them."""
    found = {}
    with suppress(psutil.Error):
        for child in psutil.Process().children():
            with suppress(psutil.Error):
                if child.status() != psutil.STATUS_ZOMBIE:
                    found[child.pid] = child.name()
    return found


def left_over(before: Held) -> list[str]:
    """Name what is here now and was not before, a line each.

    Left out is what Jupyter does by itself: its threads, and connections to the ports that its kernel had open before.
    """
    now = held()
    jupyter = {
        entry.inode
        for entry in descriptors.table()
        if entry.local and entry.remote and entry.local.port in before.ports
    }
    sockets = [f"socket: {what}" for inode, what in now.sockets.items() if inode not in before.sockets.keys() | jupyter]
    threads = [f"thread: {name}" for ident, name in now.threads.items() if ident not in before.threads]
    processes = [f"process {pid}: {name}" for pid, name in now.processes.items() if pid not in before.processes]
    return sockets + threads + processes
