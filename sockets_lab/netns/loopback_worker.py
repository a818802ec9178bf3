"""A node's process where there are no network stacks of their own: it works in the machine's one stack."""

import json
import socket
import sys

from sockets_lab.netns import worker
from sockets_lab.netns.channel import Channel


def main(place: int) -> None:
    """Read from standard input what the lab is, and be the node at this place in it."""
    lab = json.load(sys.stdin)
    work, service = (Channel(_socket(handed)) for handed in lab["sockets"])
    worker.main(lab["nodes"][place], lab, work, service)


def _socket(handed: int | str) -> socket.socket:
    """Take what was handed over: a descriptor, or on Windows a packed socket."""
    if isinstance(handed, int):
        return socket.socket(fileno=handed)
    made: socket.socket = socket.fromshare(bytes.fromhex(handed))  # type: ignore[attr-defined]
    return made
