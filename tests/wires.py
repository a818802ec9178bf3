"""For tests: a cable of two ends, w0 and w1, in a network of its own, and sockets that live there."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sockets_lab.errors import BadInput, Refused
from sockets_lab.kernel import machine

ROOT = str(Path(__file__).resolve().parents[1])
FAR_MAC = "02:00:00:00:00:01"  # of w1
PATIENCE = 10.0  # seconds


def make() -> None:
    """Enter a new network and lay the cable. For a process of its own: there is no way back."""
    from sockets_lab.netns import cables, rtnetlink, settings, unsharing

    user, group = os.getuid(), os.getgid()
    unsharing.unshare(unsharing.USER | unsharing.NETWORK)
    unsharing.become_root(user, group)
    settings.make_plain()
    rtnetlink.make_cable("w0", "w1", os.getpid(), bytes.fromhex(FAR_MAC.replace(":", "")))
    for name in ("lo", "w0", "w1"):
        rtnetlink.set_up(name)
    for name in ("w0", "w1"):
        cables.wait_until_up(name)


def serve(descriptor: int) -> None:
    """Make sockets in there until the other process has enough, and send their descriptors."""
    from sockets_lab.lab import capture

    def down(name: str) -> None:
        from sockets_lab.netns import rtnetlink

        rtnetlink.set_up(name, False)

    def raw(interface: str) -> socket.socket:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sock.bind((interface, 0))
        return sock

    def flood(interface: str, frames: list[bytes]) -> None:
        with raw(interface) as sock:
            for frame in frames:
                sock.send(frame)

    from sockets_lab.netns.channel import Channel

    calls = {"capture": capture.make_socket, "raw": raw, "socket": socket.socket, "down": down, "flood": flood}
    channel = Channel(socket.socket(fileno=descriptor))
    make()
    while True:
        try:
            (name, args), _ = channel.receive()
        except EOFError:
            return
        try:
            made = calls[name](*args)
        except (OSError, BadInput) as error:
            channel.send(error)
            continue
        channel.send(None, (made.fileno(),) if made else ())
        if made:
            made.close()


class Network:
    """The near end of `serve`: each call is done in there, and its socket comes out."""

    def __init__(self, sock: socket.socket) -> None:
        from sockets_lab.netns.channel import Channel

        self._channel = Channel(sock)

    def call(self, name: str, *args: Any) -> Any:
        self._channel.send((name, args))
        error, descriptors = self._channel.receive(PATIENCE)
        if error:
            raise error
        return socket.socket(fileno=descriptors[0]) if descriptors else None


@contextmanager
def network() -> Iterator[Network]:
    """Yield a network; skip the test where this system gives us none."""
    able = machine.try_namespaces()
    if able is not True:
        pytest.skip(f"no network of its own to capture in: {able if isinstance(able, Refused) else 'not found out'}")
    here, there = socket.socketpair()
    program = f"import sys; sys.path[:0] = {[ROOT, ROOT + '/tests']}; import wires; wires.serve({there.fileno()})"
    with here, there:
        process = subprocess.Popen([sys.executable, "-c", program], pass_fds=[there.fileno()])
        there.close()
        try:
            yield Network(here)
        finally:
            here.close()  # the end of the other process
            process.wait(PATIENCE)
