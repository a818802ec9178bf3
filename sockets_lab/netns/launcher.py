"""The first process of a lab: leaves this user's namespaces, forks the switch, and ends when the notebook does.

Four kinds of process hold a lab together:

    notebook -> launcher -> switch (pid 1 of a new pid namespace) -> one process for each node

The lifeline runs downwards. The launcher watches the notebook by a pidfd: however the notebook ends, this tells. The
kernel then kills the switch, whose parent has ended; with pid 1 it kills every process of the pid namespace; and with
the last process the network namespaces are gone. A death signal from the notebook itself would not do: it is sent when
the *thread* that started the launcher ends, and notebooks have threads that live shortly.
"""

import errno
import os
import select
import socket
from typing import Any

from sockets_lab.netns import switch, unsharing
from sockets_lab.netns.channel import Channel, RefusedStep, step

PATIENCE = 10.0  # seconds, for the notebook to say what to make
NAMESPACES = unsharing.USER | unsharing.NETWORK | unsharing.PID | unsharing.HOSTNAME


def main(descriptor: int) -> None:
    """Run the launcher. Args: descriptor, of the socket on which the notebook says what to make."""
    channel = Channel(socket.socket(fileno=descriptor))
    try:
        lab, _ = channel.receive(PATIENCE)
        launch(channel, lab)
    except RefusedStep as refused:
        channel.send(refused.message)
    except (EOFError, TimeoutError):
        pass  # the notebook is gone already


def launch(channel: Channel, lab: dict[str, Any]) -> None:
    """Make the namespaces and fork the switch; then wait for the end of the switch, or of the notebook.

    Args: lab: "notebook", its process id; "path", where it imports from; "nodes", each with its name, address, hardware
        address, and the descriptors of its two sockets.
    """
    with step("pidfd_open"):
        notebook = _watch(lab["notebook"])
    if os.getppid() != lab["notebook"]:
        return  # it ended before we looked, and its number may be another's by now
    user, group = os.getuid(), os.getgid()
    with step("unshare"):
        unsharing.unshare(NAMESPACES)
    with step("uid_map"):
        unsharing.become_root(user, group)
    with step("fork"):
        child = os.fork()  # pid 1 of the new pid namespace
    if child == 0:
        try:
            unsharing.die_with_parent()
            os.close(notebook)
            switch.main(channel, lab)
        finally:
            os._exit(0)  # whatever happens, this process never becomes a second launcher
    channel.close()
    for node in lab["nodes"]:
        os.close(node["work"])
        os.close(node["service"])
    ends = select.poll()
    ends.register(notebook, select.POLLIN)
    ends.register(_watch(child), select.POLLIN)
    ends.poll()


def _watch(process: int) -> int:
    """Open a descriptor that can be read when a process has ended. Source: pidfd_open(2)."""
    if not hasattr(os, "pidfd_open"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))  # another system than Linux
    return os.pidfd_open(process)
